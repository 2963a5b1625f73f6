/** JSON Web Tokens. */
import { once } from 'node:events';
import http from 'node:http';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOf } from '../../src/net/testing/port-of.ts';
import { jwksOf, newKey, tokenOf } from '../../src/proxy/http/filters/testing/tokens.ts';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { cluster, httpFilter, perFilter, to } from './framework/pieces.ts';
import type { Servers } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';

const RSA = newKey('RS256', 'rsa');
const EC = newKey('ES256', 'ec');
const ED = newKey('EdDSA', 'ed');
const HMAC = newKey('HS256', 'mac');
const PSS = newKey('PS384', 'pss');
const OTHER = newKey('RS256', 'rsa');
const KEYS = jwksOf(RSA, EC, ED, HMAC, PSS);
const NOW = Math.floor(Date.now() / 1000);
const CLAIMS = {
  iss: 'https://one.test',
  sub: 'ann',
  aud: 'shop',
  exp: NOW + 3600,
  scope: 'read write',
  admin: true,
  level: 7,
  half: 1.5,
  neg: -3,
  nested: { team: 'blue' },
  list: ['a', 'b'],
};

const local = (fields: JsonObject = {}): JsonObject => ({
  issuer: CLAIMS.iss,
  local_jwks: { inline_string: KEYS },
  ...fields,
});

const PROVIDERS: JsonObject = {
  one: local(),
  aud: local({ audiences: ['https://shop/', 'other'] }),
  two: local({ issuer: 'https://two.test', from_headers: [{ name: 'x-two' }] }),
  any: local({ issuer: '', from_headers: [{ name: 'x-any', value_prefix: 'token ' }], forward: true }),
  places: local({
    from_headers: [{ name: 'x-jwt', value_prefix: 'jwt-' }],
    from_params: ['tok'],
    from_cookies: ['session'],
    forward: false,
  }),
  made: local({
    forward: true,
    forward_payload_header: 'x-payload',
    pad_forward_payload_header: true,
    payload_in_metadata: 'payload',
    header_in_metadata: 'head',
    failed_status_in_metadata: 'failed',
    normalize_payload_in_metadata: { space_delimited_claims: ['scope'] },
    claim_to_headers: ['sub', 'admin', 'level', 'half', 'neg', 'nested.team', 'list', 'none'].map((claim_name) => ({
      claim_name,
      header_name: `x-claim-${claim_name.replace('.', '-')}`,
    })),
  }),
  subject: local({ subjects: { prefix: 'bo' } }),
  expiring: local({ require_expiration: true }),
  short: local({ max_lifetime: '60s' }),
  skewed: local({ clock_skew_seconds: 10 }),
  routed: local({ claim_to_headers: [{ claim_name: 'sub', header_name: 'x-sub' }], clear_route_cache: true }),
  remote: {
    issuer: CLAIMS.iss,
    remote_jwks: { http_uri: { uri: 'http://keys.test/jwks?a=b', cluster: 'keys', timeout: '20s' }, cache_duration: '300s' },
  },
  gone: {
    issuer: CLAIMS.iss,
    remote_jwks: { http_uri: { uri: 'http://keys.test/jwks', cluster: 'dead', timeout: '20s' } },
  },
  broken: {
    issuer: CLAIMS.iss,
    remote_jwks: { http_uri: { uri: 'http://keys.test/jwks?do=body%3Dno', cluster: 'origin', timeout: '20s' } },
  },
  certificates: local({ issuer: 'https://certs.test' }),
};

const name = (provider_name: string): JsonObject => ({ provider_name });
const rule = (prefix: string, requires: JsonObject): JsonObject => ({ match: { prefix }, requires });

const RULES: JsonObject[] = [
  ...Object.keys(PROVIDERS).map((provider) => rule(`/${provider}/`, name(provider))),
  rule('/with-audience/', { provider_and_audiences: { provider_name: 'one', audiences: ['shop'] } }),
  rule('/without-audience/', { provider_and_audiences: { provider_name: 'one', audiences: ['depot'] } }),
  rule('/any-of/', { requires_any: { requirements: [name('one'), name('two')] } }),
  rule('/any-of-two-one/', { requires_any: { requirements: [name('two'), name('one')] } }),
  rule('/all-of/', { requires_all: { requirements: [name('one'), name('two')] } }),
  rule('/or-missing/', { requires_any: { requirements: [name('one'), { allow_missing: {} }] } }),
  rule('/or-failed/', { requires_any: { requirements: [name('one'), { allow_missing_or_failed: {} }] } }),
  { match: { path: '/named' }, requirement_name: 'first' },
  { match: { prefix: '/headers/', headers: [{ name: 'x-who', string_match: { exact: 'me' } }] }, requires: name('one') },
  { match: { prefix: '/query/', query_parameters: [{ name: 'who' }] }, requires: name('one') },
  { match: { safe_regex: { regex: '/re[0-9]+' } }, requires: name('one') },
  { match: { prefix: '/free/' } },
];

