/** What goes over the wire when the mesh changes, as Google's gRPC client sees it, and what becomes of a rejection. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { ask } from '../../src/cli/demo/client.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { VirtualHostSchema } from '../../src/xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '../../src/xds/types.ts';
import { GrpcClient, type Heard } from './grpc-client.ts';
import { type Control, folderFor, startControl, tulle, until } from './two-planes.ts';

const entry = (name: string, address = '10.0.0.1', endpoints = 1): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [${Array.from({ length: endpoints }, (_, i) => `{ address: ${address.replace(/\d+$/, String(1 + (i % 250)))}, labels: { version: v${1 + (i % 2)}, n: "${i}" } }`).join(', ')}]
---
`;

const routes = (name: string, http: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}.test], http: ${http} }
---
`;

const subset = (name: string, version: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: ${name}.test, subsets: [{ name: ${version}, labels: { version: ${version} } }] }
---
${routes(name, `[{ route: [{ destination: { host: ${name}.test, subset: ${version} } }] }]`)}`;

async function worldOf(t: TestContext, yaml: string): Promise<Control> {
  return startControl(t, folderFor(t), yaml);
}

function clientOf(
  t: TestContext,
  control: Control,
  name: string,
  more: Partial<ConstructorParameters<typeof GrpcClient>[1]> = {},
): GrpcClient {
  return new GrpcClient(t, { port: control.plainPort, name, ...more });
}

const said = (heard: readonly Heard[]): string =>
  heard.map(({ type, names, removed }) => `${type} +${names.join(',')} -${removed.join(',')}`).join('\n');

/** Waits until a client has heard of `name`. */
async function hears(client: GrpcClient, name: string): Promise<void> {
  const isHeard = async (): Promise<boolean> => client.heard.some(({ names, removed }) => names.includes(name) || removed.includes(name));
  await until(`the client hears of ${name}`, isHeard, () => said(client.heard));
}

/** Waits until nothing more comes: an edit after all others has arrived, and been answered. */
let marks = 0;
async function settle(control: Control, yaml: string, ...clients: readonly GrpcClient[]): Promise<void> {
  marks += 1;
  control.write(yaml + entry(`mark${marks}`));
  for (const client of clients) await hears(client, `outbound|80||mark${marks}.test`);
}

const cluster = (name: string, version = ''): string => `outbound|80|${version}|${name}.test`;

async function proxyRow(control: Control, name: string): Promise<string> {
  const { proxies } = await control.api<{ proxies: { id: string; types: Record<string, { status: string; nack?: object }> }[] }>(
    '/api/proxies',
  );
  const row = proxies.find(({ id }) => id.includes(`~${name}-0.`));
  return JSON.stringify(row?.types ?? {});
}

