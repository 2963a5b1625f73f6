/** Flow records, taps and what plan makes of them, on a mesh whose proxies tell of one ordinary request a second. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ask, speakPlaintext } from '../../src/cli/demo/client.ts';
import type { Flow } from '../../src/model/flow.ts';
import { root, TestMesh } from './harness.ts';
import { denyAll, member, service } from './mesh-documents.ts';
import { fetchThrough } from './through-proxy.ts';

const server = (name: string): string =>
  `${member(
    name,
    `ports: [{ name: http, port: 8080, protocol: http }], command: [node, ../echo.mjs], env: { NAME: ${name} }, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }`,
  )}${service(name)}`;

const meshYaml = (more = ''): string => `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { flows: { perSecond: 1 } }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
${member('client', 'command: [sleep, "100000"]')}
${server('cart')}
${server('vault')}
${server('locked')}
${service('nobody')}
${denyAll('vault')}
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: locked-up, namespace: shop }
spec: { selector: { matchLabels: { app: locked } }, mtls: { mode: STRICT } }
${more === '' ? '' : '---'}${more}`;

const NO_MORE = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-more, namespace: shop }
spec: { selector: { matchLabels: { app: cart } }, action: DENY, rules: [{ to: [{ operation: { paths: [/tapped*] } }] }] }
`;

let mesh: TestMesh;

before(async () => {
  mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': meshYaml() } });
  await mesh.ready('cart', 'vault', 'locked');
  await mesh.until('the client ready', async () => (await call('http://cart:8080/')).status === 200);
});
after(() => mesh.stop());

const call = (url: string, headers: Readonly<Record<string, string>> = {}) => fetchThrough(mesh, 'client', url, { headers });

async function tulle(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(root, 'bin/tulle.js'), ...args]);
  return stdout;
}

/** The flows that a query finds, once there are `count`. */
function flows(query: string, count: number): Promise<readonly Flow[]> {
  return mesh.until(`${count} flows of ${query}`, async () => {
    const { flows: found } = await mesh.admin<{ flows: Flow[] }>(`/api/flows?${query}`);
    return found.length >= count && found;
  });
}

test('a request is told of by both proxies on its way, joined by its id', { timeout: 180_000 }, async () => {
  const id = '00000000-0000-4000-8000-0000000000aa';
  // the sample is one a second: another try is told of
  const [out, incoming] = await mesh.until('both proxies', async () => {
    await call('http://cart:8080/joined?page=1', { 'x-request-id': id });
    const { flows: found } = await mesh.admin<{ flows: Flow[] }>(`/api/flows/${id}`);
    const sides = ['source', 'destination'].map((side) => found.find(({ reporter }) => reporter === side));
    return sides.every((side) => side !== undefined) && sides;
  });
  assert.ok(out && incoming);
  for (const flow of [out, incoming]) {
    assert.deepEqual(
      [
        flow.source.workload,
        flow.destination.workload,
        flow.service,
        flow.verdict,
        flow.isMutualTls,
        flow.request?.path,
        flow.request?.status,
      ],
      ['client', 'cart', 'cart.shop.svc.cluster.local', 'forwarded', true, '/joined?page=1', 200],
    );
    assert.equal(flow.source.principal, 'spiffe://cluster.local/ns/shop/sa/client');
    assert.equal(flow.destination.principal, 'spiffe://cluster.local/ns/shop/sa/cart');
    assert.equal(flow.routeOrigin?.file, 'mesh.yaml');
  }
});

test('every denial is told of, with the policy and its line', { timeout: 180_000 }, async () => {
  for (let i = 0; i < 20; i++) assert.equal((await call(`http://vault:8080/denied/${i}`)).status, 403);
  const found = await flows('verdict=denied&reporter=destination', 20);
  assert.deepEqual(new Set(found.map(({ request }) => request?.path)).size, 20);
  const [first] = found;
  const line = meshYaml()
    .split('\n')
    .findIndex((text) => text.includes('name: nobody-may'));
  assert.deepEqual([first?.policy?.kind, first?.policy?.name, first?.policy?.file], ['AuthorizationPolicy', 'nobody-may', 'mesh.yaml']);
  assert.ok(Math.abs((first?.policy?.line ?? 0) - line) <= 3, `line ${first?.policy?.line}, not about ${line}`);
  assert.match(
    await tulle('flows', '--denied', '--state-dir', mesh.stateDir),
    /shop\/client +shop\/vault .*403.* shop\/nobody-may mesh\.yaml:\d+/,
  );
});

