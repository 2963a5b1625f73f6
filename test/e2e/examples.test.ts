/** Each example does what the document it was rebuilt from says. Explicit mode: it runs wherever the tests do. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TLSSocket } from 'node:tls';
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
  // the request and its three retries
  assert.equal((await answered(mesh)) - before, 4);
  const { diagnostics } = await mesh.admin<{ diagnostics: { message: string; severity: string; file: string; line: number }[] }>(
    '/api/diagnostics',
  );
  const old = diagnostics.find(({ message }) => message.includes('consecutiveErrors'));
  assert.equal(old?.severity, 'warning');
  assert.match(`${old?.file}:${old?.line}`, /mesh\.yaml:\d+/);
});

/** Requests that the proxies of both versions have answered; probes go past them. */
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

test('rollout: a TrafficSplit gives the new version a tenth', async (t) => {
  const mesh = await start(t, 'rollout', { 'client.yaml': client('payments', 'client') }, 'payments-v1', 'payments-v2', 'client');
  const v2 = await shareOfV2(mesh, 'http://payments:9090/', {}, 200);
  assert.ok(v2 >= 5 && v2 <= 45, `${v2} of 200`);
});

/** A key and a certificate for `host`, signed by itself. */
function selfSigned(host: string): { readonly key: string; readonly certificate: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-cert-'));
  const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const name = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  try {
    execFileSync('openssl', ['req', '-x509', ...curve, '-days', '1', ...name, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the payments example leaves to its owner: the certificate, the gateway that runs it, and where it leads. */
function edge(certificate: string, key: string): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return `
apiVersion: v1
kind: Secret
metadata: { name: api-example-com-cert, namespace: edge }
type: kubernetes.io/tls
data: { tls.crt: ${encode(certificate)}, tls.key: ${encode(key)} }
---
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: gateway, namespace: edge, labels: { istio: ingressgateway } }
spec: { role: gateway, serviceAccount: gateway }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: edge }
spec:
  hosts: [api.example.com]
  gateways: [public]
  http: [{ route: [{ destination: { host: payments.payments.svc.cluster.local, port: { number: 9090 } } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: edge-charges, namespace: payments }
spec:
  action: ALLOW
  rules:
    - from: [{ source: { principals: [cluster.local/ns/edge/sa/gateway] } }]
      to: [{ operation: { methods: [POST], paths: [/charge] } }]
`;
}

interface EdgeAnswer {
  readonly status: number;
  readonly text: string;
  readonly subject: string;
}

/** One request to the edge on port 443 that trusts `ca` alone. */
function postTo443(ca: string, url: string): Promise<EdgeAnswer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: 443, servername: 'api.example.com', headers: { host: 'api.example.com' }, ca, agent: false };
    const sent = request({ ...options, method: 'POST', path: url }, (response) => {
      const { socket } = response;
      const subject = socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : '';
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, subject }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Why port 443 of loopback cannot be taken; false where it can. */
async function whyNot443(): Promise<string | false> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(`port 443: ${error.message}`));
    server.listen(443, '127.0.0.1', () => server.close(() => resolve(false)));
  });
}

test('payments: TLS ends at the edge with its own certificate', { skip: await whyNot443() }, async (t) => {
  const { key, certificate } = selfSigned('api.example.com');
  const mesh = await start(t, 'payments', { 'gateway.yaml': edge(certificate, key) }, 'payments-v1', 'payments-v2', 'gateway');
  const answer = await mesh.until('an answer at the edge', async () => {
    const got = await postTo443(certificate, '/charge');
    return got.status === 200 ? got : undefined;
  });
  assert.equal(answer.subject, 'api.example.com');
  const { version, headers }: { version: string; headers: Record<string, string> } = JSON.parse(answer.text);
  assert.match(version, /^v[12]$/);
  assert.equal(headers['x-forwarded-proto'], 'https');
  const refused = await postTo443(certificate, '/refund');
  assert.deepEqual([refused.status, refused.text], [403, 'RBAC: access denied']);
});

test('orders: the namespace is injected, the batch job is left out', async (t) => {
  const mesh = await start(t, 'orders', {}, 'orders-app', 'legacy-batch');
  const meshed = (await mesh.admin<{ instances: { workload: string; isMeshed: boolean }[] }>('/api/instances')).instances;
  assert.deepEqual(Object.fromEntries(meshed.map(({ workload, isMeshed }) => [workload, isMeshed])), {
    'legacy-batch': false,
    'orders-app': true,
  });
  const proxies = readdirSync(path.join(mesh.stateDir, 'proxies')).filter((name) =>
    existsSync(path.join(mesh.stateDir, 'proxies', name, 'admin.sock')),
  );
  assert.deepEqual(proxies, ['orders-app-0.orders']);
});

test('sidecars: a host that a Sidecar hides is not called, an ingress leads to where the program listens', async (t) => {
  const auditor = client('ledger', 'client').replace('name: client', 'name: auditor');
  const files = { 'client.yaml': client('shop', 'client'), 'auditor.yaml': auditor };
  const mesh = await start(t, 'sidecars', files, 'front', 'payments', 'ledger', 'client', 'auditor');
  const pay = await fetchThrough(mesh, 'client', 'http://payments.payments/pay', {});
  assert.equal(pay.status, 200, pay.text);
  assert.equal((await fetchThrough(mesh, 'client', 'http://front/', {})).status, 200);
  assert.equal((await fetchThrough(mesh, 'client', 'http://ledger.ledger/', {})).status, 502);
  // no Sidecar is for its namespace
  assert.equal((await fetchThrough(mesh, 'auditor', 'http://ledger.ledger/', {})).status, 200);
  const options = { headers: { 'x-delay-ms': '300' } };
  const all = await Promise.all(Array.from({ length: 6 }, () => fetchThrough(mesh, 'client', 'http://payments.payments/slow', options)));
  const statuses = all.map(({ status }) => status);
  assert.ok(statuses.filter((status) => status === 200).length >= 2, String(statuses));
  assert.ok(statuses.includes(503), String(statuses));
});
