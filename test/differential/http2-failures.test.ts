/** Streams of HTTP/2 that do not end as they should: resets from either side, GOAWAY, limits, time limits, retries. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type Case, differing, type Target } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { ask2, head, on2 } from './framework/h2-case.ts';
import { cluster, h2Cluster, retry, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { field, FOREVER } from './framework/wishes.ts';
import { codeOf } from './framework/h2-names.ts';

const CODES = ['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'REFUSED_STREAM', 'CANCEL', 'ENHANCE_YOUR_CALM', 'HTTP_1_1_REQUIRED'];

const GIVEN_UP = { 'upstream.0.end': DIFFERENCES.cancelledUpstream };
const NAMED_RESET = { 'answers.0.end': DIFFERENCES.namedReset };

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const FROM_ORIGIN: Case[] = [
  ...CODES.flatMap((code) => [
    ask2(`2 origin resets by ${code}`, '/h2', { wish: `reset=${code}` }),
    ask2(`2 origin cuts by ${code}`, '/h2', { wish: `cut=${code};body=abc` }),
    ask(`1 origin resets by ${code}`, '/h2', { wish: `reset=${code}` }),
  ]),
  ask('1 origin cuts', '/h2', { wish: 'cut=INTERNAL_ERROR;body=abc' }),
  ask('1 origin cuts a length', '/h2', { wish: `cut=CANCEL;body=abc;${field('content-length: 10')}` }),
  ask2('2 origin of HTTP 1 resets', '/h1', { wish: 'reset' }),
  ask2('2 origin of HTTP 1 cuts', '/h1', {
    wish: `raw=${encodeURIComponent('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')};cut=1`,
  }),
  ask2('2 origin of HTTP 1 talks rubbish', '/h1', { wish: `raw=${encodeURIComponent('rubbish\r\n\r\n')}` }),
  ask2('2 origin goes away after its answer', '/leaving', { wish: 'goaway' }),
  ask2('2 origin answers early', '/h2', { method: 'POST', body: ['abc'], wish: 'early' }),
  ask2('2 response shorter than its length', '/h2', { wish: `${field('content-length: 10')};body=abc;tail=400` }),
  ask2('2 dead', '/dead'),
  ask2('2 dead to HEAD', '/dead', { method: 'HEAD' }),
  ask2('2 dead by HTTP 1', '/dead1'),
  ask2('2 empty', '/empty'),
  ask2('2 no route', '/x', { authority: 'narrow.test' }),
  ask2('2 no route with a body', '/x', { authority: 'narrow.test', method: 'POST', body: 'lost' }),
  ask2('2 direct', '/direct'),
  ask2('2 direct to HEAD', '/direct', { method: 'HEAD' }),
  ask2('2 to HTTP 1 that was meant for HTTP 2', '/wrong'),
];

/** Waits until the request is at its origin, with this body. */
async function arrived({ seen }: Target, body: string): Promise<void> {
  while (seen?.()[0]?.body !== body) await wait(5);
}

/** The client resets its stream within the answer. */
function leaving(code: string): Case {
  const name = `client resets by ${code}`;
  return on2(
    name,
    async (client) => {
      const stream = client.request(head(name, '/h2', { wish: `late=${FOREVER};size=5` }));
      await stream.answered();
      stream.reset(codeOf(code));
      await wait(20);
    },
    { differs: GIVEN_UP },
  );
}

/** The client resets its stream within its body. */
function leavingItsBody(code: string): Case {
  const name = `client resets its body by ${code}`;
  return on2(
    name,
    async (client, target) => {
      const stream = client.request(head(name, '/h2', { method: 'POST' }), false);
      stream.data('abc');
      await arrived(target, 'abc');
      stream.reset(codeOf(code));
      await wait(20);
    },
    { differs: GIVEN_UP },
  );
}

