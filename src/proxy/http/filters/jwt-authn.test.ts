import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { JwtAuthenticationSchema, JwtProviderSchema } from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { createStats } from '../../telemetry/registry.ts';
import { fakeScope } from '../../telemetry/testing/fake-stream.ts';
import { testCluster, testClusters } from '../../testing/http-harness.ts';
import { loopbackServer } from '../../testing/loopback-server.ts';
import { CONTINUE, type HttpFilterHandlers, STOP } from '../filter.ts';
import { createExtractor } from './jwt-authn/extract.ts';
import { parseJwks } from './jwt-authn/jwks.ts';
import { isStatus, parseJwt } from './jwt-authn/jwt.ts';
import { STATUS } from './jwt-authn/status.ts';
import { TokenCache } from './jwt-authn/token-cache.ts';
import { jwtAuthn } from './jwt-authn.ts';
import { filterBench } from './testing/filter-bench.ts';
import { jwksOf, newKey, tokenOf } from './testing/tokens.ts';

const KEY = newKey('ES256', 'one');
const ISSUER = 'https://one.test';

type Init = MessageInitShape<typeof JwtAuthenticationSchema>;

function config(provider: MessageInitShape<typeof JwtProviderSchema> = {}): Init {
  return {
    providers: {
      one: {
        issuer: ISSUER,
        jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: jwksOf(KEY) } } },
        ...provider,
      },
    },
    rules: [
      {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        requirementType: { case: 'requires', value: { requiresType: { case: 'providerName', value: 'one' } } },
      },
    ],
  };
}

const parse = (init: Init): unknown => jwtAuthn.parse(create(JwtAuthenticationSchema, init), 'f');

function filter(scope = fakeScope(), init = config()): HttpFilterHandlers {
  return jwtAuthn.create(jwtAuthn.parse(create(JwtAuthenticationSchema, init), 'f'), scope);
}

test('a token that has come twice is not verified again', async () => {
  const handlers = filter();
  const token = tokenOf(KEY, { iss: ISSUER });
  const statuses: unknown[] = [];
  const watched = {
    ...handlers,
    onRequestHeaders: (...args: Parameters<NonNullable<HttpFilterHandlers['onRequestHeaders']>>) => {
      const status = handlers.onRequestHeaders?.(...args) ?? CONTINUE;
      statuses.push(status);
      return status;
    },
  };
  for (let i = 0; i < 3; i++) {
    const bench = filterBench([watched], { headers: { authorization: `Bearer ${token}` } });
    await bench.request(['body']);
    assert.equal(bench.upstream.pieces.join(''), 'body');
    assert.equal(bench.stream.request.headers.get('authorization'), undefined);
  }
  assert.deepEqual(statuses, [STOP, STOP, CONTINUE]);
});

test('a token that is kept still expires', async () => {
  let nowMs = 1_000_000;
  const handlers = filter(fakeScope({ clock: { monotonicMs: () => nowMs, wallMs: () => nowMs } }));
  const headers = { authorization: `Bearer ${tokenOf(KEY, { iss: ISSUER, exp: 1100 })}` };
  for (const [at, want] of [
    [1_000_000, undefined],
    [1_000_000, undefined],
    [1_159_000, undefined],
    [1_161_000, 401],
  ] as const) {
    nowMs = at;
    const bench = filterBench([handlers], { headers });
    await bench.request();
    assert.equal(bench.replies[0]?.status, want);
  }
});

test('a token that is kept falls with the keys that it was verified by', async (t) => {
  let served = jwksOf(KEY);
  const port = await loopbackServer(t, (_request, response) => void response.end(served));
  let aheadMs = 0;
  const clusters = testClusters([testCluster('keys', [port], createStats())]);
  const scope = fakeScope({ clusters, clock: { monotonicMs: () => performance.now() + aheadMs, wallMs: () => 0 } });
  const httpUri = { uri: 'http://a/b', httpUpstreamType: { case: 'cluster', value: 'keys' }, timeout: { seconds: 1n, nanos: 0 } } as const;
  const handlers = filter(scope, config({ jwksSourceSpecifier: { case: 'remoteJwks', value: { httpUri } } }));
  const headers = { authorization: `Bearer ${tokenOf(KEY, { iss: ISSUER })}` };
  const ask = async (): Promise<number | undefined> => {
    const bench = filterBench([handlers], { headers });
    await bench.request();
    return bench.replies[0]?.status;
  };
  assert.deepEqual([await ask(), await ask(), await ask()], [undefined, undefined, undefined]);
  aheadMs = 601_000;
  assert.equal(await ask(), undefined);
  served = jwksOf(newKey('ES256', 'two'));
  assert.equal(await ask(), undefined);
  aheadMs = 1_202_000;
  assert.equal(await ask(), 401);
});

