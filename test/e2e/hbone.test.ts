/**
 * TCP between proxies of ours, in both modes: many connections are streams of few mTLS connections, policies hold by the
 * identity that the tunnel proved, and both sides count them.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Flow } from '../../src/model/flow.ts';
import { canIntercept, type Mode, TestMesh } from './harness.ts';

const START_MS = 30_000;

/** Counters and gauges of an instance's proxy whose name has `part` in it, added up. */
async function sum(mesh: TestMesh, instance: string, part: RegExp): Promise<number> {
  const { text } = await mesh.proxy(instance, '/stats');
  let total = 0;
  for (const line of text.split('\n')) if (part.test(line)) total += Number(/: (\d+)$/.exec(line)?.[1] ?? 0);
  return total;
}

async function idOf(mesh: TestMesh, workload: string): Promise<string> {
  const [instance] = await mesh.instances(workload);
  assert.ok(instance !== undefined, workload);
  return instance.id;
}

/** What the editor's last batches came to. */
function batches(mesh: TestMesh, id: string): string[] {
  return mesh.log(id).match(/\d+ of \d+ noted/g) ?? [];
}

async function startNotes(t: TestContext, mode: Mode, files: Readonly<Record<string, string>> = {}): Promise<TestMesh> {
  const mesh = TestMesh.start(mode, { example: 'notes', files });
  t.after(async () => assert.equal(await mesh.stop(), 0));
  await mesh.ready('notes', 'editor', 'stranger');
  return mesh;
}

/** Waits until a batch that began after now is whole. */
async function noted(mesh: TestMesh, editor: string): Promise<void> {
  const before = batches(mesh, editor).length;
  await mesh.until('notes are taken', () => batches(mesh, editor).slice(before).includes('20 of 20 noted'), { timeoutMs: START_MS });
}

/** Labels of a metric's series, by the source workload. */
async function labelsOf(mesh: TestMesh, instance: string, source: string): Promise<ReadonlyMap<string, string>> {
  const { text } = await mesh.proxy(instance, '/stats/prometheus');
  const line = text
    .split('\n')
    .find(
      (each) =>
        each.startsWith('istio_tcp_connections_opened_total{') &&
        each.includes(`source_workload="${source}"`) &&
        each.includes('response_flags="-"'),
    );
  return new Map([...(line ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]));
}

for (const mode of ['explicit', 'transparent'] as const) {
  const skip = mode === 'transparent' && !canIntercept() ? 'needs Linux, root, ip and nft' : false;

  test(`tunnels between proxies, ${mode} mode`, { skip, timeout: 180_000 }, async (t) => {
    const mesh = await startNotes(t, mode);
    const [notes, editor, stranger] = [await idOf(mesh, 'notes'), await idOf(mesh, 'editor'), await idOf(mesh, 'stranger')];
    await noted(mesh, editor);
    await noted(mesh, editor);

    await t.test('many connections, few handshakes', async () => {
      const connections = await sum(mesh, editor, /^cluster\.outbound\|7000\|\|notes\..*upstream_cx_total/);
      const handshakes = await sum(mesh, editor, /^cluster\.connect_originate\|.*\.ssl\.handshake/);
      assert.ok(connections >= 40, `${connections} connections`);
      assert.ok(handshakes >= 1 && handshakes <= 3, `${handshakes} handshakes`);
      assert.ok((await sum(mesh, notes, /^http\.connect_terminate\.downstream_cx_total/)) <= 6);
      assert.ok((await sum(mesh, notes, /^cluster\.inbound\|7000\|\|\.upstream_cx_total/)) >= 40);
    });

    await t.test('a stranger is refused by who it is', async () => {
      await mesh.until('the stranger is refused', async () => (await sum(mesh, notes, /^tcp\.rbac\.denied/)) > 0);
      assert.ok(batches(mesh, stranger).every((batch) => batch === '0 of 20 noted'));
    });

    await t.test('both sides count it', async () => {
      const server = await labelsOf(mesh, notes, 'editor');
      assert.equal(server.get('reporter'), 'destination');
      assert.equal(server.get('connection_security_policy'), 'mutual_tls');
      assert.equal(server.get('source_principal'), 'spiffe://cluster.local/ns/office/sa/editor');
      assert.equal(server.get('destination_principal'), 'spiffe://cluster.local/ns/office/sa/notes');
      assert.deepEqual([server.get('source_workload'), server.get('source_app'), server.get('source_version')], ['editor', 'editor', 'v1']);
      const client = await labelsOf(mesh, editor, 'editor');
      assert.equal(client.get('reporter'), 'source');
      assert.deepEqual([client.get('destination_workload'), client.get('destination_service_name')], ['notes', 'notes']);
    });

    await t.test('flow records of both sides name both ends of the tunnel', async () => {
      for (const reporter of ['source', 'destination']) {
        const query = `protocol=tcp&source=office/editor&destination=office/notes&verdict=forwarded&reporter=${reporter}`;
        const [flow] = await mesh.until(`a flow of the ${reporter}`, async () => {
          const { flows } = await mesh.admin<{ flows: Flow[] }>(`/api/flows?${query}`);
          return flows.length > 0 && flows;
        });
        assert.deepEqual(
          [flow?.isMutualTls, flow?.source.principal, flow?.destination.principal],
          [true, 'spiffe://cluster.local/ns/office/sa/editor', 'spiffe://cluster.local/ns/office/sa/notes'],
          reporter,
        );
        // of sockets, not of listeners within the proxy
        assert.match(flow?.destination.address ?? '', /^[\d.]+:\d+$/);
      }
    });
  });
}