async function metric(control: Control, name: string, labels = ''): Promise<number> {
  const { text } = await ask({ socketPath: `${control.stateDir}/admin.sock` }, '/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`${name}${labels === '' ? ' ' : `{${labels}}`}`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

test('what is new comes before what leads to it, and what is gone goes last', { timeout: 180_000 }, async (t) => {
  const control = await worldOf(t, entry('a', '10.0.0.1', 4) + subset('a', 'v1'));
  const client = clientOf(t, control, 'watcher').begin();
  await hears(client, '80');
  client.take();
  control.write(entry('a', '10.0.0.1', 4) + subset('a', 'v2') + entry('b') + entry('c').replace('number: 80', 'number: 8088'));
  await until(
    'the former cluster is gone',
    async () => client.heard.some(({ removed }) => removed.includes(cluster('a', 'v1'))),
    () => said(client.heard),
  );
  const heard = client.take();
  const at = (type: string, name: string): number => heard.findIndex((each) => each.type === type && each.names.includes(name));
  const order = [
    at('CDS', cluster('a', 'v2')),
    at('EDS', cluster('a', 'v2')),
    at('LDS', '0.0.0.0_8088'),
    at('RDS', '80'),
    heard.findIndex(({ type, removed }) => type === 'CDS' && removed.includes(cluster('a', 'v1'))),
  ];
  assert.ok(
    order.every((index) => index >= 0),
    said(heard),
  );
  assert.deepEqual(
    order.toSorted((x, y) => x - y),
    order,
    said(heard),
  );
});

test('a rejection stands with the resource that it names until that is mended', { timeout: 180_000 }, async (t) => {
  const good = entry('a') + entry('b');
  const control = await worldOf(t, good);
  const client = clientOf(t, control, 'picky').begin();
  client.refusal = (typeUrl, name) => (typeUrl === CLUSTER_TYPE && name === cluster('bad') ? 'not with me' : undefined);
  await hears(client, '80');
  const before = client.versions.get(CLUSTER_TYPE)?.get(cluster('a'));
  control.write(good + entry('bad') + entry('fine'));
  await until(
    'it is rejected',
    async () => (await proxyRow(control, 'picky')).includes('not with me'),
    () => said(client.heard),
  );
  assert.ok(client.versions.get(CLUSTER_TYPE)?.has(cluster('fine')), 'the others of the response are taken');
  assert.equal(client.versions.get(CLUSTER_TYPE)?.get(cluster('a')), before);
  const status = await tulle('proxy-status', '--state-dir', control.stateDir);
  assert.equal(status.code, 1);
  assert.match(status.output, /picky-0\.shop +NACK/);
  assert.match(status.output, /refused CDS: outbound\|80\|\|bad\.test: not with me/);
  const check = await tulle('check', '--state-dir', control.stateDir);
  assert.match(check.output, /refused CDS: .*not with me/);
  assert.equal(await metric(control, 'pilot_total_xds_rejects', 'type="CDS"'), 1);
  // what is accepted after it mends nothing
  await settle(control, good + entry('bad') + entry('fine'), client);
  await until(
    'the next clusters are answered',
    async () => !(await proxyRow(control, 'picky')).includes('STALE'),
    () => said(client.heard),
  );
  assert.match(await proxyRow(control, 'picky'), /not with me/);
  client.refusal = () => undefined;
  control.write(
    good +
      entry('bad').replace('name: http', 'name: http-mended') +
      entry('fine') +
      routes('bad', '[{ timeout: 3s, route: [{ destination: { host: bad.test } }] }]'),
  );
  await settle(control, good + entry('fine'), client);
  await until(
    'it is mended',
    async () => !(await proxyRow(control, 'picky')).includes('nack'),
    () => said(client.heard),
  );
  assert.equal((await tulle('proxy-status', '--state-dir', control.stateDir)).code, 0);
});

test('a client that does not read keeps nobody waiting, and gets the newest state and not each step', { timeout: 180_000 }, async (t) => {
  const many = 800;
  const mesh = (step: number): string => entry('big', `10.${step}.0.1`, many) + entry(`step${step}`);
  const control = await worldOf(t, mesh(0));
  const [slow, quick] = [clientOf(t, control, 'slow').begin(), clientOf(t, control, 'quick').begin()];
  for (const client of [slow, quick]) await hears(client, '80');
  for (const client of [slow, quick]) client.take();
  slow.pause();
  const steps = 10;
  for (let step = 1; step <= steps; step++) {
    control.write(mesh(step));
    await hears(quick, cluster(`step${step}`));
  }
  // a response of these endpoints is more than the stream's window: what was not read is in its way
  const pending = slow.heard.length;
  slow.resume();
  await hears(slow, cluster(`step${steps}`));
  await settle(control, mesh(steps), slow, quick);
  const assignments = slow.take().filter(({ type, names }) => type === 'EDS' && names.includes(cluster('big')));
  assert.ok(pending <= 4 && assignments.length <= 4, `${pending} responses before, ${assignments.length} of the large one`);
  assert.ok(
    quick.take().filter(({ type, names }) => type === 'EDS' && names.includes(cluster('big'))).length > 6,
    'the other had most steps',
  );
  const { endpoints } = fromBinary(ClusterLoadAssignmentSchema, slow.resources.get(cluster('big')) ?? new Uint8Array());
  const addresses = new Set(
    endpoints.flatMap(({ lbEndpoints }) =>
      lbEndpoints.map(({ hostIdentifier: host }) => {
        const address = host.case === 'endpoint' ? host.value.address?.address : undefined;
        return address?.case === 'socketAddress' ? address.value.address.split('.')[1] : '';
      }),
    ),
  );
  assert.deepEqual([...addresses], [String(steps)]);
});

test('a burst of edits is few pushes', { timeout: 180_000 }, async (t) => {
  const control = await worldOf(t, entry('a'));
  const client = clientOf(t, control, 'watcher').begin();
  await hears(client, '80');
  client.take();
  const begunMs = performance.now();
  for (let edit = 0; edit < 40; edit++) {
    control.write(entry('a') + routes('a', `[{ timeout: ${edit + 1}s, route: [{ destination: { host: a.test } }] }]`));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const tookMs = performance.now() - begunMs;
  await settle(control, entry('a') + routes('a', '[{ timeout: 99s, route: [{ destination: { host: a.test } }] }]'), client);
  await hears(client, '80');
  const pushes = client.take().filter(({ type, names }) => type === 'RDS' && names.includes('80')).length;
  // a burst that a slow machine stretches is several
  const most = 5 + tookMs / 200;
  assert.ok(pushes >= 1 && pushes <= most, `${pushes} pushes of 41 edits in ${Math.round(tookMs)} ms`);
});

test('a client that comes back with what it has gets what became different, and nothing else', { timeout: 180_000 }, async (t) => {
  const base = entry('a') + entry('b') + entry('c');
  const control = await worldOf(t, base);
  const former = clientOf(t, control, 'roamer').begin();
  await hears(former, '80');
  former.close();
  const watcher = clientOf(t, control, 'watcher').begin();
  control.write(entry('a') + entry('b', '10.9.9.9') + entry('d'));
  await hears(watcher, cluster('d'));
  const back = clientOf(t, control, 'roamer', { known: former.versions }).begin();
  back.ask(ENDPOINT_TYPE, [cluster('a'), cluster('b'), cluster('c')]);
  back.ask(ROUTE_TYPE, ['80']);
  await until(
    'the cluster that is no more is taken away',
    async () => back.heard.some(({ removed }) => removed.includes(cluster('c'))),
    () => said(back.heard),
  );
  const heard = back.take();
  const names = (type: string): string[] =>
    heard
      .filter((each) => each.type === type)
      .flatMap((each) => each.names)
      .toSorted();
  assert.deepEqual(names('CDS'), [cluster('d')], said(heard));
  assert.deepEqual(names('EDS'), [cluster('b'), cluster('d')], said(heard));
  assert.deepEqual(names('LDS'), [], said(heard));
  assert.deepEqual(names('RDS'), ['80'], said(heard));
});

test('virtual hosts come for those that are asked for, with word of those that there are not', { timeout: 180_000 }, async (t) => {
  const control = await worldOf(t, entry('a') + entry('b'));
  const client = clientOf(t, control, 'asker', { tulle: { onDemand: true } });
  client.ask(LISTENER_TYPE, []);
  await hears(client, '80');
  client.take();
  client.ask(VIRTUAL_HOST_TYPE, ['80/a.test', '80/A.TEST:80', '80/nobody.test', 'nowhere/a.test']);
  await hears(client, '80/a.test');
  assert.deepEqual(client.take(), [{ type: 'VHDS', names: ['80/a.test', '80/A.TEST:80'], removed: ['80/nobody.test', 'nowhere/a.test'] }]);
  assert.deepEqual(fromBinary(VirtualHostSchema, client.resources.get('80/a.test') ?? new Uint8Array()).domains.slice(0, 2), [
    'a.test',
    'a.test.',
  ]);
  const changed = entry('a') + entry('b') + entry('nobody') + routes('b', '[{ timeout: 7s, route: [{ destination: { host: b.test } }] }]');
  control.write(changed);
  await hears(client, '80/nobody.test');
  const hosts = (): Heard[] => client.take().filter(({ type }) => type === 'VHDS');
  assert.deepEqual(hosts(), [{ type: 'VHDS', names: ['80/nobody.test'], removed: [] }], 'of b it has not asked');
  client.leave(VIRTUAL_HOST_TYPE, ['80/a.test', '80/A.TEST:80']);
  control.write(entry('b') + entry('nobody') + routes('nobody', '[{ timeout: 7s, route: [{ destination: { host: b.test } }] }]'));
  await hears(client, '80/nobody.test');
  assert.deepEqual(hosts(), [{ type: 'VHDS', names: ['80/nobody.test'], removed: [] }], 'a it has left');
});
