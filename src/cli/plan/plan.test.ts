/** What plans say of edits: resources, proxies and requests, for small meshes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadRe2 } from '../../core/re2.ts';
import { worldOf } from '../explain/folder-world.ts';
import { noRequestsText } from '../plan.ts';
import { touchedProxies } from './proxy-changes.ts';
import { renderPlan } from './render.ts';
import { readRequests, requestChanges } from './request-changes.ts';
import { resourceChanges } from '../../compile/changes/resource-changes.ts';
import { textsAt } from './revision.ts';

await loadRe2();

const workload = (name: string): string => `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec: { serviceAccount: ${name}, ports: [{ name: http, port: 8080, protocol: http }], command: [x] }
---`;

const BASE = `${workload('client')}${workload('front')}
apiVersion: v1
kind: Service
metadata: { name: front, namespace: shop }
spec: { selector: { app: front }, ports: [{ name: http, port: 8080 }] }
`;

const routes = (timeout: string): string => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec: { hosts: [front], http: [{ timeout: ${timeout}, route: [{ destination: { host: front } }] }] }
`;

const DENIED = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: shop }
spec: { selector: { matchLabels: { app: front } } }
`;

const REQUEST = '{"from":"shop/client","to":"http://front:8080/","headers":{"X-A":"b"}}';

const CASES = [
  { name: 'the same with other lines', before: BASE, after: `# a comment\n\n${BASE}`, want: /^nothing would change\n$/ },
  {
    name: 'a policy that denies',
    before: BASE,
    after: BASE + DENIED,
    want: /\+ AuthorizationPolicy shop\/nobody {2}\[m.yaml:\d+\][^]*\n1 proxy would get [^]*shop\/front: listeners ~virtualInbound\n[^]*2 of 2 requests [^]*2 requests from shop\/client to front would become\n {6}403 by the proxy of shop\/front: no ALLOW policy allows it\n {4}from delivered/,
  },
  {
    name: 'a timeout, which decides no request otherwise',
    before: BASE + routes('1s'),
    after: BASE + routes('2s'),
    want: /^1 resource\n {2}~ VirtualService shop\/front [^]*\n2 proxies [^]*shop\/client: routes ~8080\n[^]*0 of 2 requests/,
  },
  {
    name: 'a service that goes',
    before: BASE,
    after: `${workload('client')}${workload('front')}`,
    want: /- Service shop\/front[^]*clusters -outbound\|8080\|\|front[^]*would become\n {6}there is no service front for clients in namespace shop\n/,
  },
  {
    name: 'a workload in between, which moves no address',
    before: BASE,
    after: `${workload('client')}${workload('between')}${BASE.slice(workload('client').length)}`,
    want: /^1 resource\n {2}\+ Workload shop\/between [^]*\n0 proxies/,
  },
];

for (const { name, before, after, want } of CASES) {
  test(`plan: ${name}`, async () => {
    const texts = [new Map([['m.yaml', before]]), new Map([['m.yaml', after]])] as const;
    const former = worldOf(texts[0]);
    const worlds = [former, worldOf(texts[1], former)] as const;
    const requests = readRequests(`${REQUEST}\n\n${REQUEST}\n`);
    const plan = {
      resources: resourceChanges(...texts),
      proxies: touchedProxies(...worlds),
      asked: requests.length,
      requests: await requestChanges(...worlds, requests),
    };
    assert.match(renderPlan(plan), want);
  });
}

test('that no requests were found is said', () => {
  const plan = { resources: [], proxies: [], asked: 0, requests: [] };
  const text = noRequestsText({ flows: '1s' });
  assert.equal(text, 'no requests were looked at: --flows 1s finds none that are kept');
  assert.equal(renderPlan(plan, text), `nothing would change\n\n${text}\n`);
  const proxies = [{ workload: 'shop/web', changes: [] }];
  assert.ok(renderPlan({ ...plan, proxies }, text).endsWith(`\n\n${text}\n`));
  assert.equal(renderPlan({ ...plan, proxies, asked: 1 }, text).includes(text), false);
  const asked = [{ flows: true }, { flows: false }, { flows: true, revision: 'HEAD' }, { flows: '1s', requests: '-' }];
  assert.deepEqual(asked.map(noRequestsText), ['no requests were looked at: none are kept', '', '', '']);
});

test('a request that cannot be read is named by its line', () => {
  assert.throws(() => readRequests(`${REQUEST}\n{"to":"front"}`), /line 2 of the requests: "front" is not a URL/);
  assert.throws(() => readRequests('nonsense'), /line 1 of the requests/);
});

test('a git revision is read as it was committed', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'tulle-revision-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = path.join(root, 'mesh');
  mkdirSync(path.join(folder, 'deep'), { recursive: true });
  const git = (...args: string[]): void => {
    const run = spawnSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  };
  writeFileSync(path.join(folder, 'a.yaml'), 'committed');
  writeFileSync(path.join(folder, 'deep/b.yml'), 'deep');
  writeFileSync(path.join(folder, 'c.txt'), 'no YAML');
  git('init', '-q');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  writeFileSync(path.join(folder, 'a.yaml'), 'edited');
  assert.deepEqual(
    [...textsAt(folder, 'HEAD')],
    [
      ['a.yaml', 'committed'],
      ['deep/b.yml', 'deep'],
    ],
  );
  assert.throws(() => textsAt(folder, 'nowhere'), /git ls-tree failed/);
});
