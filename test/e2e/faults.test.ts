/** What breaks at 3 a.m., done on purpose to a mesh under load. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { portOf } from '../../src/net/testing/port-of.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { leftovers, TestMesh } from './harness.ts';
import { answeringGateway } from './mesh-documents.ts';
import { others, startLoad } from './load.ts';
import { fetchThrough } from './through-proxy.ts';

const CLIENT = `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: client, namespace: default, labels: { app: client } }
spec: { command: [sleep, "100000"] }
`;
const URL_OF_REVIEWS = 'http://reviews:9080/';

async function reviews(t: TestContext): Promise<TestMesh> {
  const mesh = TestMesh.start('explicit', { example: 'reviews', files: { 'client.yaml': CLIENT } });
  t.after(() => mesh.stop());
  await mesh.ready('reviews-v1', 'reviews-v2', 'client');
  await mesh.until('the first answer', async () => (await fetchThrough(mesh, 'client', URL_OF_REVIEWS, {})).status === 200);
  return mesh;
}

/** Process ids of the mesh whose command line has every one of `parts`. */
function pids(mesh: TestMesh, ...parts: string[]): number[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(mesh.stateDir) && parts.every((part) => line.includes(part)))
    .map((line) => Number(line.trim().split(' ')[0]));
}

/** Process ids of the example's services: their command lines do not name the mesh, their folder does. */
function applications(mesh: TestMesh): number[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /\bnode echo\.mjs$/.test(line))
    .map((line) => Number(line.trim().split(' ')[0]))
    .filter((pid) => readlinkSync(`/proc/${pid}/cwd`) === path.dirname(mesh.folder));
}

const always = (subset: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - route: [{ destination: { host: reviews, subset: ${subset} } }]
`;

const DESTINATIONS = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec:
  host: reviews
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

async function versionOf(mesh: TestMesh): Promise<string> {
  const { text } = await fetchThrough(mesh, 'client', URL_OF_REVIEWS, {});
  const { version }: { version: string } = JSON.parse(text);
  return version;
}

test('an edit takes effect with no failed request; a broken one is refused and named, the former goes on', async (t) => {
  const mesh = await reviews(t);
  const load = startLoad(t, mesh, 'client', URL_OF_REVIEWS);
  mesh.write('mesh.yaml', always('v2') + DESTINATIONS);
  await mesh.until('all traffic on v2', async () => {
    for (let i = 0; i < 15; i++) if ((await versionOf(mesh)) !== 'v2') return false;
    return true;
  });
  mesh.write('mesh.yaml', always('v1').replace('subset:', 'subzet:') + DESTINATIONS);
  const refused = await mesh.until('the refusal', async () => {
    const { diagnostics } = await mesh.admin<{ diagnostics: { message: string; file: string; line: number; severity: string }[] }>(
      '/api/diagnostics',
    );
    return diagnostics.find(({ severity }) => severity === 'error');
  });
  assert.equal(refused.file, 'mesh.yaml');
  assert.equal(refused.line, 8);
  assert.match(refused.message, /subzet.*subset/s);
  assert.equal(await versionOf(mesh), 'v2');
  const writtenMs = performance.now();
  mesh.write('mesh.yaml', always('v1') + DESTINATIONS);
  await mesh.until('v1 after the mend', async () => (await versionOf(mesh)) === 'v1', { pollMs: 5 });
  t.diagnostic(`the edit took effect after ${Math.round(performance.now() - writtenMs)} ms`);
  const outcomes = await load.stop();
  assert.deepEqual(others(outcomes), []);
});

/** One subset of a name of its own, so that its cluster is new, and all traffic there. */
function only(name: string, version: string): string {
  return `${always(name)}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec: { host: reviews, subsets: [{ name: ${name}, labels: { version: ${version} } }] }
`;
}

test('subsets are renamed with the routes to them, faster than proxies follow: no request finds that there is no cluster', async (t) => {
  const mesh = await reviews(t);
  mesh.write('mesh.yaml', only('first', 'v1'));
  await mesh.until('v1', async () => (await versionOf(mesh)) === 'v1');
  const load = startLoad(t, mesh, 'client', URL_OF_REVIEWS);
  for (const [i, version] of ['v2', 'v1', 'v2', 'v1'].entries()) {
    for (const each of ['a', 'b', 'c']) {
      mesh.write('mesh.yaml', only(`${each}${i}`, version));
      await sleep(150);
    }
    await mesh.until(`c${i}`, async () => (await versionOf(mesh)) === version, { pollMs: 20 });
  }
  assert.deepEqual(others(await load.stop()), []);
});

test('the control plane killed under load: traffic goes on, and on its return proxies resync', async (t) => {
  const mesh = await reviews(t);
  const load = startLoad(t, mesh, 'client', URL_OF_REVIEWS);
  await sleep(300);
  const [control] = pids(mesh, ' control ');
  assert.ok(control !== undefined);
  process.kill(control, 'SIGKILL');
  await mesh.until('another control plane', () => pids(mesh, ' control ').some((pid) => pid !== control));
  mesh.write('mesh.yaml', always('v2') + DESTINATIONS);
  await mesh.until('the edit after its return', async () => {
    for (let i = 0; i < 10; i++) if ((await versionOf(mesh)) !== 'v2') return false;
    return true;
  });
  assert.deepEqual(others(await load.stop()), []);
});

test('a proxy killed under load: callers retry elsewhere, and it comes back', async (t) => {
  const mesh = await reviews(t);
  const [before] = await mesh.instances('reviews-v1');
  assert.ok(before !== undefined);
  const [proxy] = pids(mesh, ' proxy ', before.id);
  assert.ok(proxy !== undefined);
  process.kill(proxy, 'SIGKILL');
  await mesh.until('another proxy', () => pids(mesh, ' proxy ', before.id).some((pid) => pid !== proxy));
  await mesh.ready('reviews-v1');
  await mesh.until('answers of v1', async () => (await versionOf(mesh)) === 'v1');
});

test(
  'a workload that dies is restarted, and gets no traffic meanwhile',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async (t) => {
    const mesh = await reviews(t);
    // without the example's retries, so that a request to the dead one would show
    mesh.write('mesh.yaml', '');
    const [app] = applications(mesh);
    assert.ok(app !== undefined);
    process.kill(app, 'SIGKILL');
    // the control plane may still take it for ready when the word of its end is out
    const story = /default\/(reviews-v\d-0) .*SIGKILL[^]*\1:? starts again[^]*\1:? ready at/;
    await mesh.until('its end and its return', () => story.test(mesh.output));
    await mesh.ready('reviews-v1', 'reviews-v2');
    const outcomes: { status: number; text: string }[] = [];
    for (let i = 0; i < 20; i++) outcomes.push(await fetchThrough(mesh, 'client', URL_OF_REVIEWS, {}));
    assert.deepEqual(others(outcomes), []);
  },
);

test('a workload that never gets ready is named by tulle check and gets no traffic', async (t) => {
  const mesh = await reviews(t);
  mesh.write(
    'late.yaml',
    `apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: reviews-late, namespace: default, labels: { app: reviews, version: v1 } }
