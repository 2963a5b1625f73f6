/** Malformed HTTP/2 (RFC 9113 section 8.1.1) and broken rules of its frames: which stream or connection ends, and how. */
import { type Difference, DIFFERENCES } from './differences.ts';
import type { Case } from './framework/case.ts';
import { fieldOf, head, on2, rawAsk2, type Request2 } from './framework/h2-case.ts';
import { FRAME, frame, settings, uint32 } from './framework/h2-frames.ts';
import { encodeFields, type Field } from './framework/h2-hpack.ts';
import { h2Cluster, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const PROPER: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'any.test'],
  [':path', '/x'],
];

/** A proper request without one of its pseudo fields, and then others. */
const without = (name: string, ...others: readonly string[]): Field[] => [
  ...PROPER.filter(([each]) => each !== name),
  ...others.map(fieldOf),
];
const plus = (...others: readonly string[]): Field[] => without('', ...others);

const LISTENERS = ['main', 'lenient'] as const;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const SAID_WHY = { connection: DIFFERENCES.saidWhy };

/** A case on listeners that end the connection, and only the stream, for a malformed message. */
const malformed = (name: string, fields: readonly Field[]): Case[] => [
  rawAsk2(`main ${name}`, fields, { differs: SAID_WHY }),
  rawAsk2(`lenient ${name}`, fields, { listener: 'lenient' }),
];

/** What both take. */
const taken = (name: string, fields: readonly Field[]): Case[] =>
  LISTENERS.map((listener) => rawAsk2(`${listener} ${name}`, fields, { listener }));

/** What Envoy takes, or answers by itself. */
function stricter(name: string, fields: readonly Field[], reason: Difference): Case[] {
  const differs = { answers: reason, log: reason };
  return [
    rawAsk2(`main ${name}`, fields, { differs: { ...differs, connection: reason } }),
    rawAsk2(`lenient ${name}`, fields, { listener: 'lenient', differs }),
  ];
}

const HEADS: Case[] = [
  ...malformed('upper case', plus('X-Upper: 1')),
  ...malformed('space in a name', [...PROPER, ['x a', '1']]),
  ...malformed('empty name', [...PROPER, ['', '1']]),
  ...malformed('colon in a name', [...PROPER, ['x:a', '1']]),
  ...malformed('nul in a value', [...PROPER, ['x-a', 'a\0b']]),
  ...malformed('line feed in a value', [...PROPER, ['x-a', 'a\nb']]),
  ...malformed('return in a value', [...PROPER, ['x-a', 'a\rb']]),
  ...stricter('space around a value', [...PROPER, ['x-a', ' a ']], DIFFERENCES.spaceAroundValue).map((each) => ({
    ...each,
    differs: { ...each.differs, upstream: DIFFERENCES.spaceAroundValue },
  })),
  ...malformed('connection', plus('connection: close')),
  ...malformed('keep-alive', plus('keep-alive: timeout=5')),
  ...malformed('proxy-connection', plus('proxy-connection: close')),
  ...malformed('transfer-encoding', plus('transfer-encoding: chunked')),
  ...malformed('upgrade', plus('upgrade: websocket')),
  ...malformed('te gzip', plus('te: gzip')),
  ...taken('te trailers', plus('te: trailers')),
  ...malformed('no method', without(':method')),
  ...malformed('no scheme', without(':scheme')),
  ...malformed('no path', without(':path')),
  ...malformed('no authority', without(':authority')),
  ...malformed('empty path', without(':path', ':path:')),
  ...malformed('relative path', without(':path', ':path: x')),
  ...malformed('space in a path', without(':path', ':path: /a b')),
  ...stricter('fragment in a path', without(':path', ':path: /a#b'), DIFFERENCES.fragment2),
  ...malformed('nul in a path', without(':path', ':path: /a\0b')),
  ...malformed('bad method', without(':method', ':method: GE T')),
  ...malformed('empty method', without(':method', ':method:')),
  ...malformed('bad authority', without(':authority', ':authority: a b')),
  ...malformed('user in the authority', without(':authority', ':authority: user@a')),
  ...malformed('empty authority', without(':authority', ':authority:')),
  ...malformed('two paths', plus(':path: /y')),
  ...malformed('two methods', plus(':method: GET')),
  ...malformed('unknown pseudo field', [[':what', 'x'], ...PROPER]),
  ...malformed('status in a request', [[':status', '200'], ...PROPER]),
  ...malformed('pseudo field after others', without(':path', 'x-a: 1', ':path: /x')),
  ...malformed('two hosts', plus('host: a', 'host: b')),
  ...taken('underscore', plus('x_a: 1')),
  ...malformed('protocol without CONNECT', plus(':protocol: websocket')),
];