test('a client that leaves while its token is verified is forgotten', async () => {
  const handlers = filter();
  const bench = filterBench([handlers], { headers: { authorization: `Bearer ${tokenOf(KEY, { iss: ISSUER })}` } });
  void bench.request();
  bench.complete();
  await new Promise((resolve) => void setTimeout(resolve, 50));
  assert.equal(bench.upstream.isHead, false);
  bench.client.isEnd = true;
});

test('counts what it has let pass, and what not', async () => {
  const scope = fakeScope();
  const handlers = filter(scope);
  await filterBench([handlers]).request();
  await filterBench([handlers], { headers: { authorization: `Bearer ${tokenOf(KEY, { iss: ISSUER })}` } }).request();
  assert.equal(scope.stats.counter('jwt_authn.denied').value, 1);
  assert.equal(scope.stats.counter('jwt_authn.allowed').value, 1);
  assert.equal(scope.stats.counter('jwt_authn.jwt_cache_miss').value, 1);
});

test('the cache that is configured keeps a token at once', async () => {
  const scope = fakeScope();
  const handlers = filter(scope, config({ jwtCacheConfig: {} }));
  const headers = { authorization: `Bearer ${tokenOf(KEY, { iss: ISSUER })}` };
  await filterBench([handlers], { headers }).request();
  await filterBench([handlers], { headers }).request();
  assert.equal(scope.stats.counter('jwt_authn.jwt_cache_hit').value, 1);
  assert.equal(scope.stats.counter('jwt_authn.jwt_cache_miss').value, 1);
});

for (const alg of ['RS256', 'RS512', 'PS256', 'PS512', 'ES384', 'ES512', 'EdDSA', 'HS512']) {
  test(`verifies ${alg}, and no other key of it`, async () => {
    const key = newKey(alg, 'k');
    const local = { case: 'localJwks', value: { specifier: { case: 'inlineString', value: jwksOf(key) } } } as const;
    const handlers = filter(fakeScope(), config({ jwksSourceSpecifier: local }));
    const good = filterBench([handlers], { headers: { authorization: `Bearer ${tokenOf(key, { iss: ISSUER })}` } });
    await good.request();
    assert.deepEqual(good.replies, []);
    const bad = filterBench([handlers], {
      headers: { authorization: `Bearer ${tokenOf(newKey(alg, 'other'), { iss: ISSUER }, { kid: 'k' })}` },
    });
    await bad.request();
    assert.equal(bad.replies[0]?.body, 'Jwt verification fails');
  });
}

test('an HMAC made with a public key does not pass for its signature', async () => {
  const key = newKey('RS256', 'k');
  const local = {
    case: 'localJwks',
    value: { specifier: { case: 'inlineString', value: JSON.stringify({ keys: [{ ...key.jwk, alg: undefined }] }) } },
  } as const;
  const handlers = filter(fakeScope(), config({ jwksSourceSpecifier: local }));
  const forged = tokenOf({ ...key, alg: 'HS256', privateKey: Buffer.from(JSON.stringify(key.jwk)) }, { iss: ISSUER });
  const bench = filterBench([handlers], { headers: { authorization: `Bearer ${forged}` } });
  await bench.request();
  assert.equal(bench.replies[0]?.status, 401);
});

test('the cache keeps what comes twice, up to its size, and forgets the longest unused', () => {
  const cache = new TokenCache(2, 100, false);
  const jwt = (text: string) => {
    const parsed = parseJwt(tokenOf(newKey('HS256', 'a'), { text }));
    assert.ok(!isStatus(parsed));
    return { ...parsed, text };
  };
  for (const name of ['a', 'b', 'c']) cache.add(jwt(name), cache.generation);
  assert.equal(cache.get('a'), undefined);
  for (const name of ['a', 'b']) cache.add(jwt(name), cache.generation);
  assert.equal(cache.get('a')?.text, 'a');
  cache.add(jwt('c'), cache.generation);
  assert.equal(cache.get('b'), undefined);
  assert.equal(cache.get('c')?.text, 'c');
  const { generation } = cache;
  cache.clear();
  assert.equal(cache.get('c'), undefined);
  for (const name of ['e', 'e']) cache.add(jwt(name), generation);
  assert.equal(cache.get('e'), undefined);
  cache.add(jwt('d'.repeat(101)), cache.generation);
  cache.add(jwt('d'.repeat(101)), cache.generation);
  assert.equal(cache.get('d'.repeat(101)), undefined);
});

