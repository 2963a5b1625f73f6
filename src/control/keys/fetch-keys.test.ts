import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { fetchKeys } from './fetch-keys.ts';

const KEYS = {
  keys: [
    { kty: 'EC', kid: 'b' },
    { kty: 'RSA', kid: 'a' },
  ],
};
const CANONICAL = '{"keys":[{"kty":"RSA","kid":"a"},{"kty":"EC","kid":"b"}]}';

let origin = '';

const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/keys': (response) => response.end(JSON.stringify(KEYS, undefined, 2)),
  '/moved': (response) => response.writeHead(302, { location: '/keys' }).end(),
  '/.well-known/openid-configuration': (response) => response.end(JSON.stringify({ issuer: origin, jwks_uri: `${origin}/keys` })),
  '/nowhere': (response) => response.end('{}'),
  '/text': (response) => response.end('hello'),
  '/empty': (response) => response.end('{"keys":[]}'),
  '/large': (response) => response.end(' '.repeat(2 * 1024 * 1024)),
  '/silent': () => undefined,
};

const server = createServer((request, response) => {
  const answer = ANSWERS[request.url ?? ''];
  if (answer === undefined) response.writeHead(404).end();
  else answer(response);
});

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

const stop = new AbortController();

function get(path: string, isDiscovery = false, timeoutMs = 5000): Promise<string> {
  return fetchKeys({ url: `${origin}${path}`, isDiscovery, timeoutMs }, stop.signal);
}

test('the same keys are the same text', async () => {
  assert.equal(await get('/keys'), CANONICAL);
  assert.equal(await get('/moved'), CANONICAL);
});

test('the issuer says where its keys are', async () => {
  assert.equal(await get('/.well-known/openid-configuration', true), CANONICAL);
});

const REFUSED: readonly { readonly path: string; readonly isDiscovery?: boolean; readonly timeoutMs?: number; readonly wants: RegExp }[] = [
  { path: '/missing', wants: /answers 404$/ },
  { path: '/text', wants: /no JSON Web Key Set$/ },
  { path: '/empty', wants: /no JSON Web Key Set$/ },
  { path: '/large', wants: /larger than 1048576 bytes$/ },
  { path: '/silent', timeoutMs: 20, wants: /^no answer in time$/ },
  { path: '/nowhere', isDiscovery: true, wants: /says no jwks_uri$/ },
  { path: '/text', isDiscovery: true, wants: /is no JSON$/ },
];

for (const { path, isDiscovery, timeoutMs, wants } of REFUSED) {
  test(`${path} is refused: ${wants.source}`, async () => {
    await assert.rejects(get(path, isDiscovery, timeoutMs), { message: wants });
  });
}

test('an address that nobody listens at', async () => {
  await assert.rejects(
    fetchKeys({ url: 'http://127.0.0.1:1/', isDiscovery: false, timeoutMs: 5000 }, stop.signal),
    /ECONNREFUSED|bad port/,
  );
});
