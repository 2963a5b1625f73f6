/**
 * What `tulle explain` says is what happens: generated requests are explained in a running mesh and then sent, and the
 * answer, the cluster of the client's access log and the policy of the server's are those that it named.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadRe2 } from '../../src/core/re2.ts';
import { readHeader, readTarget } from '../../src/cli/explain/asked.ts';
import { explain } from '../../src/cli/explain/explain.ts';
import { type Explanation, outcomes } from '../../src/cli/explain/explanation.ts';
import { runningWorld } from '../../src/cli/explain/running-world.ts';
import type { World } from '../../src/cli/explain/world.ts';
import { stateDirAt } from '../../src/cli/state-dir.ts';
import { root, TestMesh } from './harness.ts';
import { fetchThrough } from './through-proxy.ts';
import { serverSpec, service, STRICT, workload } from './mesh-documents.ts';

await loadRe2();

const REQUESTS = 200;
const SEED = 20_261_121;

const own = (name: string, spec: string): string => {
  const version = /v\d$/.exec(name)?.[0] ?? 'v1';
  return workload(name, `serviceAccount: ${name}, ${spec}`, { app: name.replace(/-v\d$/, ''), labels: `, version: ${version}` });
};

const server = (name: string, more = ''): string => own(name, `${serverSpec(name)}${more}`);

const FORMAT =
  '{ "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "cluster": "%UPSTREAM_CLUSTER%", "policy": "%DYNAMIC_METADATA(tulle:policy)%" }';

const MESH = `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { accessLogFile: /dev/stdout, accessLogEncoding: JSON, accessLogFormat: '${FORMAT}' }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
${own('client', 'command: [sleep, "100000"]')}
${own('stranger', 'command: [sleep, "100000"]')}
${server('front-v1')}
${server('front-v2')}
${server('vault')}
${server('plain')}
${server('broken', ', replicas: 0')}
${['front', 'vault', 'plain', 'broken'].map((name) => service(name)).join('')}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec:
  hosts: [front]
  http:
    - name: gone
      match: [{ uri: { exact: /gone } }]
      directResponse: { status: 410 }
    - name: moved
      match: [{ uri: { prefix: /old }, method: { exact: GET } }]
      redirect: { uri: /new, redirectCode: 308 }
    - name: faulty
      match: [{ uri: { prefix: /faulty } }]
      fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
      route: [{ destination: { host: front, subset: v1 } }]
    - name: canary
      match: [{ headers: { x-canary: { regex: "t.*" } } }, { queryParams: { canary: { exact: "1" } } }]
      route: [{ destination: { host: front, subset: v2 } }]
      headers: { request: { set: { x-by: canary } } }
    - name: to-vault
      match: [{ uri: { prefix: /vault/ } }]
      rewrite: { uri: / }
      route: [{ destination: { host: vault } }]
    - name: split
      timeout: 3s
      route: [{ destination: { host: front, subset: v1 }, weight: 70 }, { destination: { host: front, subset: v2 }, weight: 30 }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: front, namespace: shop }
spec: { host: front, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: plain, namespace: shop }
spec: { host: plain, trafficPolicy: { tls: { mode: DISABLE } } }
---
${STRICT}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: vault-secret, namespace: shop }
spec:
  selector: { matchLabels: { app: vault } }
  action: DENY
  rules: [{ to: [{ operation: { paths: ["/secret*"] } }] }, { when: [{ key: "request.headers[x-canary]", values: [never] }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: vault-client, namespace: shop }
spec:
  selector: { matchLabels: { app: vault } }
  rules:
    - from: [{ source: { principals: [cluster.local/ns/shop/sa/client] } }]
      to: [{ operation: { methods: [GET] } }, { operation: { paths: ["*.open"] } }]
`;

interface Sent {
  readonly from: string;
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: readonly string[];
}

const sentArbitrary: fc.Arbitrary<Sent> = fc.record({
  from: fc.constantFrom('client', 'client', 'stranger'),
  host: fc.constantFrom('front', 'front.shop', 'vault', 'vault', 'vault.shop.svc.cluster.local', 'plain', 'broken'),
  path: fc.constantFrom(
    '/',
    '/gone',
    '/gone?x=1',
    '/old',
    '/faulty/x',
    '/vault/secret',
    '/vault/a.open',
    '/secret',
    '/x.open',
    '/x?canary=1',
  ),
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  headers: fc.constantFrom([], ['x-canary:true'], ['x-canary:false'], ['x-canary:never'], ['x-by:me']),
});

interface LogLine {
  readonly path: string;
  readonly code: number;
  readonly cluster: string | null;
  readonly policy: string | null;
}

function linesOf(mesh: TestMesh, instance: string): LogLine[] {
  return mesh
    .log(`${instance}.shop`)
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"path"'))
    .map((line): LogLine => JSON.parse(line));
}

/** Clusters of the client's side that an explanation may lead to. */
function clustersIn({ steps, branches = [] }: Explanation): string[] {
  const own = steps.filter(({ kind, side }) => kind === 'cluster' && side === 'client').map(({ text }) => text);
  return [...own, ...branches.flatMap(({ explanation }) => clustersIn(explanation))];
}