const FROM_CLIENT: Case[] = [
  ...['CANCEL', 'INTERNAL_ERROR'].flatMap((code) => [leaving(code), leavingItsBody(code)]),
  on2('client resets before an answer of HTTP 1', async (client, target) => {
    const stream = client.request(head('client resets before an answer of HTTP 1', '/h1', { wish: `delay=${FOREVER}` }));
    await arrived(target, '');
    stream.reset(codeOf('CANCEL'));
    await wait(20);
  }),
  on2('reply before the body', async (client) => {
    const stream = client.request(head('reply before the body', '/direct', { method: 'POST' }), false);
    await stream.ended();
  }),
  on2('body after the reply', async (client) => {
    const stream = client.request(head('body after the reply', '/dead', { method: 'POST' }), false);
    await stream.ended();
    stream.data('def', true);
  }),
];

const RETRIED: Case[] = [
  ask2('retry refused', '/retry/refused', { wish: 'reset=REFUSED_STREAM;times=1' }),
  ask2('retry refused by default', '/h2', { wish: 'reset=REFUSED_STREAM;times=1' }),
  ask2('retry refused not for others', '/retry/refused', { wish: 'reset=CANCEL;times=1' }),
  ask2('retry reset', '/retry/reset', { wish: 'reset=INTERNAL_ERROR;times=2' }),
  ask2('retry reset in vain', '/retry/reset', { wish: 'reset=INTERNAL_ERROR' }),
  differing(ask2('retry 503', '/retry/5xx', { wish: 'status=503;times=2' }), {
    ...GIVEN_UP,
    'upstream.1.end': DIFFERENCES.cancelledUpstream,
  }),
  differing(
    ask2('retry 503 with a body', '/retry/5xx', { method: 'POST', body: ['abc', 'def'], trailers: ['x-t: 1'], wish: 'status=503;times=1' }),
    GIVEN_UP,
  ),
  ask2('retry not after the head', '/retry/reset', { wish: 'cut=INTERNAL_ERROR;body=abc;times=1' }),
  ask2('retry grpc unavailable', '/retry/grpc', {
    method: 'POST',
    fields: ['content-type: application/grpc', 'te: trailers'],
    wish: `${field('content-type: application/grpc')};${field('grpc-status: 14')};body=;times=1`,
  }),
  ask2('retry grpc cancelled not', '/retry/grpc', {
    method: 'POST',
    fields: ['content-type: application/grpc', 'te: trailers'],
    wish: `${field('content-type: application/grpc')};${field('grpc-status: 1')};body=;times=1`,
  }),
  differing(ask2('retry per try', '/retry/per-try', { wish: `delay=${FOREVER};times=1` }), GIVEN_UP),
  ask('retry refused from HTTP 1', '/retry/refused', { wish: 'reset=REFUSED_STREAM;times=1' }),
  ask('retry reset from HTTP 1', '/retry/reset', { method: 'POST', body: 'again', wish: 'reset=INTERNAL_ERROR;times=1' }),
];

const TIMED: Case[] = [
  differing(ask2('timeout', '/slow', { wish: `delay=${FOREVER}` }), GIVEN_UP),
  differing(ask2('timeout within a body', '/slow', { wish: `late=${FOREVER}` }), GIVEN_UP),
  differing(ask('timeout from HTTP 1', '/slow', { wish: `delay=${FOREVER}` }), GIVEN_UP),
  on2(
    'timeout of a body that does not come',
    (client) => {
      client.request(head('timeout of a body that does not come', '/slow', { method: 'POST', wish: 'early;late=1600' }), false).data('abc');
    },
    { differs: GIVEN_UP },
  ),
  differing(ask2('idle', '/idle', { wish: `delay=${FOREVER}` }), GIVEN_UP),
  differing(ask2('idle within a body', '/idle', { wish: `late=${FOREVER}` }), GIVEN_UP),
  ask2('timeout asked for', '/h2', { fields: ['x-envoy-upstream-rq-timeout-ms: 1000'], wish: 'delay=2200' }),
  on2('body that does not come', (client) => void client.request(head('body that does not come', '/h2', { method: 'POST' }), false), {
    listener: 'short',
    differs: GIVEN_UP,
  }),
  on2(
    'request that takes too long',
    (client) => void client.request(head('request that takes too long', '/h2', { method: 'POST' }), false),
    { listener: 'timed', differs: GIVEN_UP },
  ),
  differing(ask2('longest stream', '/h2', { wish: `late=${FOREVER}` }, { listener: 'timed' }), GIVEN_UP),
];

