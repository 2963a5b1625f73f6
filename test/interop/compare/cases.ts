/** What is asked of both proxies, and where they answer differently on purpose. */
import type { ListenerName } from './bootstrap.ts';
import { ask, bytes, type Case, differing, of, refused, stricter } from './case.ts';

const encode = encodeURIComponent;

const REDIRECTED = { 'log.0.path': 'Envoy logs the path that it redirects to; we log what was asked for' };
const OLD_CLIENT = { 'answers.0.line': "a server answers with its own version, not the client's (RFC 9110 section 6.2)" };
const NO_FRAGMENT = {
  'answers.0.body': 'a target has no fragment (RFC 9112 section 3.2): it is refused as any other character that a target must not have',
  'answers.0.fields': 'as the body',
  log: 'such a request is not taken apart, hence logged as a breach of the protocol',
};
const MIRRORED = {
  'upstream.1.fields.x-envoy-internal': 'a copy has the fields of its original and no others',
  'upstream.1.fields.x-forwarded-for': 'as x-envoy-internal',
};
const AS_SENT = {
  'log.0.path': 'Envoy logs the path that it has refused to make; we log what was sent',
  'log.0.first_path': 'as the path',
};

const ROUTING: Case[] = [
  ask('plain', '/x?q=1'),
  ask('exact path', '/exact?x'),
  ask('exact path misses', '/exact/'),
  ask('folded path', '/FOLD'),
  ask('separated prefix', '/sep/a'),
  ask('separated prefix itself', '/sep'),
  ask('separated prefix misses', '/separate'),
  ask('regex', '/re/12/x?y'),
  ask('regex misses', '/re/12/xx'),
  ask('by method', '/m', { method: 'DELETE' }),
  ask('by header', '/m', { fields: ['X-User: anna'] }),
  ask('by two header lines', '/m', { fields: ['X-User: ann', 'x-user: bob'] }),
  ask('by range', '/m', { fields: ['x-age: 19'] }),
  ask('by range misses', '/m', { fields: ['x-age: 20'] }),
  ask('by absence', '/m/none'),
  ask('by query', '/m?a=1&v=2'),
  ask('by query twice', '/m?v=1&v=2'),
  ask('by query escaped', '/m?v=%32'),
  ask('by query presence', '/m?p'),
  ask('grpc only', '/m', { method: 'POST', fields: ['content-type: application/grpc'] }),
  ask('host exact', '/', { host: 'exact.test' }),
  ask('host upper case', '/', { host: 'EXACT.test' }),
  ask('host with a port', '/', { host: 'exact.test:80' }),
  ask('host by suffix', '/', { host: 'a.b.suffix.test' }),
  ask('host by prefix', '/', { host: 'prefix.com' }),
  ask('no route', '/other', { host: 'narrow.test' }),
  ask('no route with a body', '/other', { host: 'narrow.test', method: 'POST', body: 'lost' }),
  ask('tls demanded', '/a?b', { host: 'tls.test' }),
  ask('tls demanded and told', '/a?b', { host: 'tls.test', fields: ['x-forwarded-proto: https'] }),
  ask('one sided weights', '/one-sided'),
  ask('cluster by header', '/cluster-header', { fields: ['x-cluster: origin'] }),
  ask('cluster by header misses', '/cluster-header'),
  ask('cluster by header unknown', '/cluster-header', { fields: ['x-cluster: nobody'] }),
];