const posting = (name: string, request: Request2 = {}): Field[] => head(name, '/x', { method: 'POST', ...request });

const UPSTREAM_GIVEN_UP = { 'upstream.0.end': DIFFERENCES.cancelledUpstream };

/** A body and the length that is told of it. `differs` is of the listener that ends the connection. */
const lengths = (
  name: string,
  length: string,
  body: string,
  differs: Case['differs'] = {},
  differsLeniently: Case['differs'] = {},
): Case[] =>
  LISTENERS.map((listener) => {
    const full = `${listener} ${name}`;
    return on2(full, (client) => void client.request(posting(full, { fields: [`content-length: ${length}`] }), false).data(body, true), {
      listener,
      differs: listener === 'main' ? differs : differsLeniently,
    });
  });

/** A request with a body and malformed trailers. */
const badTrailers = (name: string, field: Field): Case =>
  on2(name, (client) => void client.request(posting(name), false).data('abc').trailers([field]), {
    differs: { ...SAID_WHY, ...UPSTREAM_GIVEN_UP },
  });

const BODIES: Case[] = [
  ...lengths('length too short', '2', 'abc', UPSTREAM_GIVEN_UP, UPSTREAM_GIVEN_UP),
  on2(
    'length too long',
    async (client) => {
      const stream = client.request(posting('length too long', { fields: ['content-length: 5'] }), false).data('abc');
      await wait(30);
      stream.data('', true);
    },
    { differs: UPSTREAM_GIVEN_UP },
  ),
  ...lengths('length of nothing', '0', ''),
  ...lengths('length that is no number', 'x', 'abc', SAID_WHY),
  ...lengths('negative length', '-1', 'abc', SAID_WHY),
  ...lengths('length list', '3, 3', 'abc', SAID_WHY),
  ...lengths('signed length', '+3', 'abc', SAID_WHY),
  on2(
    'two lengths',
    (client) => {
      client.request(posting('two lengths', { fields: ['content-length: 3', 'content-length: 4'] }), false).data('abc', true);
    },
    { differs: SAID_WHY },
  ),
  on2('length without a body', (client) => void client.request(posting('length without a body', { fields: ['content-length: 3'] })), {
    differs: SAID_WHY,
  }),
  badTrailers('pseudo field in trailers', [':path', '/y']),
  badTrailers('upper case in trailers', ['X-T', '1']),
  badTrailers('connection in trailers', ['connection', 'close']),
  on2(
    'trailers without an end',
    (client) => {
      const stream = client.request(posting('trailers without an end'), false).data('abc');
      client.send(frame(FRAME.HEADERS, 4, stream.id, encodeFields([['x-t', '1']])));
    },
    { differs: { ...SAID_WHY, ...UPSTREAM_GIVEN_UP } },
  ),
  on2('data after the end', (client) => void client.request(head('data after the end', '/x')).data('late', true), {
    differs: {
      answers: DIFFERENCES.lateData,
      connection: DIFFERENCES.lateData,
      log: DIFFERENCES.lateData,
      'upstream.0.end': DIFFERENCES.cancelledUpstream,
    },
  }),
];

