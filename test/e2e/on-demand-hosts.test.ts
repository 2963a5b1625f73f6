/**
 * Virtual hosts that come when they are first called (VHDS) from our own control plane: a proxy on demand answers as one
 * does that was sent everything, also while the mesh changes, and when the control plane is gone.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { ask } from '../../src/cli/demo/client.ts';
import { freePort } from '../interop/envoy-process.ts';
import {
  type Bootstrap,
  type Control,
  documentBootstrap,
  folderFor,
  type HandProxy,
  startApp,
  startControl,
  startProxy,
  tulle,
  until,
} from './two-planes.ts';

/** A service of two versions, each an application of its own. */
const entry = (host: string, ports: readonly number[], more = ''): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host.replaceAll(/[^a-z]/g, '-')}x, namespace: shop }
spec:
  hosts: ["${host}"]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints:
${ports.map((port, i) => `    - { address: 127.0.0.1, ports: { http: ${port} }, labels: { version: v${i + 1} } }`).join('\n')}
${more}---
`;

const k8s = (name: string, port: number): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.96.0.${name.length}, ports: [{ name: http, port: 80, targetPort: ${port} }] }
---
apiVersion: v1
kind: Endpoints
metadata: { name: ${name}, namespace: shop }
subsets: [{ addresses: [{ ip: 127.0.0.1 }], ports: [{ name: http, port: ${port} }] }]
---
`;

const routes = (name: string, hosts: readonly string[], http: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: ${JSON.stringify(hosts)}, http: ${http} }
---
`;

async function bootstrapFor(control: Control, name: string, tokenFile: string, isOnDemand: boolean): Promise<Bootstrap> {
  const bootstrap = documentBootstrap({
    payments: name,
    // not where the services are, or it would serve them
    '10.0.0.7': '127.0.0.9',
    '/etc/tulle/ca-cert.pem': path.join(control.stateDir, 'ca-cert.pem'),
    'control.example': '127.0.0.1',
    'port_value: 15012': `port_value: ${control.tlsPort}`,
    'port_value: 15000': `port_value: ${await freePort()}`,
  });
  const explicit = { httpProxyPort: await freePort(), upstreams: [] };
  bootstrap.node.metadata.TULLE = { identity: { tokenFile }, explicit, ...(isOnDemand && { onDemand: true }) };
  return bootstrap;
}

interface Pair {
  readonly demand: HandProxy;
  readonly whole: HandProxy;
}

type Call = readonly [host: string, target?: string, headers?: Readonly<Record<string, string>>];

async function answer(proxy: HandProxy, [host, target = '/', headers = {}]: Call): Promise<string> {
  const { status, text } = await ask({ port: proxy.httpProxyPort }, `http://${host}${target}`, { headers: { host, ...headers } });
  return `${status} ${text.trim()}`;
}

async function same({ demand, whole }: Pair, calls: readonly Call[]): Promise<string[]> {
  const answers: string[] = [];
  for (const call of calls) {
    const [one, other] = await Promise.all([answer(demand, call), answer(whole, call)]);
    assert.equal(one, other, JSON.stringify(call));
    answers.push(one);
  }
  return answers;
}

async function become(pair: Pair, call: Call, want: RegExp): Promise<void> {
  let last = '';
  const isSo = async (): Promise<boolean> => {
    const both = [await answer(pair.demand, call), await answer(pair.whole, call)];
    last = both.join(' | ');
    return both.every((each) => want.test(each));
  };
  await until(`${call[0]} answers ${want.source}`, isSo, () => last);
}

/** Names of virtual hosts of the HTTP proxy's table. */
async function hostsOf(proxy: HandProxy): Promise<string[]> {
  const dump: { configs: { dynamic_route_configs?: { route_config: { name: string; virtual_hosts: { name: string }[] } }[] }[] } =
    JSON.parse((await proxy.admin('/config_dump')).text);
  const tables = dump.configs.flatMap(({ dynamic_route_configs: all = [] }) => all.map(({ route_config: table }) => table));
  return tables
    .filter(({ name }) => name === 'http_proxy')
    .flatMap(({ virtual_hosts: hosts }) => hosts.map(({ name }) => name))
    .toSorted();
}

async function worldOf(t: TestContext, mesh: string): Promise<Pair & { readonly control: Control }> {
  const folder = folderFor(t);
  const control = await startControl(t, folder, mesh);
  const [demand, whole] = await Promise.all(
    ['demand', 'whole'].map(async (name) =>
      startProxy(t, folder, name, await bootstrapFor(control, name, await control.token(name), name === 'demand')),
    ),
  );
  assert.ok(demand !== undefined && whole !== undefined);
  return { control, demand, whole };
}

