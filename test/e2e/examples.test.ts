/** Each example does what the document it was rebuilt from says. Explicit mode: it runs wherever the tests do. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { fetchThrough } from './through-proxy.ts';
import { TestMesh } from './harness.ts';

interface Echo {
  readonly version: string;
  readonly answered: number;
}

/** A client workload of one namespace and service account: a process that only sleeps, whose proxy the test uses. */
const client = (namespace: string, serviceAccount: string): string => `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: client, namespace: ${namespace}, labels: { app: client } }
spec: { serviceAccount: ${serviceAccount}, command: [sleep, "100000"] }
`;

async function start(t: TestContext, example: string, files: Record<string, string>, ...ready: string[]): Promise<TestMesh> {
  const mesh = TestMesh.start('explicit', { example, files });
  t.after(() => mesh.stop());
  await mesh.ready(...ready);
  return mesh;
}

/** How many of `count` requests the second version answered. */
async function shareOfV2(mesh: TestMesh, url: string, headers: Record<string, string>, count: number): Promise<number> {
  let v2 = 0;
  for (let i = 0; i < count; i++) {
    const { status, text } = await fetchThrough(mesh, 'client', url, { headers });
    assert.equal(status, 200, text);
    const { version }: Echo = JSON.parse(text);
    if (version === 'v2') v2++;
  }
  return v2;
}

test('product-service: a tenth of the traffic is the canary, a failure is retried, the old field name warns', async (t) => {
  const mesh = await start(
    t,
    'product-service',
    { 'client.yaml': client('production', 'client') },
    'product-service-v1',
    'product-service-v2',
    'client',
  );
  const v2 = await shareOfV2(mesh, 'http://product-service:8080/', {}, 200);
  assert.ok(v2 >= 5 && v2 <= 45, `${v2} of 200`);
  const before = await answered(mesh);
  assert.equal((await fetchThrough(mesh, 'client', 'http://product-service:8080/fail', {})).status, 500);
  // the failed request and three retries, and the two requests that asked for the counts
  assert.equal((await answered(mesh)) - before, 4 + 2);
  const { diagnostics } = await mesh.admin<{ diagnostics: { message: string; severity: string; file: string; line: number }[] }>(
    '/api/diagnostics',
  );
  const old = diagnostics.find(({ message }) => message.includes('consecutiveErrors'));
  assert.equal(old?.severity, 'warning');
  assert.match(`${old?.file}:${old?.line}`, /mesh\.yaml:\d+/);
});

/** Requests that both versions together have answered: probes go past the proxy, so their counts are asked directly. */
async function answered(mesh: TestMesh): Promise<number> {
  let sum = 0;
  for (const instance of await mesh.instances()) {
    if (!instance.workload.startsWith('product-service')) continue;
    const { text } = await mesh.proxy(instance.id, '/stats?filter=http.inbound.*downstream_rq_completed');
    for (const match of text.matchAll(/: (\d+)/g)) sum += Number(match[1]);
  }
  return sum;
}

test('reviews: phones get the new version, others one in ten', async (t) => {
  const mesh = await start(t, 'reviews', { 'client.yaml': client('default', 'client') }, 'reviews-v1', 'reviews-v2', 'client');
  assert.equal(await shareOfV2(mesh, 'http://reviews:9080/', { 'user-agent': 'Mozilla/5.0 (iPhone) Mobile/15E148' }, 20), 20);
  const v2 = await shareOfV2(mesh, 'http://reviews:9080/', { 'user-agent': 'curl/8' }, 200);
  assert.ok(v2 >= 5 && v2 <= 45, `${v2} of 200`);
});

test('payments: only the checkout may charge, and nothing else is allowed to anybody', async (t) => {
  const checkout = client('checkout', 'checkout-app').replaceAll('name: client', 'name: checkout');
  const stranger = client('default', 'stranger');
  const mesh = await start(
    t,
    'payments',
    { 'clients.yaml': `${checkout}---\n${stranger}` },
    'payments-v1',
    'payments-v2',
    'checkout',
    'client',
  );
  const url = 'http://payments.payments.svc.cluster.local:9090/charge';
  const charge = (from: string, method: string, target = url): Promise<{ status: number; text: string }> =>
    fetchThrough(mesh, from, target, { method, headers: { 'x-canary': 'true' } });
  const allowed = await charge('checkout', 'POST');
  assert.equal(allowed.status, 200, allowed.text);
  const { version }: Echo = JSON.parse(allowed.text);
  assert.equal(version, 'v2');
  const refused = [
    await charge('client', 'POST'),
    await charge('checkout', 'GET'),
    await charge('checkout', 'POST', url.replace('/charge', '/refund')),
  ];
  assert.deepEqual(
    refused.map(({ status, text }) => [status, text]),
    Array.from({ length: 3 }, () => [403, 'RBAC: access denied']),
  );
});
