/**
 * Tokens with real keys, and other services that decide, under `tulle up`: keys that the control plane fetches and keys
 * that proxies fetch from a service of the mesh, claims in policies, and requests and connections that are asked about by
 * HTTP and by gRPC. `tulle explain` says the same beforehand.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { portOf } from '../../src/net/testing/port-of.ts';
import { freePort } from '../interop/envoy-process.ts';
import { TestMesh } from './harness.ts';
import { serverSpec, service, STRICT, workload } from './mesh-documents.ts';
import { fetchThrough } from './through-proxy.ts';

const SERVICE = path.join(import.meta.dirname, 'authz-service.ts');
const OUTSIDE = 'https://issuer.example';
const INSIDE = 'inside.example';

const keys = await generateKeyPair('ES256');
const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }] });
const stranger = await generateKeyPair('ES256');

function token(issuer: string, claims: Record<string, unknown> = {}, key = keys.privateKey): Promise<string> {
  return new SignJWT({ sub: 'alice', ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(issuer)
    .setExpirationTime('1h')
    .sign(key);
}

const own = (name: string, spec: string): string => workload(name, `serviceAccount: ${name}, ${spec}`);

const echo = (name: string): string => own(name, serverSpec(name));

const DB = `require('net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(Number(process.env.PORT))`;

function meshYaml(keysPort: number, clientPort: number, otherPort: number): string {
  const upstream = (port: number): string => `command: [sleep, "100000"], upstreams: [{ host: db, port: 5432, localPort: ${port} }]`;
  return `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec:
  extensionProviders:
    - name: by-http
      envoyExtAuthzHttp: { service: authz.shop.svc.cluster.local, port: 8000, timeout: 2s, pathPrefix: /check, includeRequestHeadersInCheck: [x-user], headersToUpstreamOnAllow: [x-decided-by], headersToDownstreamOnDeny: [x-why] }
    - name: by-grpc
      envoyExtAuthzGrpc: { service: shop/judge.shop.svc.cluster.local, port: 9000, timeout: 2s }
---
${own('client', upstream(clientPort))}
${own('other', upstream(otherPort))}
${['web', 'api'].map(echo).join('')}
${own('db', `ports: [{ name: tcp, port: 5432, protocol: tcp }], command: [node, -e, ${JSON.stringify(DB)}]`)}
${own('authz', `ports: [{ name: http, port: 8000, protocol: http }], command: [node, ${SERVICE}], env: { KEYS: '${jwks}' }`)}
${own('judge', `ports: [{ name: grpc, port: 9000, protocol: grpc }], command: [node, ${SERVICE}], env: { SPEAKS: grpc }`)}
${service('web', '{ name: http, port: 8080 }')}
${service('api', '{ name: http, port: 8080 }')}
${service('db', '{ name: tcp, port: 5432 }')}
${service('authz', '{ name: http, port: 8000 }')}
${service('judge', '{ name: grpc, port: 9000 }')}
${STRICT}
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  jwtRules:
    - { issuer: ${OUTSIDE}, jwksUri: 'http://127.0.0.1:${keysPort}/keys', outputClaimToHeaders: [{ header: x-group, claim: team.name }] }
    - { issuer: ${INSIDE}, jwksUri: 'http://authz.shop.svc.cluster.local:8000/keys', forwardOriginalToken: true }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: need-token, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  action: DENY
  rules: [{ from: [{ source: { notRequestPrincipals: ['*'] } }], to: [{ operation: { notPaths: [/open] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: admins, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  rules:
    - to: [{ operation: { notPaths: [/admin] } }]
    - to: [{ operation: { paths: [/admin] } }]
      when: [{ key: 'request.auth.claims[team][name]', values: [ops] }, { key: 'request.auth.claims[scope]', values: [write] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask-http, namespace: shop }
spec: { selector: { matchLabels: { app: web } }, action: CUSTOM, provider: { name: by-http }, rules: [{ to: [{ operation: { paths: [/asked*] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask-grpc, namespace: shop }
spec: { selector: { matchLabels: { app: api } }, action: CUSTOM, provider: { name: by-grpc }, rules: [{ to: [{ operation: { paths: [/asked*] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask-db, namespace: shop }
spec: { selector: { matchLabels: { app: db } }, action: CUSTOM, provider: { name: by-grpc }, rules: [{}] }
`;
}

let mesh: TestMesh;
let clientPort = 0;
let otherPort = 0;
const issuer = createServer((_, response) => response.end(jwks));

before(async () => {
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  clientPort = await freePort();
  otherPort = await freePort();
  const yaml = meshYaml(portOf(issuer), clientPort, otherPort);
  mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': yaml } });
  await mesh.ready('client', 'other', 'web', 'api', 'db', 'authz', 'judge');
});

after(async () => {
  await mesh.stop();
  issuer.close();
});

const TOKENS: Readonly<Record<string, string>> = {
  none: '',
  outside: await token(OUTSIDE, { team: { name: 'ops' }, scope: 'read write' }),
  reader: await token(OUTSIDE, { team: { name: 'ops' }, scope: 'read' }),
  inside: await token(INSIDE, { team: { name: 'dev' } }),
  forged: await token(OUTSIDE, {}, stranger.privateKey),
  expired: await new SignJWT({ sub: 'a' })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(OUTSIDE)
    .setExpirationTime(1)
    .sign(keys.privateKey),
  unknown: await token('https://other.example'),
};

interface Case {
  readonly path: string;
  readonly token: keyof typeof TOKENS;
  readonly user?: string;
  readonly host?: 'web' | 'api';
  readonly status: number;
  /** What the answer, or the request as the application saw it, has to contain. */
  readonly wants?: RegExp;
}