const FILTER = httpFilter('jwt_authn', 'jwt_authn.v3.JwtAuthentication', {
  providers: PROVIDERS,
  rules: RULES,
  requirement_map: { first: name('one') },
  bypass_cors_preflight: true,
});

const route = (path: string, fields: JsonObject): JsonObject =>
  to(path, {}, { typed_per_filter_config: perFilter('jwt_authn', 'jwt_authn.v3.PerRouteConfig', fields) });

const ROUTES: JsonObject[] = [
  route('/route-named', { requirement_name: 'first' }),
  route('/route-wrong', { requirement_name: 'nobody' }),
  route('/route-off', { disabled: true }),
  {
    name: 'by-claim',
    match: { prefix: '/routed/', headers: [{ name: 'x-sub', string_match: { exact: 'ann' } }] },
    route: { cluster: 'origin' },
  },
  to('/principal', {}, {}),
];

const bearer = (token: string): string => `authorization: Bearer ${token}`;
const GOOD = tokenOf(RSA, CLAIMS);
const TWO = tokenOf(RSA, { ...CLAIMS, iss: 'https://two.test' });
const BAD = tokenOf(OTHER, CLAIMS);
const STRANGE = tokenOf(RSA, { ...CLAIMS, iss: 'https://nobody.test' });
const claims = (more: object): string => tokenOf(RSA, { ...CLAIMS, ...more });
const b64 = (text: string): string => Buffer.from(text).toString('base64url');

/** A token and what it is: which path, and what comes of it. */
const TOKENS: readonly (readonly [label: string, token: string])[] = [
  ['an RSA key', GOOD],
  ['an EC key', tokenOf(EC, CLAIMS)],
  ['an Ed25519 key', tokenOf(ED, CLAIMS)],
  ['an HMAC key', tokenOf(HMAC, CLAIMS)],
  ['another key', BAD],
  ['no kid', tokenOf(RSA, CLAIMS, { kid: undefined })],
  ['an unknown kid', tokenOf(RSA, CLAIMS, { kid: 'nobody' })],
  ['a kid of another algorithm', tokenOf(RSA, CLAIMS, { kid: 'ec' })],
  ['a kid that is a number', tokenOf(RSA, CLAIMS, { kid: 1 })],
  ['no alg', tokenOf(RSA, CLAIMS, { alg: undefined })],
  ['alg none', tokenOf(RSA, CLAIMS, { alg: 'none' })],
  ['an issuer that is not configured', STRANGE],
  ['no issuer', claims({ iss: undefined })],
  ['an issuer that is a number', claims({ iss: 1 })],
  ['a subject that is a number', claims({ sub: 1 })],
  ['an expiry in the past', claims({ exp: NOW - 1000 })],
  ['an expiry within the skew', claims({ exp: NOW - 30 })],
  ['an expiry that is text', claims({ exp: 'soon' })],
  ['a negative expiry', claims({ exp: -1 })],
  ['a beginning in the future', claims({ nbf: NOW + 1000 })],
  ['a beginning that is text', claims({ nbf: 'soon' })],
  ['an issuing time that is text', claims({ iat: 'soon' })],
  ['an identifier that is a number', claims({ jti: 1 })],
  ['audiences that are numbers', claims({ aud: [1] })],
  ['no expiry', claims({ exp: undefined })],
  ['one part', 'abc'],
  ['two parts', 'abc.def'],
  ['empty parts', '..'],
  ['a header that is no base64', `a.${b64('{}')}.x`],
  ['a header that is no JSON', `${b64('{')}.${b64('{}')}.${b64('x')}`],
  ['a payload that is no JSON', `${b64('{"alg":"RS256"}')}.${b64('[]')}.${b64('x')}`],
  ['a payload that is no base64', `${b64('{"alg":"RS256"}')}.!.${b64('x')}`],
  ['a signature that is no base64', `${GOOD.split('.').slice(0, 2).join('.')}.!`],
  ['a cut signature', GOOD.slice(0, -4)],
  ['an Ed25519 signature that is too short', tokenOf(ED, CLAIMS).slice(0, -8)],
  ['padding', `${GOOD}=`],
];

const combinations = (path: string, listener: string): Case[] => [
  ask(`${path} none`, `${path}x`, {}, { listener }),
  ask(`${path} one`, `${path}x`, { fields: [bearer(GOOD)] }, { listener }),
  ask(`${path} two`, `${path}x`, { fields: [`x-two: ${TWO}`] }, { listener }),
  ask(`${path} both`, `${path}x`, { fields: [bearer(GOOD), `x-two: ${TWO}`] }, { listener }),
  ask(`${path} bad`, `${path}x`, { fields: [bearer(BAD)] }, { listener }),
  ask(`${path} bad and two`, `${path}x`, { fields: [bearer(BAD), `x-two: ${TWO}`] }, { listener }),
  ask(`${path} strange`, `${path}x`, { fields: [bearer(STRANGE)] }, { listener }),
  ask(`${path} bad two`, `${path}x`, { fields: [`x-two: ${BAD}`] }, { listener }),
];