/** A request that was explained and then sent. */
interface Compared {
  readonly number: number;
  readonly from: string;
  readonly explained: Explanation;
  readonly status: number;
  /** For a failure's message. */
  readonly told: string;
}

/** Explains, sends, and holds the answer to what was said. */
async function compareAnswer(mesh: TestMesh, world: World, sent: Sent, number: number): Promise<Compared> {
  // a parameter of its own finds its lines in the logs
  const target = `${sent.path}${sent.path.includes('?') ? '&' : '?'}n=${number}_`;
  const url = `http://${sent.host}:8080${target}`;
  const headers = sent.headers.map(readHeader);
  const from = { namespace: 'shop', name: sent.from };
  const explained = await explain(world, { from, via: undefined, to: readTarget(url), method: sent.method, headers });
  const ends = outcomes(explained).map(({ verdict }) => verdict);
  const { status, text } = await fetchThrough(mesh, sent.from, url, { method: sent.method, headers: Object.fromEntries(headers) });
  const told = `${JSON.stringify(sent)} ${url}: ${status}\n${JSON.stringify(explained, undefined, 1)}`;
  if (ends.some(({ outcome }) => outcome === 'delivered')) {
    assert.equal(status, 200, told);
    const by = `shop/${String(JSON.parse(text).name)}`;
    assert.ok(
      ends.some((end) => end.by === by),
      told,
    );
  } else {
    assert.deepEqual([...new Set(ends.map((end) => end.status))], [status], told);
  }
  return { number, from: sent.from, explained, status, told };
}

/** Holds the access logs of both sides to what was said. */
function compareLogs({ number, from, explained, told }: Compared, logs: ReadonlyMap<string, readonly LogLine[]>): void {
  const lineOf = (workload: string): LogLine | undefined => logs.get(workload)?.find(({ path }) => path.includes(`n=${number}_`));
  const clusters = clustersIn(explained);
  const cluster = lineOf(from)?.cluster ?? '';
  if (clusters.length > 0) assert.ok(clusters.includes(cluster), `${cluster} is none of ${clusters.join(', ')}; ${told}`);
  const [end] = outcomes(explained);
  if (end !== undefined && end.verdict.policy !== '') assert.equal(lineOf('vault')?.policy, end.verdict.policy, told);
}

test('what explain says of requests is what a mesh does with them', async (t) => {
  const mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': MESH } });
  t.after(() => mesh.stop());
  await mesh.ready('client', 'stranger', 'front-v1', 'front-v2', 'vault', 'plain');
  const world = await runningWorld(stateDirAt(mesh.stateDir));
  const running = world.members.map(({ workload: name }) => name).toSorted();
  assert.deepEqual(running, ['client', 'front-v1', 'front-v2', 'plain', 'stranger', 'vault']);
  const compared: Compared[] = [];
  for (const [number, sent] of fc.sample(sentArbitrary, { numRuns: REQUESTS, seed: SEED }).entries()) {
    compared.push(await compareAnswer(mesh, world, sent, number));
  }
  // every kind of end has been seen
  assert.deepEqual(
    [...new Set(compared.map(({ status }) => status))].toSorted((a, b) => a - b),
    [200, 308, 403, 410, 418, 503],
  );
  await mesh.until('a log line of every request', () => {
    const logged = new Map(['client', 'stranger', 'vault'].map((name) => [name, linesOf(mesh, `${name}-0`)]));
    const has = (name: string, number: number): boolean => logged.get(name)?.some(({ path }) => path.includes(`n=${number}_`)) ?? false;
    return compared.every(({ from, number, status }) => has(from, number) && (status !== 403 || has('vault', number)));
  });
  const logs = new Map(['client', 'stranger', 'vault'].map((name) => [name, linesOf(mesh, `${name}-0`)]));
  for (const each of compared) compareLogs(each, logs);

  await t.test('plan compares a folder with it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'tulle-plan-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(mesh.folder, folder, { recursive: true });
    const requests = '{"from":"client","to":"http://vault:8080/"}\n';
    const plan = (): string => {
      const args = [path.join(root, 'bin/tulle.js'), 'plan', folder, '--state-dir', mesh.stateDir, '--requests', '-'];
      return execFileSync(process.execPath, args, { encoding: 'utf8', input: requests });
    };
    assert.equal(plan(), 'nothing would change\n');
    writeFileSync(path.join(folder, 'mesh.yaml'), `# a line more\n${MESH.replace('methods: [GET]', 'methods: [PUT]')}`);
    assert.match(
      plan(),
      /^1 resource\n {2}~ AuthorizationPolicy shop\/vault-client {2}\[mesh.yaml:\d+\]\n\n1 proxy would get .*\n {2}shop\/vault: listeners ~\S+\n\n1 of 1 request .*\n.*\n {6}403 /,
    );
  });
});