test('plaintext that STRICT refuses is told of as a denial, whoever the caller is', { timeout: 180_000 }, async () => {
  const [locked] = await mesh.instances('locked');
  const { listen: port = 0 } = locked?.ports[0] ?? {};
  assert.equal((await call('http://locked:8080/')).status, 200);
  const { flows: before } = await mesh.admin<{ flows: Flow[] }>('/api/flows?destination=shop/locked&verdict=denied');
  assert.deepEqual(before, [], 'neither probes nor mTLS are refused');
  // one of HTTP, and one of bytes
  await assert.rejects(ask({ port }, '/', { headers: { host: 'locked:8080' } }));
  await speakPlaintext('127.0.0.1', port);
  await flows('verdict=denied&destination=shop/locked', 2);
  const json = await tulle('flows', '--denied', '--to', 'shop/locked', '-o', 'json', '--state-dir', mesh.stateDir);
  const { flows: told }: { flows: Flow[] } = JSON.parse(json);
  assert.equal(told.length, 2, 'each connection once');
  const line = meshYaml()
    .split('\n')
    .findIndex((text) => text.includes('name: locked-up'));
  for (const { verdict, reporter, protocol, flags, details, policy, source, destination, service: called, isMutualTls } of told) {
    assert.deepEqual(
      [verdict, reporter, protocol, flags, details, isMutualTls],
      ['denied', 'destination', 'tcp', ['NR'], 'plaintext_refused_mtls_is_strict', false],
    );
    assert.deepEqual([policy?.kind, policy?.name, policy?.file], ['PeerAuthentication', 'locked-up', 'mesh.yaml']);
    assert.ok(Math.abs((policy?.line ?? 0) - line) <= 3, `line ${policy?.line}, not about ${line}`);
    assert.match(source.address, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual([destination.namespace, destination.workload, called], ['shop', 'locked', 'locked.shop.svc.cluster.local']);
    assert.match(destination.address, new RegExp(`:${port}$`));
  }
  assert.match(
    await tulle('flows', '--verdict', 'denied', '--to', 'shop/locked', '--state-dir', mesh.stateDir),
    / shop\/locked .*denied: plaintext, and mTLS is STRICT: shop\/locked-up mesh\.yaml:\d+/,
  );
  const [report] = JSON.parse(await tulle('mtls', '-n', 'shop', '-o', 'json', '--state-dir', mesh.stateDir));
  const refused = report.refusals.filter((each: { destination: string }) => each.destination === 'shop/locked');
  assert.equal(
    refused.reduce((sum: number, { connections }: { connections: number }) => sum + connections, 0),
    2,
  );
  assert.match(report.namespaces[0].verdict, /refuses 127\.0\.0\.1/);
});

test('what fails is told of, with why', { timeout: 180_000 }, async () => {
  assert.equal((await call('http://nobody:8080/')).status, 503);
  const [failed] = await flows('verdict=failed&service=nobody', 1);
  assert.deepEqual([failed?.reporter, failed?.flags, failed?.source.workload], ['source', ['UH'], 'client']);
  assert.equal(failed?.details, 'no_healthy_upstream');
});

test(
  'a tap shows every request while it runs, without what is secret, and without a listener that drains',
  { timeout: 180_000 },
  async () => {
    const listeners = async (): Promise<string> => {
      const [cart] = await mesh.instances('cart');
      const { text } = await mesh.proxy(cart?.id ?? '', '/stats?filter=listener_manager');
      return text;
    };
    const before = await listeners();
    const args = ['tap', 'cart', '--reporter', 'destination', '--path', '/tapped*', '--headers', 'x-user,authorization', '-o', 'json'];
    const child = spawn(process.execPath, [path.join(root, 'bin/tulle.js'), ...args, '--state-dir', mesh.stateDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const taps = async (): Promise<string | undefined> => {
      const { text } = await ask({ socketPath: path.join(mesh.stateDir, 'admin.sock') }, '/metrics');
      return /^tulle_flow_taps (\d+)$/m.exec(text)?.[1];
    };
    await mesh.until('a tap', async () => (await taps()) === '1');
    await mesh.until('the first request', async () => {
      await call('http://cart:8080/tapped/first');
      return output !== '';
    });
    const secrets = { authorization: 'Bearer SECRET', 'x-user': 'ann' };
    for (let i = 0; i < 100; i++) await call(`http://cart:8080/tapped/${i}?token=SECRET`, secrets);
    const seen = await mesh.until('100 of 100', () => {
      const all = output
        .split('\n')
        .slice(0, -1)
        .map((line): Flow => JSON.parse(line));
      const own = all.filter(({ request }) => request?.path.includes('token') === true);
      return own.length >= 100 && own;
    });
    assert.deepEqual(new Set(seen.map(({ request }) => request?.path)).size, 100);
    assert.doesNotMatch(output, /SECRET/);
    assert.equal(seen[0]?.request?.path, '/tapped/0?token=[redacted]');
    assert.deepEqual(seen[0].request.headers, { authorization: '[redacted]', 'x-user': 'ann' });
    assert.equal(await listeners(), before);
    // however it ends
    child.kill('SIGKILL');
    await once(child, 'exit');
    await mesh.until('no tap', async () => (await taps()) === '0');
  },
);

test('plan says what an edit would change for the requests that were', { timeout: 180_000 }, async () => {
  const folder = path.join(path.dirname(mesh.folder), 'next');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'mesh.yaml'), meshYaml(NO_MORE));
  const text = await tulle('plan', folder, '--state-dir', mesh.stateDir);
  assert.match(text, /\d+ requests? from shop\/client to cart\S* .*403/s);
});