test('a proxy on demand answers as one that has everything', { timeout: 180_000 }, async (t) => {
  const [one, two, wild, out] = await Promise.all(['one', 'two', 'wild', 'out'].map((text) => startApp(t, text)));
  const base = [
    entry('reviews.test', [one ?? 0, two ?? 0]),
    entry('forest.test', [wild ?? 0]),
    routes('wild', ['*.wild.test'], '[{ route: [{ destination: { host: forest.test } }] }]'),
    routes('own', ['own.wild.test'], '[{ route: [{ destination: { host: reviews.test, subset: v2 } }] }]'),
    entry('egress.test', [out ?? 0]),
    k8s('cart', one ?? 0),
    `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: shop }
spec:
  host: reviews.test
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
`,
    routes(
      'reviews',
      ['reviews.test'],
      `[{ match: [{ headers: { x-user: { exact: new } } }], route: [{ destination: { host: reviews.test, subset: v2 } }] },
        { match: [{ uri: { prefix: /fault } }], fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, route: [{ destination: { host: reviews.test, subset: v1 } }] },
        { match: [{ uri: { prefix: /gone } }], redirect: { uri: /there } },
        { match: [{ uri: { prefix: /said } }], directResponse: { status: 299, body: { string: said } } },
        { route: [{ destination: { host: reviews.test, subset: v1 } }] }]`,
    ),
    routes('only', ['only-routes.test', '*.only.test'], '[{ route: [{ destination: { host: reviews.test, subset: v2 } }] }]'),
    routes(
      'cart',
      ['cart'],
      '[{ match: [{ uri: { prefix: /two } }], route: [{ destination: { host: reviews.test, subset: v2 } }] }, { route: [{ destination: { host: cart } }] }]',
    ),
  ].join('');
  const allowAny = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec: { egress: [{ hosts: ["*/*"] }], outboundTrafficPolicy: { mode: ALLOW_ANY, egressProxy: { host: egress.test, port: { number: 80 } } } }
---
`;
  const world = await worldOf(t, base);
  const { control, demand } = world;
  assert.deepEqual(await hostsOf(demand), ['block_all'], 'nothing was called yet');
  const answers = await same(world, [
    ['reviews.test'],
    ['reviews.test:80'],
    ['REVIEWS.test'],
    ['reviews.test', '/', { 'x-user': 'new' }],
    ['reviews.test', '/fault'],
    ['reviews.test', '/gone'],
    ['reviews.test', '/said'],
    ['a.wild.test'],
    ['own.wild.test'],
    ['b.a.wild.test'],
    ['only-routes.test'],
    ['a.only.test'],
    ['cart'],
    ['cart.shop', '/two'],
    ['cart.shop.svc.cluster.local:80'],
    ['10.96.0.4'],
    ['nobody.test'],
    ['reviews.test:8080'],
  ]);
  const texts = answers.map((text) => text.replace(' plain', '').trim());
  assert.deepEqual(texts, [
    '200 one',
    '200 one',
    '200 one',
    '200 two',
    '418 fault filter abort',
    '301',
    '299 said',
    '200 wild',
    '200 two',
    '200 wild',
    '200 two',
    '200 two',
    '200 one',
    '200 two',
    '200 one',
    '200 one',
    '502',
    '502',
  ]);
  const names = await hostsOf(demand);
  assert.ok(names.includes('reviews.test:80') && !names.includes('egress.test:80'), names.join(' '));

  // unknown hosts go where the mesh lets them, and what comes later is known at once
  control.write(base + allowAny);
  await become(world, ['nobody.test'], /200 out/);
  assert.deepEqual(await same(world, [['late.test'], ['nobody.test:99']]), ['200 out plain', '200 out plain']);
  control.write(base + allowAny + entry('late.test', [two ?? 0]) + routes('b', ['b.wild.test'], '[{ directResponse: { status: 277 } }]'));
  await become(world, ['late.test'], /200 two/);
  await become(world, ['b.wild.test'], /277/);
  await same(world, [['c.wild.test'], ['b.a.wild.test']]);
  control.write(base + allowAny + entry('late.test', [one ?? 0]) + routes('late', ['late.test'], '[{ directResponse: { status: 288 } }]'));
  await become(world, ['late.test'], /288/);
  assert.match((await same(world, [['b.wild.test']]))[0] ?? '', /wild/);
  control.write(base);
  await become(world, ['late.test'], /502/);

  // what the control plane means it to have is what it has
  const flags = ['--state-dir', control.stateDir, '--admin-address', `127.0.0.1:${demand.adminPort}`];
  let said = '';
  const isSynced = async (): Promise<boolean> => {
    const { code, output } = await tulle('proxy-status', 'demand-0.shop', ...flags);
    said = output;
    return code === 0;
  };
  await until('it has what it is meant to have', isSynced, () => said);
});

test('without a control plane what is known stands, and what is not waits for a bounded time', { timeout: 180_000 }, async (t) => {
  const app = await startApp(t, 'app');
  const world = await worldOf(t, entry('known.test', [app]) + entry('new.test', [app]));
  const { control, demand } = world;
  assert.match(await answer(demand, ['known.test']), /200 app/);
  await control.stop();
  await until(
    'the control plane is gone',
    async () => (await ask({ socketPath: `${control.stateDir}/admin.sock` }, '/ready').catch(() => undefined)) === undefined,
    () => '',
  );
  const beganMs = performance.now();
  const pending = answer(demand, ['new.test']);
  assert.match(await answer(demand, ['known.test']), /200 app/);
  assert.match(await pending, /502/);
  const waitedMs = performance.now() - beganMs;
  assert.ok(waitedMs > 3000, String(waitedMs));
  assert.match(await answer(demand, ['new.test']), /502/, 'and then at once');
});
