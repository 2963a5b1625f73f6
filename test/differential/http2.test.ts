/** HTTP/2 from clients and to origins, in clear text and over TLS, in every combination with HTTP/1.1. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { type World, upstreamTls } from './framework/bootstrap.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { ask2, head, on2 } from './framework/h2-case.ts';
import { cluster, h2Cluster, httpOptions, ROOM, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { field, trailer } from './framework/wishes.ts';

/** Clusters by how they speak to the origin; each has a route of its name. */
const UPSTREAMS = ['h1', 'h2', 'tls-h2', 'alpn', 'alpn-h1', 'as-client'] as const;

const H2 = { http2_protocol_options: {} };
const H1 = { http_protocol_options: { enable_trailers: true } };

function clusters(world: World): JsonObject[] {
  const { origin, originH2, originTls, originTlsH1 } = world.ports;
  const tls = { ...ROOM, transport_socket: upstreamTls(world) };
  const alpn = httpOptions({ auto_config: { ...H2, ...H1 } });
  return [
    cluster('h1', [origin], ROOM),
    h2Cluster('h2', [originH2]),
    h2Cluster('tls-h2', [originTls], tls),
    cluster('alpn', [originTls], { ...tls, typed_extension_protocol_options: alpn }),
    cluster('alpn-h1', [originTlsH1], { ...tls, typed_extension_protocol_options: alpn }),
    cluster('as-client', [originTls], {
      ...tls,
      typed_extension_protocol_options: httpOptions({ use_downstream_protocol_config: { ...H2, ...H1 } }),
    }),
  ];
}

const ROUTES: JsonObject[] = UPSTREAMS.map((name) => to(`/${name}/`, { cluster: name }));

const ok = { 'answers.0.line': 'HTTP/2 200', 'answers.0.isWhole': true };
const long = (length: number): string => 'a'.repeat(length);

/** What is asked of each upstream by HTTP/2. */
const FROM_HTTP2: Case[] = UPSTREAMS.flatMap((name) => {
  const path = `/${name}/x?q=1`;
  return [
    ask2(`2 to ${name} GET`, path, {}, { expects: ok }),
    ask2(`2 to ${name} POST`, path, { method: 'POST', body: 'hello' }, { expects: ok }),
    ask2(`2 to ${name} POST with a length`, path, { method: 'POST', fields: ['content-length: 5'], body: ['he', 'llo'] }, { expects: ok }),
    ask2(`2 to ${name} POST of nothing`, path, { method: 'POST', body: '' }, { expects: ok }),
    ask2(`2 to ${name} HEAD`, path, { method: 'HEAD', wish: field('content-length: 5') }),
    ask2(`2 to ${name} 204`, path, { wish: 'status=204' }),
    ask2(`2 to ${name} 304`, path, { wish: `status=304;${field('etag: "a"')}` }),
    ask2(`2 to ${name} empty`, path, { wish: 'body=' }, { expects: ok }),
    ask2(`2 to ${name} response trailers`, path, { fields: ['te: trailers'], wish: trailer('x-t: 1') }, { expects: ok }),
    ask2(`2 to ${name} request trailers`, path, { method: 'POST', body: 'abc', trailers: ['x-t: 1', 'x-u: 2'] }, { expects: ok }),
    ask2(`2 to ${name} trailers of nothing`, path, { method: 'POST', trailers: ['x-t: 1'] }, { expects: ok }),
    ask2(`2 to ${name} large`, path, { method: 'POST', body: [long(16_000), long(16_000)], wish: 'size=300000' }, { expects: ok }),
    ask2(`2 to ${name} early hints`, path, { wish: 'interim=103' }),
    ask2(`2 to ${name} late body`, path, { wish: 'late=40' }, { expects: ok }),
    ask2(`2 to ${name} cookies`, path, {
      fields: ['cookie: a=1', 'cookie: b=2', 'x-a: 1', 'x-a: 2'],
      wish: `${field('set-cookie: a=1')};${field('set-cookie: b=2')}`,
    }),
    ask2(`2 to ${name} forwarded`, path, {
      fields: ['x-forwarded-for: 1.2.3.4', 'x-forwarded-proto: https', 'x-request-id: mine', 'user-agent: test', 'via: 1.1 before'],
    }),
    ask2(`2 to ${name} grpc`, path, {
      method: 'POST',
      fields: ['content-type: application/grpc', 'te: trailers', 'grpc-timeout: 5S'],
      body: '\0\0\0\0\x03abc',
      wish: `${field('content-type: application/grpc')};body=%00%00%00%00%01x;${trailer('grpc-status: 0')};${trailer('grpc-message: fine')}`,
    }),
  ];
});

