/** `tulle why` and `tulle mtls` on a mesh in which calls fail in each of the places where they can. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ask } from '../../src/cli/demo/client.ts';
import { root, TestMesh } from './harness.ts';
import { member, service } from './mesh-documents.ts';
import { fetchThrough } from './through-proxy.ts';

const server = (name: string, command: string): string =>
  `${member(
    name,
    `ports: [{ name: http, port: 8080, protocol: http }], command: [${command}], env: { NAME: ${name} }, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }`,
  )}${service(name)}`;

/** Closes every connection with the first byte that it gets. */
const CRASHES = `require('node:net').createServer((s) => s.on('data', () => s.destroy())).listen(process.env.PORT ?? 8080, process.env.HOST)`;

const MESH = `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { accessLogFile: /dev/stdout }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
${member('client', 'command: [sleep, "100000"]')}
${server('cart', 'node, ../echo.mjs')}
${server('vault', 'node, ../echo.mjs')}
${server('crashes', `node, -e, "${CRASHES}"`)}
${service('nobody')}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: cart, namespace: shop }
spec:
  hosts: [cart]
  http:
    - match: [{ uri: { prefix: /slow } }]
      timeout: 0.3s
      route: [{ destination: { host: cart } }]
    - match: [{ uri: { prefix: /faulty } }]
      fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }
      route: [{ destination: { host: cart } }]
    - match: [{ uri: { prefix: /retried } }]
      retries: { attempts: 0 }
      route: [{ destination: { host: nowhere } }]
    - route: [{ destination: { host: cart } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody-may, namespace: shop }
spec: { selector: { matchLabels: { app: vault } }, action: DENY, rules: [{}] }
`;

interface Told {
  readonly place: string;
  readonly paragraph: string;
  readonly evidence: readonly { readonly side: string }[];
}

let mesh: TestMesh;

before(async () => {
  mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': MESH } });
  await mesh.ready('cart', 'vault', 'crashes');
  await mesh.until('the client ready', async () => (await fetchThrough(mesh, 'client', 'http://cart:8080/', {})).status === 200);
});
after(() => mesh.stop());

async function tulle(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(root, 'bin/tulle.js'), ...args, '--state-dir', mesh.stateDir]);
  return stdout;
}

/** Asks until both proxies' words are there: access logs are written in batches. */
function why(id: string, sides: number): Promise<Told> {
  return mesh.until(
    `the words of ${sides} proxies on ${id}`,
    async () => {
      const told: Told = JSON.parse(await tulle('why', id, '-o', 'json'));
      return told.evidence.length >= sides && told;
    },
    { timeoutMs: 90_000 },
  );
}

const CASES = [
  {
    name: 'an application that answers with an error',
    url: 'http://cart:8080/fail',
    status: 500,
    sides: 2,
    place: 'the called application',
    text: /shop\/cart itself answered 500/,
  },
  {
    name: 'an application that is too slow',
    url: 'http://cart:8080/slow',
    slow: true,
    status: 504,
    sides: 2,
    place: 'the called application',
    text: /shop\/cart .*had not answered/,
  },
  {
    name: 'an application that crashes',
    url: 'http://crashes:8080/',
    status: 503,
    sides: 2,
    place: 'the called application',
    text: /shop\/crashes closed the connection/,
  },
  {
    name: 'a policy',
    url: 'http://vault:8080/',
    status: 403,
    sides: 2,
    place: 'the called proxy',
    text: /said no: .*AuthorizationPolicy shop\/nobody-may/,
  },
  { name: 'a fault that is injected', url: 'http://cart:8080/faulty', status: 503, sides: 1, place: 'its proxy', text: /on purpose/ },
  {
    name: 'a destination that is not there',
    url: 'http://cart:8080/retried',
    status: 503,
    sides: 1,
    place: 'its proxy',
    text: /does not exist/,
  },
  {
    name: 'a service without instances',
    url: 'http://nobody:8080/',
    status: 503,
    sides: 1,
    place: 'the called application',
    text: /no endpoints now/,
  },
] as const;

for (const [number, { name, url, status, sides, place, text, ...more }] of CASES.entries()) {
  test(`why: ${name}`, { timeout: 180_000 }, async () => {
    const id = `00000000-0000-4000-8000-00000000000${number}`;
    const headers = { 'x-request-id': id, ...('slow' in more && { 'x-delay-ms': '1500' }) };
    const answer = await fetchThrough(mesh, 'client', url, { headers });
    assert.equal(answer.status, status);
    const told = await why(id, sides);
    assert.equal(told.place, place, told.paragraph);
    assert.match(told.paragraph, text);
  });
}

test('why: a line of a log instead of an id', { timeout: 180_000 }, async () => {
  const line = mesh
    .log('vault-0.shop')
    .split('\n')
    .find((each) => each.includes('nobody-may'));
  assert.ok(line);
  assert.match(await tulle('why', line), /^The called application's proxy \(vault-0\.shop\) said no/);
  await assert.rejects(tulle('why', 'no such id'), /no line of an access log/);
});

test('mtls: who speaks plaintext, and what STRICT would do', { timeout: 180_000 }, async () => {
  const [cart] = await mesh.instances('cart');
  const { listen: port } = cart?.ports[0] ?? { listen: 0 };
  await mesh.until('both kinds of calls counted', async () => {
    await ask({ port }, '/', { headers: { host: 'cart:8080' } });
    await fetchThrough(mesh, 'client', 'http://cart:8080/', {});
    return /unknown callers.* shop\/cart /.test(await tulle('mtls', '-n', 'shop'));
  });
  const [report] = JSON.parse(await tulle('mtls', '-o', 'json'));
  assert.match(report.namespaces[0].verdict, /^STRICT would refuse unknown callers/);
  assert.ok(report.namespaces[0].mutualTlsRatio > 0);
  assert.deepEqual([report.plaintext[0].destination, report.plaintext[0].mode], ['shop/cart', 'PERMISSIVE']);
});