const REWRITES: Case[] = [
  ask('prefix rewrite', '/prefix-rewrite/a?b=c'),
  ask('regex rewrite', '/regex-rewrite/one/two/three?q=/x'),
  ask('host literal', '/host-literal'),
  ask('host by header', '/host-header', { fields: ['x-host: by.header'] }),
  ask('host by header missing', '/host-header'),
  ask('host by regex', '/host-regex/from.path?x'),
  ask('headers', '/headers?a', {
    fields: ['x-gone: 1', 'X-Gone: 2', 'x-over: own', 'x-absent: own', 'x-exists: own', 'x-user: ann', 'x-both: own'],
    wish: `h=${encode('x-both: origin')};h=${encode('X-Secret: 1')}`,
  }),
  ask('headers without', '/headers'),
  ask('headers of a host', '/headers', { host: 'counting.test' }),
  ask('headers of a local reply', '/other', { host: 'narrow.test', fields: ['x-both: own'] }),
  ...['https', 'scheme', 'host', 'port', 'path', 'query', 'prefix/sub', 'regex/a/b', 'strip'].flatMap((form) => [
    ask(`redirect ${form}`, `/r/${form}?x=y`, { host: 'old.test' }, form.includes('/') ? { differs: REDIRECTED } : {}),
    ask(`redirect ${form} with port`, `/r/${form}`, { host: 'old.test:80' }, form.includes('/') ? { differs: REDIRECTED } : {}),
  ]),
  ask('redirect told https', '/r/host', { fields: ['x-forwarded-proto: https'] }),
  ask('redirect told https port', '/r/scheme', { host: 'old.test:443', fields: ['x-forwarded-proto: https'] }),
  ask('redirect of a post', '/r/host', { method: 'POST', body: 'abc' }),
  ask('direct response', '/direct'),
  ask('direct response to HEAD', '/direct', { method: 'HEAD' }, { isHead: true }),
  ask('direct response without body', '/bare'),
  ask('direct response to a body', '/direct', { method: 'POST', body: 'abc' }),
];