const long = (length: number): string => 'a'.repeat(length);
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `x-${index}: 1`);

const REFUSED = DIFFERENCES.refusedStreams;

const LIMITS: Case[] = [
  ask2('long field', '/h2', { fields: [`x-long: ${long(50_000)}`] }),
  differing(ask2('long field refused', '/h2', { fields: [`x-long: ${long(9000)}`] }, { listener: 'short' }), NAMED_RESET),
  ask2('many fields', '/h2', { fields: many(90) }),
  differing(ask2('too many fields', '/h2', { fields: many(101) }), NAMED_RESET),
  differing(ask2('too many fields of a small listener', '/h2', { fields: many(25) }, { listener: 'short' }), NAMED_RESET),
  ask2('large response head', '/h2', { wish: field(`x-long: ${long(30_000)}`) }),
  differing(ask2('too large response head', '/h2', { wish: field(`x-long: ${long(63_000)}`) }), NAMED_RESET),
  on2(
    'too many streams',
    async (client) => {
      await client.ready();
      const streams = Array.from({ length: 3 }, (_, index) =>
        client.request(head('too many streams', `/h2/${index}`, { wish: 'delay=400' })),
      );
      await Promise.all(streams.map((stream) => stream.ended()));
    },
    { listener: 'narrow', differs: { answers: REFUSED, connection: REFUSED, log: REFUSED, upstream: REFUSED } },
  ),
  ask2('last request of a connection', '/h2', {}, { listener: 'once' }),
  differing(ask2('underscore refused', '/h2', { fields: ['x_a: 1'] }, { listener: 'short' }), NAMED_RESET),
];

const ROUTES: JsonObject[] = [
  to('/h2', { cluster: 'h2' }),
  to('/h1', { cluster: 'origin' }),
  to('/dead1', { cluster: 'dead' }),
  to('/dead', { cluster: 'dead2' }),
  to('/empty', { cluster: 'empty' }),
  to('/leaving', { cluster: 'leaving' }),
  to('/wrong', { cluster: 'wrong' }),
  retry('/retry/refused', 'refused-stream', { num_retries: 2 }, { cluster: 'h2' }),
  retry('/retry/reset', 'reset', { num_retries: 2 }, { cluster: 'h2' }),
  retry('/retry/5xx', '5xx', { num_retries: 2 }, { cluster: 'h2' }),
  retry('/retry/grpc', 'unavailable', { num_retries: 2 }, { cluster: 'h2' }),
  retry('/retry/per-try', '5xx', { num_retries: 1, per_try_timeout: '0.8s' }, { cluster: 'h2' }),
  to('/slow', { cluster: 'h2', timeout: '0.8s' }),
  to('/idle', { cluster: 'h2', idle_timeout: '0.8s' }),
  { match: { prefix: '/direct' }, direct_response: { status: 299, body: { inline_string: 'straight' } } },
];

const SHORT = {
  stream_idle_timeout: '0.8s',
  max_request_headers_kb: 8,
  common_http_protocol_options: { max_headers_count: 20, headers_with_underscores_action: 'REJECT_REQUEST' },
};

compareTopic({
  name: 'failures of HTTP/2',
  setup: ({ ports }) => ({
    listeners: {
      main: {},
      short: { manager: SHORT },
      timed: { manager: { request_timeout: '0.6s', common_http_protocol_options: { max_stream_duration: '1.2s' } } },
      narrow: { manager: { http2_protocol_options: { max_concurrent_streams: 2 } } },
      once: { manager: { common_http_protocol_options: { max_requests_per_connection: 1 } } },
    },
    routes: ROUTES,
    hosts: [{ name: 'narrow', domains: ['narrow.test'], routes: [{ match: { path: '/only' }, route: { cluster: 'h2' } }] }],
    clusters: [
      h2Cluster('h2', [ports.originH2]),
      h2Cluster('leaving', [ports.originH2]),
      h2Cluster('dead2', [ports.dead]),
      h2Cluster('wrong', [ports.origin]),
      cluster('empty', []),
    ],
  }),
  cases: [...FROM_ORIGIN, ...FROM_CLIENT, ...RETRIED, ...TIMED, ...LIMITS],
});
