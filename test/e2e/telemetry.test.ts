/** Telemetry and ProxyConfig in a running mesh: what proxies log, count and are started with differs by workload. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, suite, test } from 'node:test';
import { TestMesh } from './harness.ts';
import { serverSpec, service, workload } from './mesh-documents.ts';
import { fetchThrough } from './through-proxy.ts';

const server = (name: string, metadata = ''): string => workload(name, serverSpec(name), { metadata });

const MESH = `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec:
  accessLogFile: /dev/stdout
  accessLogFormat: 'LOGGED %REQ(:PATH)% %RESPONSE_CODE%'
  defaultConfig: { concurrency: 1, proxyMetadata: { WHOSE: the-mesh, ZONE: here } }
---
${workload('client', 'command: [sleep, "100000"]')}
${server('loud')}
${server('quiet', `, annotations: { proxy.istio.io/config: 'proxyMetadata: { WHOSE: an-annotation }' }`)}
${['loud', 'quiet'].map((name) => service(name)).join('')}
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: { name: loud, namespace: shop }
spec:
  selector: { matchLabels: { app: loud } }
  concurrency: 2
  environmentVariables: { WHOSE: a-proxy-config }
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: quiet, namespace: shop }
spec:
  selector: { matchLabels: { app: quiet } }
  accessLogging: [{ providers: [{ name: envoy }], disabled: true }]
  metrics:
    - overrides:
        - { match: { metric: REQUEST_SIZE }, disabled: true }
        - { match: { metric: REQUEST_COUNT }, tagOverrides: { response_flags: { operation: REMOVE } } }
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: client, namespace: shop }
spec: { selector: { matchLabels: { app: client } }, metrics: [{ overrides: [{ disabled: true }] }] }
`;

/** A proxy's process: its number, or its arguments and environment. */
function processOf(mesh: TestMesh, instance: string, what: 'args' | 'pid' = 'args'): string {
  const all = execFileSync('ps', ['axeww', '-o', 'pid,args'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const line = all.split('\n').find((one) => one.includes(`${mesh.stateDir}/proxies/${instance}/bootstrap`)) ?? '';
  return what === 'args' ? line : (line.trim().split(' ')[0] ?? '');
}

suite('Telemetry and ProxyConfig by workload', () => {
  let mesh: TestMesh;

  before(async () => {
    mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': MESH } });
    await mesh.ready('client', 'loud', 'quiet');
    for (const name of ['loud', 'quiet']) {
      await mesh.until(`${name} answers`, async () => (await fetchThrough(mesh, 'client', `http://${name}:8080/told`, {})).status === 200);
    }
  });

  after(() => mesh.stop());

  test('access logs are off for one workload, and nobody else', async () => {
    const isLogged = (name: string) => mesh.log(`${name}-0.shop`).includes('LOGGED /told 200');
    await mesh.until('the logs of client and loud', () => isLogged('client') && isLogged('loud'));
    assert.equal(isLogged('quiet'), false);
  });

  test('one workload counts otherwise', async () => {
    const statsOf = async (name: string) => {
      const { text } = await mesh.proxy(`${name}-0.shop`, '/stats/prometheus');
      return text.split('\n');
    };
    const [loud, quiet, client] = await Promise.all([statsOf('loud'), statsOf('quiet'), statsOf('client')]);
    const counted = (lines: readonly string[], metric: string) => lines.filter((line) => line.startsWith(`istio_${metric}`));
    assert.match(counted(loud, 'requests_total')[0] ?? '', /response_flags="-"/);
    // who counts nothing tells its peers all the same who it is
    assert.match(counted(loud, 'requests_total')[0] ?? '', /source_workload="client"/);
    assert.equal(counted(client, '').length, 0);
    assert.ok(counted(quiet, 'requests_total').length > 0);
    assert.doesNotMatch(counted(quiet, 'requests_total').join('\n'), /response_flags/);
    assert.ok(counted(loud, 'request_bytes').length > 0);
    assert.equal(counted(quiet, 'request_bytes').length, 0);
  });

  test('proxies are started with what the most specific says', { skip: process.platform !== 'linux' }, () => {
    const [client, loud, quiet] = ['client-0.shop', 'loud-0.shop', 'quiet-0.shop'].map((name) => processOf(mesh, name));
    assert.match(client ?? '', /--concurrency 1 .*WHOSE=the-mesh/);
    assert.match(loud ?? '', /--concurrency 2 .*WHOSE=a-proxy-config/);
    assert.match(loud ?? '', /ZONE=here/);
    assert.match(quiet ?? '', /WHOSE=an-annotation/);
  });

  test('a change of a Telemetry reaches the proxies that run', async () => {
    mesh.write('mesh.yaml', MESH.replace('disabled: true }]', 'disabled: false }]'));
    await mesh.until('quiet logs', async () => {
      await fetchThrough(mesh, 'client', 'http://quiet:8080/told-again', {});
      return mesh.log('quiet-0.shop').includes('LOGGED /told-again 200');
    });
  });

  test('settings that proxies are not started with change under way', async () => {
    const instances = async () => (await mesh.instances()).map(({ id }) => id).toSorted();
    const before = await instances();
    const process = processOf(mesh, 'quiet-0.shop', 'pid');
    mesh.write('mesh.yaml', MESH.replace('concurrency: 1,', 'concurrency: 1, tracing: { sampling: 7 },'));
    await mesh.until('another share of traces', async () => {
      const { text } = await mesh.proxy('quiet-0.shop', '/config_dump');
      return /"random_sampling":\s*\{\s*"value":\s*7/.test(text);
    });
    assert.deepEqual(await instances(), before);
    assert.equal(processOf(mesh, 'quiet-0.shop', 'pid'), process);
  });
});