const CASES: readonly Case[] = [
  { path: '/open', token: 'none', status: 200 },
  { path: '/x', token: 'none', status: 403, wants: /RBAC: access denied/ },
  { path: '/x', token: 'outside', status: 200, wants: /"x-group":"ops"/ },
  { path: '/x', token: 'inside', status: 200, wants: /"authorization":"Bearer / },
  { path: '/open', token: 'forged', status: 401, wants: /Jwt verification fails/ },
  { path: '/open', token: 'expired', status: 401, wants: /Jwt is expired/ },
  { path: '/open', token: 'unknown', status: 401, wants: /Jwt issuer is not configured/ },
  { path: '/admin', token: 'outside', status: 200 },
  { path: '/admin', token: 'reader', status: 403 },
  { path: '/admin', token: 'inside', status: 403 },
  { path: '/asked/a', token: 'outside', status: 401, wants: /who are you/ },
  { path: '/asked/a', token: 'outside', user: 'alice', status: 200, wants: /"x-decided-by":"http \/check\/asked\/a"/ },
  // who is asked decides before tokens are looked at
  { path: '/asked/a', token: 'none', user: 'alice', status: 403, wants: /RBAC/ },
  { path: '/asked', token: 'none', host: 'api', status: 403, wants: /not by gRPC/ },
  { path: '/asked', token: 'none', host: 'api', user: 'alice', status: 200, wants: /"x-decided-by":"grpc"/ },
  { path: '/other', token: 'none', host: 'api', status: 200 },
];

for (const { path: to, token: name, user, host = 'web', status, wants } of CASES) {
  test(`${host}${to} with ${name === 'none' ? 'no token' : `the token ${name}`}${user === undefined ? '' : ` by ${user}`}: ${status}`, async () => {
    const headers = {
      ...(name !== 'none' && { authorization: `Bearer ${TOKENS[name] ?? ''}` }),
      ...(user !== undefined && { 'x-user': user }),
    };
    const answer = await fetchThrough(mesh, 'client', `http://${host}:8080${to}`, { headers });
    assert.equal(answer.status, status, answer.text);
    if (wants !== undefined) assert.match(answer.text, wants);
  });
}

/** What comes back of `hello`. */
async function say(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  const pieces: string[] = [];
  socket.setEncoding('utf8');
  socket.on('data', (piece: string) => {
    pieces.push(piece);
    socket.end();
  });
  socket.on('error', () => undefined);
  socket.write('hello');
  await new Promise((resolve) => socket.once('close', resolve));
  return pieces.join('');
}

test('connections are asked about, too', async () => {
  assert.equal(await say(clientPort), 'hello');
  assert.equal(await say(otherPort), '');
});