const CASES: Case[] = [
  ask('no token', '/one/x'),
  ask('no token and a long path', `/one/${'y'.repeat(400)}?a=b`),
  ask('no token with a query', '/one/x?a=b'),
  ...TOKENS.map(([label, token]) => ask(`token of ${label}`, '/one/x', { fields: [bearer(token)] })),
  ask('an empty header', '/one/x', { fields: ['authorization: Bearer '] }),
  ask('another scheme', '/one/x', { fields: ['authorization: Basic YTpi'] }),
  ask('lower case scheme', '/one/x', { fields: [`authorization: bearer ${GOOD}`] }),
  ask('token in the query', `/one/x?a=1&access_token=${GOOD}&b=2`),
  ask('two tokens and one is bad', `/one/x?access_token=${BAD}`, { fields: [bearer(GOOD)] }),
  ask('two fields', '/one/x', { fields: [bearer(GOOD), bearer(GOOD)] }),
  ask('audience by list', '/aud/x', { fields: [bearer(GOOD)] }),
  ask('another audience', '/aud/x', { fields: [bearer(claims({ aud: ['a', 'b'] }))] }),
  ask('no audience', '/aud/x', { fields: [bearer(claims({ aud: undefined }))] }),
  ask('audience with a scheme', '/aud/x', { fields: [bearer(claims({ aud: ['http://other/'] }))] }),
  ask('audience of the rule', '/with-audience/x', { fields: [bearer(GOOD)] }),
  ask('another audience than the rule', '/without-audience/x', { fields: [bearer(GOOD)] }),
  ask('header without prefix', '/two/x', { fields: [`x-two: ${TWO}`] }),
  ask('any issuer', '/any/x', { fields: [`x-any: token ${STRANGE}`] }),
  ask('any issuer, prefix elsewhere', '/any/x', { fields: [`x-any: my token ${STRANGE}`] }),
  ask('any issuer, no prefix', '/any/x', { fields: [`x-any: ${STRANGE}`] }),
  ask('token in a header of its own', '/places/x', { fields: [`x-jwt: jwt-${GOOD}`, bearer('other')] }),
  ask('token in a parameter', `/places/x?tok=${GOOD}&x=1`),
  ask('token in a parameter alone', `/places/x?tok=${GOOD}`),
  ask('token in a cookie', '/places/x', { fields: [`cookie: a=b; session=${GOOD}; c=d`] }),
  ask('token in a quoted cookie', '/places/x', { fields: [`cookie: session="${GOOD}"`] }),
  ask('claims to headers', '/made/x', { fields: [bearer(GOOD), 'x-claim-sub: forged', 'x-payload: forged', 'x-claim-none: forged'] }),
  ask('claims of another path', '/free/x', { fields: ['x-claim-sub: forged', 'x-payload: forged'] }),
  ask('claims where no rule is', '/elsewhere', { fields: ['x-claim-sub: forged'] }),
  ask('metadata of a failure', '/made/x', { fields: [bearer(BAD)] }),
  ask('metadata of a missing token', '/made/x'),
  ask('metadata of an unknown issuer', '/made/x', { fields: [bearer(STRANGE)] }),
  ask('metadata of a wrong audience', '/made/x', { fields: [bearer(claims({ exp: 'x' }))] }),
  ask('a subject that is allowed', '/subject/x', { fields: [bearer(claims({ sub: 'bob' }))] }),
  ask('a subject that is not', '/subject/x', { fields: [bearer(GOOD)] }),
  ask('expiry required and there', '/expiring/x', { fields: [bearer(GOOD)] }),
  ask('expiry required and missing', '/expiring/x', { fields: [bearer(claims({ exp: undefined }))] }),
  ask('a life that is short enough', '/short/x', { fields: [bearer(claims({ exp: NOW + 50 }))] }),
  ask('a life that is too long', '/short/x', { fields: [bearer(GOOD)] }),
  ask('a life without end', '/short/x', { fields: [bearer(claims({ exp: undefined }))] }),
  ask('an expiry beyond its own skew', '/skewed/x', { fields: [bearer(claims({ exp: NOW - 30 }))] }),
  ask('a route chosen by a claim', '/routed/x', { fields: [bearer(GOOD)] }),
  ...['/any-of/', '/any-of-two-one/', '/all-of/', '/or-missing/', '/or-failed/'].flatMap((path) => combinations(path, 'main')),
  ...['/missing/', '/failed/'].flatMap((path) => combinations(path, 'lenient')),
  ask('a named requirement', '/named'),
  ask('a rule by header', '/headers/x', { fields: ['x-who: me'] }),
  ask('a rule by another header', '/headers/x', { fields: ['x-who: you'] }),
  ask('a rule by query', '/query/x?who=me'),
  ask('a rule by another query', '/query/x?whom=me'),
  ask('a rule by regex', '/re12?x'),
  ask('a rule without requirement', '/free/x', { fields: [bearer(BAD)] }),
  ask('a path without rule', '/elsewhere', { fields: [bearer(BAD)] }),
  ask('a preflight', '/one/x', { method: 'OPTIONS', fields: ['origin: https://a.test', 'access-control-request-method: PUT'] }),
  ask('options without origin', '/one/x', { method: 'OPTIONS' }),
  ask('a route that names a requirement', '/route-named'),
  ask('a route that names a requirement, with a token', '/route-named', { fields: [bearer(GOOD)] }),
  ask('a route that names nobody', '/route-wrong', { fields: [bearer(GOOD)] }),
  ask('a route that is free', '/route-off', { fields: [bearer(BAD)] }),
  ask('keys from afar', '/remote/x', { fields: [bearer(GOOD)] }, { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }),
  ask('keys from afar and a bad token', '/remote/x', { fields: [bearer(BAD)] }),
  ask('a body that waits for keys', '/remote/x', { method: 'POST', fields: [bearer(tokenOf(EC, CLAIMS))], body: 'body' }),
  ask('keys that cannot be fetched', '/gone/x', { fields: [bearer(GOOD)] }),
  ask('keys that are none', '/broken/x', { fields: [bearer(GOOD)] }),
  ask('gRPC without a token', '/one/x', { method: 'POST', fields: ['content-type: application/grpc'] }),
];

