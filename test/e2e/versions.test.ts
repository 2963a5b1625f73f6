/**
 * Commands about versions and proxies, on one running mesh: what proxies have, what differs, what was applied, going
 * back, and trying a version on some proxies first, with requests that fail.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ask } from '../../src/cli/demo/client.ts';
import { root, TestMesh } from './harness.ts';
import { fetchThrough } from './through-proxy.ts';

const workload = (name: string, labels: string, more: string): string => `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name}${labels} } }
spec: { ${more} }
---`;

const meshOf = (http: string): string => `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { accessLogFile: /dev/stdout, accessLogEncoding: JSON }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
${workload('client', ', istio.io/rev: canary', 'command: [sleep, "100000"]')}
${workload('front', '', 'ports: [{ name: http, port: 8080, protocol: http }], command: [node, ../echo.mjs], env: { NAME: front }, readinessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 1 }')}
apiVersion: v1
kind: Service
metadata: { name: front, namespace: shop }
spec: { selector: { app: front }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec:
  hosts: [front]
  http: ${http}
`;

const PLAIN = '[{ route: [{ destination: { host: front } }] }]';
const FAULT = '[{ fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }, route: [{ destination: { host: front } }] }]';
const answering = (status: number): string => `[{ directResponse: { status: ${status} } }]`;

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

/** One `tulle` command on the mesh, with what it says on both outputs. */
async function tulle(mesh: TestMesh, ...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [path.join(root, 'bin/tulle.js'), ...args, '--state-dir', mesh.stateDir]);
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('close', resolve);
  return { code: await promise, out };
}

function expect({ code, out }: Ran, wantCode: number, ...wanted: readonly RegExp[]): void {
  assert.equal(code, wantCode, out);
  for (const want of wanted) assert.match(out, want);
}

async function status(mesh: TestMesh): Promise<number> {
  return (await fetchThrough(mesh, 'client', 'http://front.shop:8080/', { method: 'GET', headers: {} })).status;
}