const ERRORS: Case[] = [
  ask('timeout', '/slow', { wish: 'delay=600' }),
  ask('timeout within a body', '/slow', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')}` }),
  ask('dead', '/dead', {}),
  ask('empty cluster', '/empty'),
  ask('full cluster', '/full'),
  ask('no cluster', '/no-cluster'),
  ask('no cluster 404', '/no-cluster-404'),
  ask('reset', '/x', { wish: 'reset' }),
  ask('cut in a head', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\nx-a')};end=1` }),
  ask('cut in a body', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')};end=1` }),
  ask('cut in a chunked body', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')};end=1` }),
  ask('reset in a body', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')};cut=1` }),
  ask('rubbish', '/x', { wish: `raw=${encode('rubbish\r\n\r\n')}` }),
  ask('bad field', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\nbad field: x\r\n\r\n')}` }),
  ask('two lengths', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc')}` }),
  ask('length and chunked', '/x', {
    wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')}`,
  }),
  differing(
    ask('unasked upgrade', '/x', {
      wish: `raw=${encode('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')}`,
    }),
    {
      answers: 'a tunnel that nobody asked for would let the origin speak past all filters: it is an error',
      connection: 'as the answer',
      log: 'as the answer',
    },
  ),
  ask('until close', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\n\r\nall of it')};end=1` }),
  ask('old origin', '/x', { wish: `raw=${encode('HTTP/1.0 200 OK\r\n\r\nold')};end=1` }),
  ask('origin closes', '/x', { wish: 'close=1' }),
  ask('retry 5xx', '/retry/5xx', { wish: 'status=503;times=2' }),
  ask('retry 5xx in vain', '/retry/5xx', { wish: 'status=503;body=no' }),
  ask('retry 5xx of a body', '/retry/5xx', { method: 'POST', body: 'again', wish: 'status=500;times=1' }),
  ask('retry counted', '/retry/5xx', { host: 'counting.test', wish: 'status=503;times=1' }),
  ask('retry gateway error', '/retry/gateway', { wish: 'status=502;times=1' }),
  ask('retry gateway error not 500', '/retry/gateway', { wish: 'status=500;times=1' }),
  ask('retry reset', '/retry/reset', { wish: 'reset;times=1' }),
  ask('retry reset in vain', '/retry/reset', { wish: 'reset' }),
  ask('retry dead', '/retry/dead'),
  ask('retry dead not connected by reset', '/retry/reset', { wish: 'status=503;times=1' }),
  ask('retry codes', '/retry/codes', { wish: 'status=418;times=2' }),
  ask('retry codes others', '/retry/codes', { wish: 'status=500;times=2' }),
  ask('retry 409', '/retry/4xx', { wish: 'status=409;times=1' }),
  ask('retry 400', '/retry/4xx', { wish: 'status=400;times=1' }),
  ask('retry by header', '/retry/headers', { fields: ['x-may-retry: 1'], wish: `h=${encode('x-try-again: yes')};times=1` }),
  ask('retry by header not allowed', '/retry/headers', { wish: `h=${encode('x-try-again: yes')};times=1` }),
  ask('retry by header not met', '/retry/headers', { fields: ['x-may-retry: 1'], wish: `h=${encode('x-try-again: no')};times=1` }),
  ask('per-try timeout', '/retry/try-timeout', { wish: 'delay=400;times=1' }),
  ask('per-try timeout in vain', '/retry/try-timeout', { wish: 'delay=400' }),
  ask('retry not configured', '/retry/none', { wish: 'status=503' }),
  ask('retry asked by header', '/x', { fields: ['x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 2'], wish: 'status=503' }),
  ask('timeout asked by header', '/x', { fields: ['x-envoy-upstream-rq-timeout-ms: 60'], wish: 'delay=300' }),
];

const preflight = ['origin: https://good.test', 'access-control-request-method: PUT'];

const POLICIES: Case[] = [
  ask('allowed by header', '/allow', { fields: ['x-user: ann'] }),
  ask('not allowed by header', '/allow', { fields: ['x-user: bob'] }),
  ask('denied by method', '/deny', { method: 'POST', body: 'abc' }),
  ask('not denied by method', '/deny'),
  ask('allowed by path', '/paths/open?x'),
  ask('not allowed by path', '/paths/shut'),
  ask('allowed by address', '/near'),
  ask('not allowed by address', '/far'),
  ask('allowed by forwarded address', '/far', { fields: ['x-forwarded-for: 10.1.2.3'] }),
  ask('denied by absence', '/not'),
  ask('denied to HEAD', '/not', { method: 'HEAD' }, { isHead: true }),
  ask('fault abort', '/fault/abort'),
  ask('fault delay', '/fault/delay'),
  ask('fault both', '/fault/both'),
  ask('fault by header', '/fault/some', { fields: ['x-fail: 1'] }),
  ask('no fault by header', '/fault/some'),
  ask('cors preflight', '/cors', { method: 'OPTIONS', fields: preflight }),
  ask('cors preflight of a stranger', '/cors', {
    method: 'OPTIONS',
    fields: ['origin: https://bad.test', 'access-control-request-method: PUT'],
  }),
  ask('cors without policy', '/x', { method: 'OPTIONS', fields: preflight }),
  ask('cors request', '/cors', { fields: ['origin: https://good.test'] }),
  ask('cors request of a stranger', '/cors', { fields: ['origin: https://bad.test'] }),
  ask('cors request answered by origin', '/cors', {
    fields: ['origin: https://good.test'],
    wish: `h=${encode('access-control-allow-origin: *')}`,
  }),
];

const chunked = 'Transfer-Encoding: chunked';
const large = '0123456789'.repeat(30_000);

const PROTOCOL: Case[] = [
  ask('HEAD', '/x', { method: 'HEAD', wish: 'body=12345' }, { isHead: true }),
  ask('204', '/x', { wish: 'status=204' }),
  ask('304', '/x', { wish: `status=304;h=${encode('etag: "a"')}` }),
  ask('empty body', '/x', { wish: 'body=' }),
  ask('POST', '/x', { method: 'POST', body: 'hello' }),
  ask('POST without length', '/x', { method: 'POST' }),
  ask('PUT zero length', '/x', { method: 'PUT', fields: ['content-length: 0'] }),
  ask('large bodies', '/x', { method: 'POST', body: large, wish: 'size=300000' }),
  differing(ask('mirrored', '/mirror?a'), MIRRORED),
  differing(ask('mirrored with a body', '/mirror', { method: 'PUT', body: 'twice' }), MIRRORED),
  ask('route idle', '/idle', { wish: 'delay=400' }),
  of('client leaves in an answer', bytes('/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')}` }), {
    answers: 0,
    endsAfter: true,
  }),
  of('reply before the body', bytes('/direct', { method: 'POST', fields: ['content-length: 10'] }) + 'abc'),
  ask('GET with a body', '/x', { body: 'hello' }),
  ask('chunked request', '/x', { method: 'POST', fields: [chunked], body: '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n' }),
  ask('chunked request with extension', '/x', { method: 'POST', fields: [chunked], body: '3;a=b\r\nabc\r\n0\r\n\r\n' }),
  ask('chunked request with trailers', '/x', { method: 'POST', fields: [chunked], body: '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n' }),
  ask(
    'chunked request trailers dropped',
    '/x',
    { method: 'POST', fields: [chunked], body: '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n' },
    { listener: 'edge' },
  ),
  ask('chunked response', '/x', { wish: 'chunked' }),
  ask('chunked response with trailers', '/x', { fields: ['te: trailers'], wish: `trailer=${encode('X-T: 1')}` }),
  differing(ask('chunked response to HEAD', '/x', { method: 'HEAD', wish: 'chunked' }, { isHead: true }), {
    'answers.0.fields.transfer-encoding': 'may be left out of answers to HEAD (RFC 9112 section 6.1)',
  }),
  of('continue', [bytes('/x', { method: 'POST', fields: ['expect: 100-continue', 'content-length: 3'] }), 'abc']),
  stricter(
    'expect something else',
    bytes('/x', { method: 'POST', fields: ['expect: wonders'], body: 'abc' }),
    'an expectation that nobody meets is answered 417 (RFC 9110 section 10.1.1)',
  ),
  ask('interim response', '/x', { wish: 'interim=103;interim=102' }),
  of('pipelining', bytes('/x', { wish: 'delay=30;body=first' }) + bytes('/y', { wish: 'body=second' }) + bytes('/direct'), { answers: 3 }),
  of('two on one connection', [bytes('/x'), bytes('/y', { method: 'POST', body: 'b' })]),
  ask('connection close', '/x', { fields: ['connection: close'] }),
  ask('connection keep-alive', '/x', { fields: ['connection: keep-alive', 'keep-alive: timeout=5'] }),
  differing(
    ask('hop-by-hop', '/x', {
      fields: [
        'connection: x-mine, keep-alive',
        'x-mine: 1',
        'proxy-connection: keep-alive',
        'te: gzip, trailers',
        'x-kept: 1',
        'proxy-authorization: abc',
      ],
      wish: `h=${encode('connection: x-his')};h=${encode('x-his: 1')};h=${encode('keep-alive: timeout=4')};h=${encode('proxy-connection: x')};h=${encode('proxy-authenticate: Basic')}`,
    }),
    { 'answers.0.fields.x-his': 'fields that Connection nominates end at the next hop, in responses too (RFC 9110 section 7.6.1)' },
  ),
  ask('te gzip', '/x', { fields: ['te: gzip'] }),
  ask('upgrade ignored h2c', '/x', {
    fields: ['connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAARAAAAAAAIAAAAA'],
  }),
  differing(
    of('websocket', [bytes('/x', { fields: ['connection: Upgrade', 'Upgrade: websocket', 'sec-websocket-key: abc'] }), 'ping', 'pong']),
    { 'log.0.details': "a client's end of its side is passed on; the tunnel ends when both sides have", 'log.0.flags': 'as the details' },
  ),
  ask('websocket refused by origin', '/x', { fields: ['connection: Upgrade', 'Upgrade: websocket'], wish: 'status=403' }),
  ask('websocket refused by route', '/no-upgrade', { fields: ['connection: Upgrade', 'Upgrade: websocket'] }),
  ask('websocket not configured', '/x', { fields: ['connection: Upgrade', 'Upgrade: websocket'] }, { listener: 'edge' }),
  ask('other upgrade', '/x', { fields: ['connection: Upgrade', 'Upgrade: tor'] }),
  ask('HTTP 1.0 refused', '/x', { version: 'HTTP/1.0' }),
  differing(ask('HTTP 1.0', '/x', { version: 'HTTP/1.0' }, { listener: 'edge' }), OLD_CLIENT),
  differing(ask('HTTP 1.0 without host', '/x', { version: 'HTTP/1.0', host: '' }, { listener: 'edge' }), OLD_CLIENT),
  differing(
    ask('HTTP 1.0 keep-alive', '/x', { version: 'HTTP/1.0', fields: ['connection: keep-alive'] }, { listener: 'edge' }),
    OLD_CLIENT,
  ),
  differing(ask('HTTP 1.0 chunked response', '/x', { version: 'HTTP/1.0', wish: 'chunked' }, { listener: 'edge' }), OLD_CLIENT),
  ask('absolute target', 'http://abs.test/x?y', { host: 'other.test' }),
  ask('absolute target https', 'https://abs.test/x', { host: 'other.test' }),
  ask('absolute target without path', 'http://abs.test', { host: 'other.test' }),
  differing(ask('absolute target without path but query', 'http://abs.test?a=b', { host: 'other.test' }), {
    answers: 'an empty path in a target with an authority is / (RFC 9112 section 3.2.1)',
    log: 'as the answer',
    upstream: 'as the answer',
  }),
  ask('asterisk', '*', { method: 'OPTIONS' }),
  ask('connect', 'any.test:443', { method: 'CONNECT', host: 'any.test:443' }),
  ask('trace', '/x', { method: 'TRACE' }),
  ask('custom method refused', '/x', { method: 'FROB' }),
  ask('custom method', '/x', { method: 'FROB' }, { listener: 'forward' }),
  ask('many requests close', '/x', {}, { listener: 'forward' }),
  of('many requests two', [bytes('/x'), bytes('/y')], { listener: 'forward' }),
  differing(ask('query and fragment', '/x?a#b'), NO_FRAGMENT),
  differing(ask('fragment', '/x#b'), NO_FRAGMENT),
  ask('server passes', '/x', { wish: `h=${encode('server: mine')}` }),
  ask('server appended', '/x', {}, { listener: 'forward' }),
  ask('server kept', '/x', { wish: `h=${encode('server: mine')}` }, { listener: 'forward' }),
  ask('server not touched', '/x', { wish: `h=${encode('server: mine')};h=${encode('date: yesterday')}` }, { listener: 'strict' }),
  ask('server not added', '/x', {}, { listener: 'strict' }),
  ask('server not added to a reply', '/dead', {}, { listener: 'strict' }),
  ask('header order', '/x', {
    fields: ['b: 1', 'A: 2', 'b: 3', 'c:4', 'd:\t5 '],
    wish: `h=${encode('b: 1')};h=${encode('A: 2')};h=${encode('b: 3')}`,
  }),
  ask('cookies', '/x', { fields: ['cookie: a=1', 'cookie: b=2'], wish: `h=${encode('set-cookie: a=1')};h=${encode('set-cookie: b=2')}` }),
  ask('high bytes', '/x', { fields: ['x-high: \xe9\xff'] }),
  ask('high bytes in a path', '/\xe9', {}),
  ask('empty field', '/x', { fields: ['x-empty:'] }),
];

const TRUST: Case[] = [
  ask('forwarded nothing', '/x'),
  ask('forwarded for', '/x', { fields: ['x-forwarded-for: 1.2.3.4, 5.6.7.8', 'x-forwarded-proto: https', 'x-request-id: mine'] }),
  ask('forwarded internal', '/x', { fields: ['x-forwarded-for: 10.0.0.1', 'x-envoy-internal: true'] }),
  ask('forwarded bad proto', '/x', { fields: ['x-forwarded-proto: ftp'] }),
  ask('edge forwarded nothing', '/x', {}, { listener: 'edge' }),
  ask(
    'edge forwarded for',
    '/x',
    { fields: ['x-forwarded-for: 1.2.3.4', 'x-forwarded-proto: https', 'x-request-id: mine', 'via: 1.1 before'] },
    { listener: 'edge' },
  ),
  ask(
    'edge forwarded host',
    '/x',
    {
      host: 'any.test:8080',
      fields: [
        'x-forwarded-host: evil',
        'x-envoy-internal: true',
        'x-envoy-original-path: /evil',
        'x-envoy-decorator-operation: a',
        'x-envoy-expected-rq-timeout-ms: 5',
      ],
    },
    { listener: 'edge' },
  ),
  ask(
    'one hop trusted',
    '/x',
    { fields: ['x-forwarded-for: 1.2.3.4, 5.6.7.8', 'x-forwarded-proto: https', 'x-request-id: mine'] },
    { listener: 'forward' },
  ),
  ask('one hop trusted and missing', '/x', { host: 'any.test:80' }, { listener: 'forward' }),
  ask('internal addresses', '/x', { fields: ['x-forwarded-for: 10.0.0.1', 'x-envoy-max-retries: 1'] }, { listener: 'strict' }),
  ask('no request id', '/x', { host: 'any.test.' }, { listener: 'strict' }),
  ask('reply has request id', '/dead', {}, { listener: 'edge' }),
  ask('traceparent', '/x', { fields: ['traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'] }),
];

function pathDifference(listener: ListenerName, path: string): Case['differs'] {
  if (listener === 'strict' && /%2f|%5c/i.test(path)) return AS_SENT;
  const reason = 'Envoy leaves a path of slashes alone; merge_slashes means them too';
  return listener === 'edge' && path === '//' ? { 'log.0.path': reason, 'log.0.first_path': reason, 'upstream.0.line': reason } : {};
}

const PATHS: Case[] = [
  ...(['main', 'edge', 'forward', 'strict'] as const).flatMap((listener) =>
    [
      '/a/../b',
      '/a/./b/',
      '/a//b',
      '/a%2fb',
      '/a%5Cb',
      '/a%2Fb/../c?x=%2f',
      '/%61%2e%2E/b',
      '/..',
      '/a\\b',
      '/a%zz',
      '/a%',
      '//',
      '/a/..',
    ].map((path) => ask(`path ${listener} ${path}`, path, {}, { listener, differs: pathDifference(listener, path) })),
  ),
  ask('path double escaped', '/a%252fb', {}, { listener: 'edge' }),
];

const long = (length: number): string => 'a'.repeat(length);

const LIMITS: Case[] = [
  ask('long target', `/${long(70_000)}`),
  ask('long field', '/x', { fields: [`x-long: ${long(70_000)}`] }),
  ask('long field allowed', '/x', { fields: [`x-long: ${long(50_000)}`] }),
  ask('long field of a strict listener', '/x', { fields: [`x-long: ${long(9000)}`] }, { listener: 'strict' }),
  ask('many fields', '/x', { fields: Array.from({ length: 101 }, (_, i) => `x-${i}: 1`) }),
  ask('many fields of a small listener', '/x', { fields: Array.from({ length: 20 }, (_, i) => `x-${i}: 1`) }, { listener: 'edge' }),
  ask('as many fields as allowed', '/x', { fields: Array.from({ length: 18 }, (_, i) => `x-${i}: 1`) }, { listener: 'edge' }),
  ask('underscore allowed', '/x', { fields: ['x_a: 1'] }),
  ask('underscore refused', '/x', { fields: ['x_a: 1'] }, { listener: 'edge' }),
  ask('underscore dropped', '/x', { fields: ['x_a: 1'] }, { listener: 'forward' }),
  ask('large response head', '/x', { wish: `h=${encode(`x-long: ${long(30_000)}`)}` }),
  of('head timeout', 'GET /x HTTP/1.1\r\nhost: any.test\r\n', { listener: 'strict' }),
  ask('idle stream', '/x', { wish: 'delay=800' }, { listener: 'strict' }),
  of('body that does not come', bytes('/x', { method: 'POST', fields: ['content-length: 5'] }), { listener: 'strict' }),
];

const post = (fields: readonly string[], body: string): string => bytes('/x', { method: 'POST', fields }).replace(/$/, '') + body;

const REFUSALS: Case[] = [
  of('rubbish request', 'rubbish\r\n\r\n'),
  of('http 0.9', 'GET /\r\n\r\n'),
  of('http 3', bytes('/x', { version: 'HTTP/3.0' })),
  of('http 1.2', bytes('/x', { version: 'HTTP/1.2' })),
  differing(ask('no host', '/x', { host: '' }), { log: 'without a Host it does not become a request: the log has no method or path' }),
  stricter('empty host', 'GET /x HTTP/1.1\r\nhost:\r\nx-case: @\r\n\r\n', 'without an authority nothing can be routed or allowed by it'),
  stricter(
    'two hosts',
    'GET /x HTTP/1.1\r\nhost: a\r\nhost: b\r\nx-case: @\r\n\r\n',
    'proxies before or behind us may take the other one (RFC 9112 section 3.2)',
  ),
  of('bad host', 'GET /x HTTP/1.1\r\nhost: a b\r\nx-case: @\r\n\r\n'),
  stricter('bad host user', 'GET /x HTTP/1.1\r\nhost: user@a\r\nx-case: @\r\n\r\n', 'no user information in Host (RFC 9110 section 4.2.4)'),
  refused('length and transfer coding', post(['content-length: 3', chunked], '3\r\nabc\r\n0\r\n\r\n')),
  refused('two different lengths', post(['content-length: 3', 'content-length: 4'], 'abcd')),
  refused('two equal lengths', post(['content-length: 3', 'content-length: 3'], 'abc')),
  refused('length list', post(['content-length: 3, 3'], 'abc')),
  refused('signed length', post(['content-length: +3'], 'abc')),
  refused('hexadecimal length', post(['content-length: 0x3'], 'abc')),
  refused('negative length', post(['content-length: -1'], '')),
  refused('chunked twice', post([chunked, chunked], '0\r\n\r\n')),
  refused('unknown coding', post(['transfer-encoding: gzip'], '')),
  refused('chunked not last', post(['transfer-encoding: chunked, gzip'], '0\r\n\r\n')),
  refused('gzip then chunked', post(['transfer-encoding: gzip, chunked'], '0\r\n\r\n')),
  refused('obscured coding', post(['transfer-encoding: xchunked'], '0\r\n\r\n')),
  refused('vertical tab in coding', post(['transfer-encoding: \x0bchunked'], '0\r\n\r\n')),
  refused('space before colon', post(['transfer-encoding : chunked'], '0\r\n\r\n')),
  stricter('folded line', post(['x-a: b\r\n c'], ''), 'folding is obsolete and read in two ways (RFC 9112 section 5.2)'),
  refused('nul in a value', post(['x-a: b\0c'], '')),
  stricter('carriage return in a value', post(['x-a: b\rc'], ''), 'a bare CR ends a line for some parsers (RFC 9112 section 2.2)'),
  refused('name with a space', post(['x a: b'], '')),
  refused('line without colon', post(['nothing'], '')),
  refused('empty name', post([': a'], '')),
  stricter('two spaces', 'GET  /x HTTP/1.1\r\nhost: a\r\n\r\n', 'a request line has single spaces (RFC 9112 section 3)'),
  stricter('tab in request line', 'GET\t/x\tHTTP/1.1\r\nhost: a\r\n\r\n', 'a request line has single spaces (RFC 9112 section 3)'),
  refused('space in target', 'GET /x y HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('relative target', 'GET x HTTP/1.1\r\nhost: a\r\n\r\n'),
  stricter(
    'HTTP 1.0 chunked',
    'POST /x HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.0 has no transfer codings (RFC 9112 section 6.1)',
    'edge',
  ),
];

const BODIES: Case[] = [
  of('bad chunk size', post([chunked], 'zz\r\n')),
  of('negative chunk size', post([chunked], '-1\r\n')),
  of('huge chunk size', post([chunked], 'fffffffffffffffff\r\n')),
  stricter('bad chunk end', post([chunked], '3\r\nabcd\r\n0\r\n\r\n'), 'what follows a chunk must be CR LF, or the next length is guessed'),
  of('bad trailer', post([chunked], '3\r\nabc\r\n0\r\nbad trailer\r\n\r\n')),
];

const GRPC = ['content-type: application/grpc', 'te: trailers'];

const GRPC_REPLIES: Case[] = [
  ask('grpc no route', '/other', { host: 'narrow.test', method: 'POST', fields: GRPC }),
  ask('grpc dead', '/dead', { method: 'POST', fields: GRPC }),
  ask('grpc empty', '/empty', { method: 'POST', fields: GRPC }),
  ask('grpc denied', '/allow', { method: 'POST', fields: GRPC }),
  ask('grpc timeout', '/slow', { method: 'POST', fields: GRPC, wish: 'delay=600' }),
  ask('grpc fault', '/fault/abort', { method: 'POST', fields: ['content-type: application/grpc+proto'] }),
  ask('grpc web is no grpc', '/empty', { method: 'POST', fields: ['content-type: application/grpc-web'] }),
  ask('grpc direct', '/direct', { method: 'POST', fields: GRPC }),
  ask('grpc redirect', '/r/host', { method: 'POST', fields: GRPC }),
  ask('grpc full', '/full', { method: 'POST', fields: GRPC }),
];

/** Every case; names are unique. */
export const CASES: readonly Case[] = [
  ...ROUTING,
  ...REWRITES,
  ...ERRORS,
  ...POLICIES,
  ...PROTOCOL,
  ...TRUST,
  ...PATHS,
  ...LIMITS,
  ...REFUSALS,
  ...BODIES,
  ...GRPC_REPLIES,
];