spec:
  ports: [{ name: http, port: 9099, protocol: http }]
  command: [sleep, "100000"]
  readinessProbe: { tcpSocket: { port: 9099 }, periodSeconds: 1 }
`,
  );
  await mesh.until('its registration', async () => (await mesh.instances('reviews-late')).length > 0 || mesh.log('reviews-late-0') !== '');
  const outcomes: { status: number; text: string }[] = [];
  for (let i = 0; i < 30; i++) outcomes.push(await fetchThrough(mesh, 'client', URL_OF_REVIEWS, {}));
  assert.deepEqual(others(outcomes), []);
  const check = spawnSync(process.execPath, ['bin/tulle.js', 'check', '--state-dir', mesh.stateDir], { encoding: 'utf8' });
  assert.equal(check.status, 1);
  assert.match(check.stdout, /reviews-late/);
});

test('a port in use is an error that names it, and is taken when it gets free', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.after(() => taken.close());
  const port = portOf(taken);
  const gateway = answeringGateway(port, '{ status: 200 }');
  const mesh = TestMesh.start('explicit', { files: { 'edge.yaml': gateway } });
  t.after(() => mesh.stop());
  const reason = `address: cannot listen on 127.0.0.1:${port}: the address is already in use`;
  // Envoy's place for what a listener was refused for
  await mesh.until('the reason in the configuration dump', async () =>
    /"error_state": \{[^}]*"details": "([^"]*)"/s.exec((await mesh.proxy('edge-0.default', '/config_dump')).text)?.[1]?.includes(reason),
  );
  assert.ok(mesh.log('edge-0.default').includes(reason));
  const check = spawnSync(process.execPath, ['bin/tulle.js', 'check', '--state-dir', mesh.stateDir], { encoding: 'utf8' });
  assert.equal(check.status, 1);
  assert.match(check.stdout, new RegExp(`listener .*edge-0\\.default.*${port}`));
  taken.close();
  await mesh.until('the answer, once the port is free', async () => (await ask({ port }, '/')).status === 200);
});

test('after the end nothing is left', async () => {
  const others = new Set(leftovers('of nobody'));
  const mesh = TestMesh.start('explicit', { example: 'reviews', files: { 'client.yaml': CLIENT } });
  await mesh.ready('reviews-v1', 'client');
  assert.equal(await mesh.stop(), 0);
  // what other meshes of this machine have is theirs
  assert.deepEqual(
    leftovers(mesh.stateDir).filter((each) => !others.has(each)),
    [],
  );
});