test('versions and proxies of a running mesh', async (t) => {
  const mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': meshOf(PLAIN) } });
  const staging = mkdtempSync(path.join(tmpdir(), 'tulle-staging-'));
  t.after(async () => {
    rmSync(staging, { recursive: true, force: true });
    await mesh.stop();
  });
  await mesh.ready('client', 'front');
  assert.equal(await status(mesh), 200);
  cpSync(mesh.folder, staging, { recursive: true });
  const stage = (http: string): void => writeFileSync(path.join(staging, 'mesh.yaml'), meshOf(http));

  await t.test('proxy-status and proxy-config', async () => {
    const commands: readonly (readonly [args: readonly string[], code: number, ...wanted: readonly RegExp[]])[] = [
      [['proxy-status'], 0, /^NAME +CDS +LDS +EDS +RDS +ECDS +VERSION\n/, /\nfront-0\.shop +.*SYNCED/],
      [['proxy-status', 'client'], 0, /^clusters match \(\d+\)\nlisteners match \([1-9]\d*\)\n/],
      [['proxy-config', 'clusters', 'client', '--fqdn', 'front.shop.svc.cluster.local'], 0, /\nfront\.shop.* 8080 .* outbound /],
      [['proxy-config', 'endpoints', 'client-0.shop', '--port', '1'], 0, /^none\n$/],
      [['proxy-config', 'routes', 'client', '--name', 'http_proxy'], 0, /VirtualService shop\/front \[mesh\.yaml:\d+\]/],
      [['proxy-config', 'all', 'shop/front', '-o', 'json'], 0, /^\{\n {2}"bootstrap": [^]*\n {2}"secrets": /],
      [['proxy-config', 'secrets', 'front'], 0, /\ndefault +Cert Chain +active +true /],
      [['proxy-config', 'secrets', 'front', '--port', '1'], 2, /secrets cannot be filtered by --port/],
      [['proxy-config', 'listeners', 'nobody'], 1, /no proxy of nobody runs/],
    ];
    const ran = await Promise.all(commands.map(([args]) => tulle(mesh, ...args)));
    for (const [index, [, code, ...wanted]] of commands.entries()) expect(ran[index] ?? { code: null, out: '' }, code, ...wanted);
  });

  await t.test('explain, of a request that was', async () => {
    const id = await mesh.until('its line in the log', () => /"request_id":"([^"]+)"/.exec(mesh.log('client-0.shop'))?.[1]);
    await mesh.until("the server's line", () => mesh.log('front-0.shop').includes(id));
    const wanted = [
      / client-0\.shop {2}GET .*: 200 .*\n.* front-0\.shop {2}GET /,
      /\nwas {2}200 by (outbound\|8080\S+)\nnow {2}delivered .* by \1\n/,
    ];
    expect(await tulle(mesh, 'explain', id), 0, ...wanted, /\n {2}route .*\[VirtualService shop\/front, mesh\.yaml:\d+\]/);
  });

  await t.test('diff, history, rollback and release', async () => {
    expect(await tulle(mesh, 'diff'), 0, /^$/);
    mesh.write('mesh.yaml', meshOf(answering(418)));
    await mesh.until('the edit', async () => (await status(mesh)) === 418);
    expect(await tulle(mesh, 'history'), 0, /^VERSION +TIME .*\n2 .* applied .* ~1 +edit\n1 .* superseded /);
    expect(
      await tulle(mesh, 'diff', '--against', '1', '--version', '2'),
      1,
      /^--- version 1: VirtualService shop\/front\n\+\+\+ version 2: .*\n@@ /,
      /\n\+ +status: 418\n/,
    );
    expect(await tulle(mesh, 'rollback', '-m', 'teapots'), 0, /^version 1 is in force again, as version 3\n/);
    await mesh.until('the rollback', async () => (await status(mesh)) === 200);
    expect(await tulle(mesh, 'status'), 0, /version 3 is in force, not what the folder says: rolled back to version 1: teapots/);
    expect(await tulle(mesh, 'check'), 0, /\nwarn version: version 3 is in force/);
    expect(await tulle(mesh, 'diff', '--stat'), 1, /^~ VirtualService shop\/front {2}\[mesh\.yaml\]\n$/);
    expect(await tulle(mesh, 'rollback', '--release'), 0, /the folder counts again, as version 4/);
    await mesh.until('the release', async () => (await status(mesh)) === 418);
    expect(await tulle(mesh, 'rollback', '1', '--write'), 0, /\nwrote .*mesh\.yaml\n/);
    assert.equal(readFileSync(path.join(mesh.folder, 'mesh.yaml'), 'utf8'), meshOf(PLAIN));
    await mesh.until('the hold to end', async () => !(await tulle(mesh, 'status')).out.includes('is in force, not'));
    expect(await tulle(mesh, 'diff', '/nowhere'), 2, /cannot be read/);
  });

  await t.test('a version whose requests fail is taken back by itself', async () => {
    stage(FAULT);
    const applying = tulle(mesh, 'apply', staging, '--canary', 'rev=canary', '--min-requests', '5', '--interval', '1m', '-m', 'faults');
    await mesh.until('failing requests', async () => (await status(mesh)) === 503);
    await mesh.until('the way back', async () => (await status(mesh)) === 200, { pollMs: 30 });
    expect(await applying, 1, /step 1 of 1 \(revision canary\)/, /version 6 failed: \d+ of \d+ requests of its proxies failed/);
    expect(await tulle(mesh, 'history', '6'), 0, /\n6 .* failed .* faults; \d+ of \d+ requests/, /\n {2}~ VirtualService shop\/front /);
    const { text } = await ask({ socketPath: path.join(mesh.stateDir, 'admin.sock') }, '/metrics');
    assert.match(text, /\ntulle_rollouts_total\{result="reverted"\} 1\n/);
  });

  await t.test('a version that nothing speaks against comes to all', async () => {
    stage(answering(204));
    expect(
      await tulle(mesh, 'apply', staging, '--canary', '50%', '--interval', '300ms'),
      0,
      /version 7 is in force\n/,
      /applied from elsewhere/,
    );
    assert.equal(await status(mesh), 204);
    expect(await tulle(mesh, 'rollout'), 0, /^version 7 is in force\nno rollout is under way\n/);
    stage('[{ nonsense: 1 }]');
    expect(await tulle(mesh, 'apply', staging), 1, /^tulle: mesh\.yaml:\d+: /);
  });
});