const metadata = (key: string): string => `%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:${key})%`;

/** Where keys are fetched from. */
async function keyServer(): Promise<Servers> {
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const isRight = request.url === '/jwks?a=b' && request.headers.host === 'keys.test' && request.method === 'GET';
    response.writeHead(isRight ? 200 : 404).end(KEYS);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { ports: { keys: portOf(server) }, close };
}

compareTopic({
  name: 'JWT',
  servers: keyServer,
  setup: ({ servers }) => ({
    clusters: [cluster('keys', [servers['keys'] ?? 0])],
    filters: [FILTER],
    routes: ROUTES,
    log: { payload: metadata('payload'), head: metadata('head'), failed: metadata('failed') },
    listeners: {
      main: {},
      // two providers, for these ask whoever issued a token
      lenient: {
        filters: [
          httpFilter('jwt_authn', 'jwt_authn.v3.JwtAuthentication', {
            providers: { one: local(), two: local({ issuer: 'https://two.test', from_headers: [{ name: 'x-two' }] }) },
            rules: [rule('/missing/', { allow_missing: {} }), rule('/failed/', { allow_missing_or_failed: {} })],
          }),
        ],
      },
      stripped: {
        filters: [
          httpFilter('jwt_authn', 'jwt_authn.v3.JwtAuthentication', {
            providers: { one: local() },
            rules: [rule('/', name('one'))],
            strip_failure_response: true,
          }),
        ],
      },
      rbac: {
        filters: [
          httpFilter('jwt_authn', 'jwt_authn.v3.JwtAuthentication', {
            providers: {
              one: local({ payload_in_metadata: 'payload', normalize_payload_in_metadata: { space_delimited_claims: ['scope'] } }),
            },
            rules: [rule('/', { requires_any: { requirements: [name('one'), { allow_missing: {} }] } })],
          }),
          httpFilter('rbac', 'rbac.v3.RBAC', {
            rules: {
              action: 'ALLOW',
              policies: {
                writers: {
                  permissions: [{ any: true }],
                  principals: [
                    {
                      metadata: {
                        filter: 'envoy.filters.http.jwt_authn',
                        path: [{ key: 'payload' }, { key: 'scope' }],
                        value: { list_match: { one_of: { string_match: { exact: 'write' } } } },
                      },
                    },
                  ],
                },
              },
            },
          }),
        ],
      },
    },
  }),
  cases: [
    ...CASES,
    ask('stripped', '/x', {}, { listener: 'stripped' }),
    ask('stripped bad', '/x', { fields: [bearer(BAD)] }, { listener: 'stripped' }),
    ask('authorized by a claim', '/x', { fields: [bearer(GOOD)] }, { listener: 'rbac', expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }),
    ask('not authorized by a claim', '/x', { fields: [bearer(claims({ scope: 'read' }))] }, { listener: 'rbac' }),
    ask('not authorized without a token', '/x', {}, { listener: 'rbac' }),
  ],
});