/** A stream that is answered, and a frame that no connection survives, with what is said of it. */
const broken = (name: string, bytes: Uint8Array, differs: Case['differs'] = {}): Case =>
  on2(
    name,
    async (client) => {
      await client.request(head(name, '/x')).ended();
      client.send(bytes);
      await client.closed();
    },
    { differs },
  );

/** The same, where Envoy says nothing. */
const silent = (name: string, bytes: Uint8Array): Case => broken(name, bytes, SAID_WHY);

const FRAMES: Case[] = [
  broken('data on stream 0', frame(FRAME.DATA, 0, 0, Buffer.from('x'))),
  silent('headers on stream 0', frame(FRAME.HEADERS, 5, 0, encodeFields(PROPER))),
  silent('headers on an even stream', frame(FRAME.HEADERS, 5, 2, encodeFields(PROPER))),
  broken('data on a stream that never was', frame(FRAME.DATA, 0, 9, Buffer.from('x'))),
  silent('push from a client', frame(FRAME.PUSH_PROMISE, 4, 1, Buffer.concat([uint32(2), encodeFields(PROPER)]))),
  broken('continuation of nothing', frame(FRAME.CONTINUATION, 4, 1, encodeFields(PROPER))),
  silent('window update of nothing', frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(0))),
  silent('window too large', frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1))),
  silent('settings on a stream', frame(FRAME.SETTINGS, 0, 1)),
  broken('settings of a wrong size', frame(FRAME.SETTINGS, 0, 0, Buffer.from('abc'))),
  broken('acknowledged settings with a payload', frame(FRAME.SETTINGS, 1, 0, settings([1, 1]))),
  silent('window setting too large', frame(FRAME.SETTINGS, 0, 0, settings([4, 2 ** 31]))),
  silent('frame size setting too small', frame(FRAME.SETTINGS, 0, 0, settings([5, 100]))),
  silent('push setting of two', frame(FRAME.SETTINGS, 0, 0, settings([2, 2]))),
  silent('ping on a stream', frame(FRAME.PING, 0, 1, Buffer.alloc(8))),
  broken('ping of a wrong size', frame(FRAME.PING, 0, 0, Buffer.alloc(4))),
  silent('reset on stream 0', frame(FRAME.RST_STREAM, 0, 0, uint32(8))),
  broken('reset of a wrong size', frame(FRAME.RST_STREAM, 0, 1, Buffer.alloc(3))),
  silent('reset of a stream that never was', frame(FRAME.RST_STREAM, 0, 9, uint32(8))),
  broken('frame too large', frame(FRAME.DATA, 0, 1, Buffer.alloc(16_385 + 100))),
  broken('bad compression', frame(FRAME.HEADERS, 5, 3, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), {
    log: DIFFERENCES.undecodedHead,
  }),
  broken('index without a field', frame(FRAME.HEADERS, 5, 3, Buffer.of(0xbf)), { log: DIFFERENCES.undecodedHead }),
  on2(
    'stream number going down',
    async (client) => {
      client.send(Buffer.concat([5, 3].map((id) => frame(FRAME.HEADERS, 5, id, encodeFields(PROPER)))));
      await client.ping();
    },
    { differs: { connection: DIFFERENCES.streamsGoingDown, log: DIFFERENCES.streamsGoingDown } },
  ),
  on2('unknown frame', async (client) => {
    client.send(frame(99, 255, 0, Buffer.from('what')));
    await client.request(head('unknown frame', '/x')).ended();
  }),
  broken('text', Buffer.from('GET / HTTP/1.1\r\n\r\n')),
];

const lenient = { override_stream_error_on_invalid_http_message: true };

compareTopic({
  name: 'strictness of HTTP/2',
  setup: ({ ports }) => ({
    listeners: {
      main: {},
      lenient: { manager: { http2_protocol_options: lenient } },
    },
    routes: [to('/', { cluster: 'h2' })],
    clusters: [h2Cluster('h2', [ports.originH2])],
  }),
  cases: [...HEADS, ...BODIES, ...FRAMES],
});