const CERTIFICATES = JSON.stringify({ one: 'no certificate' });
const SETS: readonly [text: string, want: keyof typeof STATUS | number][] = [
  ['no', 'jwksJson'],
  ['[]', 'jwksJson'],
  ['{}', 'jwksNoKeys'],
  ['{"keys":1}', 'jwksBadKeys'],
  ['{"keys":[]}', 'jwksNoValidKeys'],
  ['{"keys":[{"kty":"RSA","n":"x"}]}', 'rsaKey'],
  ['{"keys":[{"kty":"EC","crv":"P-256","x":"x","y":"y"}]}', 'ecKey'],
  ['{"keys":[{"kty":"oct","k":"!"}]}', 'octKey'],
  ['{"keys":[{"kty":"new"}]}', 'jwksNoValidKeys'],
  ['{"keys":[{"kty":"constructor"}]}', 'jwksNoValidKeys'],
  [CERTIFICATES, 'jwksNoValidKeys'],
  [JSON.stringify({ keys: [{ kty: 'new' }, KEY.jwk] }), 1],
];

for (const [text, want] of SETS) {
  test(`a key set: ${text.slice(0, 60)}`, () => {
    const set = parseJwks(text);
    if (typeof want === 'number') assert.equal(!isStatus(set) && set.keys.length, want);
    else assert.equal(set, STATUS[want]);
  });
}

test('no text makes the parsers throw', () => {
  const json = fc.json().map((text) => Buffer.from(text).toString('base64url'));
  const token = fc.tuple(fc.oneof(json, fc.string()), fc.oneof(json, fc.string()), fc.string()).map((parts) => parts.join('.'));
  fc.assert(fc.property(fc.oneof(token, fc.string()), (text) => void parseJwt(text)));
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => void parseJwks(text)));
});

test('no path makes the extractor throw, or take out more than the token', () => {
  const extract = createExtractor([create(JwtProviderSchema, { fromParams: ['t'], fromCookies: ['c'] })]);
  const query = fc.array(fc.tuple(fc.constantFrom('t', 'a', 'b%74', '%74', ''), fc.constantFrom('1', '%zz', '')), { maxLength: 5 });
  fc.assert(
    fc.property(query, fc.string(), (pairs, cookie) => {
      const bench = filterBench([], { request: { path: `/p?${pairs.map((pair) => pair.join('=')).join('&')}` }, headers: { cookie } });
      for (const found of extract(bench.stream.request)) found.remove(bench.stream.request);
      const isOurs = ([name]: [string, string]): boolean => name === 't' || name === '%74';
      const rest = pairs.filter((pair) => !isOurs(pair)).map((pair) => pair.join('='));
      if (pairs.some(isOurs)) assert.equal(bench.stream.request.path, rest.length === 0 ? '/p' : `/p?${rest.join('&')}`);
    }),
  );
});

const REFUSED: readonly [name: string, init: Init, want: RegExp][] = [
  [
    'keys that are none',
    config({ jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: '{}' } } } }),
    /local_jwks: provider 'one' has invalid keys: Jwks does not have \[keys\] field/,
  ],
  ['no keys', config({ jwksSourceSpecifier: { case: undefined } }), /providers\[one\]: has neither/],
  ['a provider that is not there', { ...config(), providers: {} }, /rules\[0\]\.requires: required provider \['one'\] is not configured/],
  ['a rule without match', { rules: [{}] }, /rules\[0\]\.match: is missing/],
  [
    'a fetch without timeout',
    config({
      jwksSourceSpecifier: {
        case: 'remoteJwks',
        value: { httpUri: { uri: 'http://a/b', httpUpstreamType: { case: 'cluster', value: 'c' } } },
      },
    }),
    /http_uri\.timeout: is missing/,
  ],
];

for (const [name, init, want] of REFUSED) test(`refuses ${name}`, () => assert.throws(() => parse(init), want));