const denying = (rule: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: denied, namespace: office }
spec:
  selector: { matchLabels: { app: notes } }
  action: DENY
  rules: [${rule}]
`;

test('policies hold for what tunnels carry', { timeout: 180_000 }, async (t) => {
  const mesh = await startNotes(t, 'explicit');
  const editor = await idOf(mesh, 'editor');
  await noted(mesh, editor);
  for (const { name, rule, isDenied } of [
    { name: 'namespace', rule: '{ from: [{ source: { namespaces: [office] } }] }', isDenied: true },
    { name: 'another namespace', rule: '{ from: [{ source: { namespaces: [outside] } }] }', isDenied: false },
    { name: 'port', rule: '{ to: [{ operation: { ports: ["7000"] } }] }', isDenied: true },
    { name: 'another port', rule: '{ to: [{ operation: { ports: ["7001"] } }] }', isDenied: false },
    { name: 'address', rule: '{ from: [{ source: { ipBlocks: [127.0.0.0/8] } }] }', isDenied: true },
    { name: 'another principal', rule: '{ from: [{ source: { principals: [cluster.local/ns/office/sa/stranger] } }] }', isDenied: false },
    { name: 'service account', rule: '{ from: [{ source: { serviceAccounts: [office/editor] } }] }', isDenied: true },
  ]) {
    await t.test(name, async () => {
      mesh.write('denied.yaml', denying(rule));
      const want = isDenied ? '0 of 20 noted' : '20 of 20 noted';
      const before = batches(mesh, editor).length;
      // a batch may be on its way while the policy is
      await mesh.until(
        want,
        () =>
          batches(mesh, editor)
            .slice(before + 1)
            .includes(want),
        { timeoutMs: START_MS },
      );
    });
  }
});

const DISABLED = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: plain-notes, namespace: office }
spec: { selector: { matchLabels: { app: notes } }, mtls: { mode: DISABLE } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: editors-only, namespace: office }
spec: { selector: { matchLabels: { app: notes } }, action: ALLOW, rules: [{ to: [{ operation: { ports: ["7000"] } }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: notes, namespace: office }
spec: { selector: { app: notes }, ports: [{ name: tcp-notes, port: 7000, appProtocol: tcp }] }
`;

const TURNED_OFF = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: notes, namespace: office }
spec: { host: notes, trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: DO_NOT_UPGRADE } } } }
`;

for (const { name, files, handshakes } of [
  { name: 'PeerAuthentication DISABLE', files: { 'mesh.yaml': DISABLED }, handshakes: 0 },
  { name: 'h2UpgradePolicy DO_NOT_UPGRADE', files: { 'off.yaml': TURNED_OFF }, handshakes: 20 },
]) {
  test(`no tunnels: ${name}`, { timeout: 180_000 }, async (t) => {
    const mesh = await startNotes(t, 'explicit', files);
    const editor = await idOf(mesh, 'editor');
    await noted(mesh, editor);
    assert.equal(await sum(mesh, editor, /^cluster\.connect_originate\|.*upstream_cx_total/), 0);
    assert.ok((await sum(mesh, editor, /^cluster\.outbound\|7000\|\|notes\..*ssl\.handshake/)) >= handshakes);
    assert.equal(await sum(mesh, await idOf(mesh, 'notes'), /^http\.connect_terminate\.downstream_rq_total/), 0);
  });
}