/** What is asked of each upstream by HTTP/1.1. */
const FROM_HTTP1: Case[] = UPSTREAMS.flatMap((name) => {
  const path = `/${name}/x?q=1`;
  const chunked = 'transfer-encoding: chunked';
  return [
    ask(`1 to ${name} GET`, path),
    ask(`1 to ${name} POST`, path, { method: 'POST', body: 'hello' }),
    ask(`1 to ${name} chunked`, path, { method: 'POST', fields: [chunked], body: '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n' }),
    ask(`1 to ${name} request trailers`, path, { method: 'POST', fields: [chunked], body: '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n' }),
    ask(`1 to ${name} response trailers`, path, { fields: ['te: trailers'], wish: trailer('x-t: 1') }),
    ask(`1 to ${name} HEAD`, path, { method: 'HEAD', wish: field('content-length: 5') }, { isHead: true }),
    ask(`1 to ${name} 204`, path, { wish: 'status=204' }),
    ask(`1 to ${name} empty`, path, { wish: 'body=' }),
    ask(`1 to ${name} large`, path, { method: 'POST', body: long(100_000), wish: 'size=300000' }),
    ask(`1 to ${name} hop by hop`, path, {
      fields: ['connection: x-mine', 'x-mine: 1', 'keep-alive: timeout=5', 'proxy-connection: keep-alive', 'te: gzip, trailers'],
    }),
    ask(`1 to ${name} cookies`, path, { fields: ['cookie: a=1; b=2'] }),
    ask(`1 to ${name} upper case`, path, { fields: ['X-UPPER: Case'], wish: field('X-Answer: Case') }),
    ask(`1 to ${name} early hints`, path, { wish: 'interim=103' }),
    of(`1 to ${name} continue`, [bytes(path, { method: 'POST', fields: ['expect: 100-continue', 'content-length: 3'] }), 'abc']),
    of(`1 to ${name} pipelining`, bytes(path, { wish: 'delay=30;body=first' }) + bytes(path, { wish: 'body=second' }), { answers: 2 }),
  ];
});

const MORE: Case[] = [
  ask2('2 host and no authority', '/h1/x', {}, {}),
  on2('2 host for authority', (client) => {
    client.request([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/h2/x'],
      ['host', 'by.host'],
      ['x-case', '2-host-for-authority'],
    ]);
  }),
  on2('2 host beside authority', (client) => {
    client.request([...head('2 host beside authority', '/h2/x'), ['host', 'other.test']]);
  }),
  ask2('2 scheme https', '/h2/x', { scheme: 'https' }),
  ask2('2 scheme of another kind', '/h2/x', { scheme: 'ftp' }),
  ask2('2 continue', '/h1/x', { method: 'POST', fields: ['expect: 100-continue'], body: 'abc' }),
  ask2('2 OPTIONS asterisk', '*', { method: 'OPTIONS' }),
  ask2('2 TRACE', '/h2/x', { method: 'TRACE' }),
  ask2('2 own method', '/h2/x', { method: 'FROB' }),
  differing(ask2('2 several empty frames', '/h2/x', { method: 'POST', body: ['', '', 'abc', ''] }), {
    connection: DIFFERENCES.saidWhy,
    'upstream.0.end': DIFFERENCES.cancelledUpstream,
  }),
  ask2('2 high bytes', '/h2/x', { fields: ['x-high: \xe9\xff'] }),
  ask2('2 empty value', '/h2/x', { fields: ['x-empty:'] }),
  ask2('2 over TLS', '/h2/x', {}, { listener: 'secure', expects: ok }),
  ask2('2 over TLS to TLS', '/tls-h2/x', { method: 'POST', body: 'abc', scheme: 'https' }, { listener: 'secure', expects: ok }),
  ask2('2 over TLS as client', '/as-client/x', {}, { listener: 'secure', expects: ok }),
  ask('1 over TLS', '/h1/x', {}, { listener: 'secure' }),
  ask('1 over TLS to HTTP 2', '/tls-h2/x', { method: 'POST', body: 'abc' }, { listener: 'secure' }),
  ask2('2 alone', '/h1/x', {}, { listener: 'only2', expects: ok }),
  on2('2 many streams', async (client) => {
    for (let i = 0; i < 5; i++) await client.request(head('2 many streams', `/h2/${i}`)).ended();
  }),
  on2('2 interleaved', async (client) => {
    const first = client.request(head('2 interleaved', '/h2/first', { method: 'POST' }), false);
    const second = client.request(head('2 interleaved', '/h2/second', { method: 'POST' }), false);
    first.data('a');
    second.data('1').data('2', true);
    await second.ended();
    first.data('b', true);
  }),
];

const TRAILERS = { manager: { http_protocol_options: { enable_trailers: true } } };

compareTopic({
  name: 'HTTP/2 and HTTP/1.1',
  setup: (world) => ({
    listeners: { main: TRAILERS, secure: { ...TRAILERS, tls: {} }, only2: { manager: { codec_type: 'HTTP2' } } },
    routes: ROUTES,
    clusters: clusters(world),
  }),
  cases: [...FROM_HTTP2, ...FROM_HTTP1, ...MORE],
});
