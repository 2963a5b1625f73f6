/** HTTP/1.1 as clients and origins speak it. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES, ofMirrored } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask, bytes, of, stricter } from './framework/h1-case.ts';
import { EDGE, FORWARD, SIDECAR, STRICT } from './framework/listeners.ts';
import { direct, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { FOREVER } from './framework/wishes.ts';

const encode = encodeURIComponent;

const chunked = 'Transfer-Encoding: chunked';
const large = '0123456789'.repeat(30_000);

const OLD_CLIENT = { 'answers.0.line': DIFFERENCES.ownVersion };
const NO_FRAGMENT = {
  'answers.0.body': DIFFERENCES.fragment,
  'answers.0.fields': DIFFERENCES.fragment,
  log: DIFFERENCES.fragment,
};

const CASES: Case[] = [
  ask('HEAD', '/x', { method: 'HEAD', wish: 'body=12345' }, { isHead: true }),
  ask('204', '/x', { wish: 'status=204' }),
  ask('304', '/x', { wish: `status=304;h=${encode('etag: "a"')}` }),
  ask('empty body', '/x', { wish: 'body=' }),
  ask('POST', '/x', { method: 'POST', body: 'hello' }),
  ask('POST without length', '/x', { method: 'POST' }),
  ask('PUT zero length', '/x', { method: 'PUT', fields: ['content-length: 0'] }),
  ask('large bodies', '/x', { method: 'POST', body: large, wish: 'size=300000' }),
  differing(ask('mirrored', '/mirror?a'), ofMirrored(DIFFERENCES.mirroredAlike)),
  differing(ask('mirrored with a body', '/mirror', { method: 'PUT', body: 'twice' }), ofMirrored(DIFFERENCES.mirroredAlike)),
  ask('route idle', '/idle', { wish: `delay=${FOREVER}` }),
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
    'answers.0.fields.transfer-encoding': DIFFERENCES.headWithoutCoding,
  }),
  of('continue', [bytes('/x', { method: 'POST', fields: ['expect: 100-continue', 'content-length: 3'] }), 'abc']),
  stricter(
    'expect something else',
    bytes('/x', { method: 'POST', fields: ['expect: wonders'], body: 'abc' }),
    DIFFERENCES.unmetExpectation,
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
    { 'answers.0.fields.x-his': DIFFERENCES.nominatedFields },
  ),
  ask('te gzip', '/x', { fields: ['te: gzip'] }),
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
    answers: DIFFERENCES.emptyPath,
    log: DIFFERENCES.emptyPath,
    upstream: DIFFERENCES.emptyPath,
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

const ROUTES: JsonObject[] = [
  to('/mirror', { request_mirror_policies: [{ cluster: 'origin' }] }),
  to('/idle', { idle_timeout: '0.8s' }),
  to('/dead', { cluster: 'dead' }),
  direct('/direct', 299, 'straight'),
];

const LISTENERS = { main: SIDECAR, edge: EDGE, forward: FORWARD, strict: STRICT };

compareTopic({ name: 'HTTP/1.1', setup: () => ({ listeners: LISTENERS, routes: ROUTES }), cases: CASES });
