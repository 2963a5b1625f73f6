/** Either plane by itself: by hand over TLS and plaintext, without a token, on demand, and under a foreign xDS server. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { freePort } from '../interop/envoy-process.ts';
import { STRICT } from './mesh-documents.ts';
import {
  type Bootstrap,
  type Control,
  documentBootstrap,
  folderFor,
  type HandProxy,
  speakPlaintext,
  startApp,
  startControl,
  startProxy,
  tulle,
  until,
} from './two-planes.ts';

/** The other machine: on Linux all of 127.0.0.0/8 is loopback. */
const ADDRESS = process.platform === 'linux' ? '127.0.0.7' : '127.0.0.1';
const NAMES = ['payments', 'ledger', 'audit'] as const;

const service = (name: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: http }] }
---`;

const MESH = STRICT + NAMES.map(service).join('');

interface Wanted {
  readonly name: string;
  readonly appPort: number;
  readonly tokenFile: string;
}

/** The document's bootstrap for a workload of this machine. */
async function bootstrapFor(control: Control, { name, appPort, tokenFile }: Wanted): Promise<Bootstrap> {
  const bootstrap = documentBootstrap({
    payments: name,
    '10.0.0.7': ADDRESS,
    '/etc/tulle/token': tokenFile,
    '/etc/tulle/ca-cert.pem': path.join(control.stateDir, 'ca-cert.pem'),
    'control.example': '127.0.0.1',
    'port_value: 15012': `port_value: ${control.tlsPort}`,
    'port_value: 15000': `port_value: ${await freePort()}`,
    'appPort: 9090': `appPort: ${appPort}`,
    'listen: 9090': `listen: ${await freePort()}`,
    '15080': String(await freePort()),
    '15081': String(await freePort()),
  });
  return bootstrap;
}

/** The xds-grpc cluster without TLS, the stream in state of the world. */
function plainSotw(bootstrap: Bootstrap, control: Control): Bootstrap {
  const [cluster] = bootstrap.static_resources.clusters;
  delete cluster.transport_socket;
  cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value = control.plainPort;
  bootstrap.dynamic_resources.ads_config.api_type = 'GRPC';
  return bootstrap;
}

async function startWorkload(
  t: TestContext,
  control: Control,
  folder: string,
  name: string,
  edit: (bootstrap: Bootstrap) => Bootstrap = (bootstrap) => bootstrap,
): Promise<{ proxy: HandProxy; listen: number }> {
  const appPort = await startApp(t, name);
  const bootstrap = edit(await bootstrapFor(control, { name, appPort, tokenFile: await control.token(name) }));
  const proxy = await startProxy(t, folder, name, bootstrap);
  return { proxy, listen: bootstrap.node.metadata.TULLE.register.ports[0].listen };
}

interface Instances {
  readonly instances: readonly { readonly workload: string; readonly address: string; readonly isReady: boolean }[];
}

async function isReady(control: Control, workload: string): Promise<boolean> {
  const { instances } = await control.api<Instances>('/api/instances');
  return instances.some((instance) => instance.workload === workload && instance.isReady);
}

async function sayReady(control: Control, proxy: HandProxy, workload: string): Promise<void> {
  assert.equal(await isReady(control, workload), false, 'nothing is ready before it is said');
  assert.equal((await proxy.admin('/healthcheck/ok', 'POST')).status, 200);
  await until(`${workload} is ready`, () => isReady(control, workload), control.output);
}

async function serves(proxy: HandProxy, url: string, text: RegExp): Promise<void> {
  await until(`${url} answers`, async () => text.test((await proxy.get(url)).text), proxy.output);
}

async function dumpedClusters(proxy: HandProxy, state: 'active' | 'warming' = 'active'): Promise<string[]> {
  const { status, text } = await proxy.admin(`/config_dump?resource=dynamic_${state}_clusters`);
  if (status === 404) return [];
  const { configs = [] } = JSON.parse(text) as { configs?: { cluster: { name: string } }[] };
  return configs.map(({ cluster }) => cluster.name).toSorted();
}

for (const [way, edit] of [
  ['TLS, delta', (bootstrap: Bootstrap) => bootstrap],
  ['plaintext on loopback, state of the world', plainSotw],
] as const) {
  test(`two proxies by hand over ${way}: certificate, registration, readiness, mutual TLS`, async (t) => {
    const folder = folderFor(t);
    const control = await startControl(t, folder, MESH);
    const change = (bootstrap: Bootstrap): Bootstrap => edit(bootstrap, control);
    const { proxy: payments, listen } = await startWorkload(t, control, folder, 'payments', change);
    const { proxy: ledger } = await startWorkload(t, control, folder, 'ledger', change);
    const { text: certs } = await payments.admin('/certs');
    assert.match(certs, /spiffe:\/\/cluster\.local\/ns\/shop\/sa\/payments/);

    await sayReady(control, payments, 'payments');
    await serves(ledger, 'http://payments.shop/', /^payments .*URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/ledger/);
    assert.doesNotMatch(await speakPlaintext(ADDRESS, listen), /payments/, 'STRICT: no answer without TLS');

    assert.equal((await payments.admin('/healthcheck/fail', 'POST')).status, 200);
    await until('payments is out', async () => (await ledger.get('http://payments.shop/')).status === 503, ledger.output);
  });
}

test('without a token: configuration, but no certificate and no registration', async (t) => {
  const folder = folderFor(t);
  const control = await startControl(t, folder, MESH);
  const { proxy: payments } = await startWorkload(t, control, folder, 'payments');
  await sayReady(control, payments, 'payments');
  const bootstrap = await bootstrapFor(control, { name: 'ledger', appPort: 1, tokenFile: '/nowhere' });
  delete bootstrap.node.metadata.TULLE.identity;
  delete bootstrap.node.metadata.TULLE.register;
  const stranger = await startProxy(t, folder, 'ledger', bootstrap, false);
  const cluster = 'outbound|80||payments.shop.svc.cluster.local';
  await until('configuration is there', async () => (await dumpedClusters(stranger, 'warming')).includes(cluster), stranger.output);
  assert.equal((await stranger.admin('/ready')).status, 503, 'it is not live without the certificate that its clusters need');
  assert.doesNotMatch((await stranger.admin('/certs')).text, /spiffe/);
  const { instances } = await control.api<Instances>('/api/instances');
  assert.deepEqual(
    instances.map(({ workload }) => workload),
    ['payments'],
  );

  const claiming = await bootstrapFor(control, { name: 'ledger', appPort: 1, tokenFile: '/nowhere' });
  await startProxy(t, folder, 'refused', claiming, false);
  await until('the refusal is told', async () => /registering an instance needs a token/.test(control.output()), control.output);
});

test('on demand: a proxy has only the clusters that traffic asked for, and the first request succeeds', async (t) => {
  const folder = folderFor(t);
  const control = await startControl(t, folder, MESH);
  const { proxy: payments } = await startWorkload(t, control, folder, 'payments');
  await sayReady(control, payments, 'payments');
  const { proxy: ledger } = await startWorkload(t, control, folder, 'ledger', (bootstrap) => {
    bootstrap.node.metadata.TULLE.onDemand = true;
    return bootstrap;
  });
  assert.deepEqual(await dumpedClusters(ledger), []);
  const first = await Promise.all(Array.from({ length: 20 }, () => ledger.get('http://payments.shop/')));
  for (const { text } of first) assert.match(text, /^payments .*sa\/ledger/);
  assert.deepEqual(await dumpedClusters(ledger), ['outbound|80||payments.shop.svc.cluster.local']);
  const missing = await ledger.get('http://nobody.shop/');
  assert.equal(missing.status, 502);

  // a service made later is there at the first request too
  await sayReady(control, ledger, 'ledger');
  control.write(`${MESH}${service('books').replace('app: books', 'app: payments')}`);
  await serves(ledger, 'http://books.shop/', /^payments /);
  await serves(payments, 'http://ledger.shop/', /^ledger .*sa\/payments/);
  assert.ok((await dumpedClusters(ledger)).includes('inbound|9090||'));
});

test('validate names the field and its line', async (t) => {
  const folder = folderFor(t);
  const good = path.join(folder, 'good.yaml');
  const bad = path.join(folder, 'bad.yaml');
  const lines = ['static_resources:', '  clusters:', '    - name: a', '      type: STATIC', '      connect_timeout: 1s'];
  writeFileSync(good, lines.join('\n'));
  writeFileSync(bad, [...lines, '      track_cluster_stats: {}', '      prefetch: 1'].join('\n'));
  assert.deepEqual(await tulle('proxy', '-c', good, '--mode', 'validate'), { code: 0, output: `configuration '${good}' OK\n` });
  const { code, output } = await tulle('proxy', '-c', bad, '--mode', 'validate');
  assert.equal(code, 1);
  assert.match(output, /bad\.yaml:7.*static_resources\.clusters\[0\]\.prefetch/);
  assert.match(output, /docs\/reference\/proxy\.md/);
});
