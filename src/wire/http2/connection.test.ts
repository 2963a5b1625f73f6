/** A connection's states, by frames made by hand: what is answered, and what its users are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock, headersOf } from '../http/headers.ts';
import {
  CONTINUATION,
  DATA,
  GOAWAY,
  HEADERS,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  uint32Text,
  WINDOW_UPDATE,
} from './frames.ts';
import { block, feed, frame, GET, HELLO, heads, POST, record, recorder, settings } from './testing/frames.ts';
import { H2, type Http2Options } from './types.ts';

interface Row {
  readonly name: string;
  /** After the preface and SETTINGS of the peer. */
  readonly sent: string;
  readonly log?: readonly string[];
  /** After our own SETTINGS, WINDOW_UPDATE and acknowledgement. */
  readonly answered?: readonly string[];
  readonly options?: Partial<Http2Options>;
}

const TOLERANT: Partial<Http2Options> = { keepsConnectionOnBadMessage: true };
const reset = (id: number, code: number): string => frame(RST_STREAM, 0, id, uint32Text(code));
const update = (id: number, by: number): string => frame(WINDOW_UPDATE, 0, id, uint32Text(by));
const data = (id: number, text: string, isEnd = false): string => frame(DATA, isEnd ? 1 : 0, id, text);

/** Breaches that end the connection; the peer has opened no stream. */
function fatal(name: string, sent: string, code: keyof typeof H2, fault: string, options?: Partial<Http2Options>): Row {
  return { name, sent, log: [`fatal http2.${fault}`], answered: [`GOAWAY 0 ${code}`], ...(options === undefined ? {} : { options }) };
}

const SERVER: readonly Row[] = [
  { name: 'a request without a body', sent: heads(1, GET, true), log: ['request 1 GET / end'] },
  {
    name: 'a request with a body and trailers',
    sent: heads(1, POST, false) + data(1, 'ab') + data(1, 'c') + heads(1, [['x', 'y']], true),
    log: ['request 1 POST /', 'data 1 ab', 'data 1 c', 'end 1 x=y'],
  },
  {
    name: 'a body that ends with its last DATA',
    sent: heads(1, POST, false) + data(1, 'ab', true),
    log: ['request 1 POST /', 'data 1 ab', 'end 1'],
  },
  {
    name: 'a head in three frames',
    sent:
      frame(HEADERS, 1, 1, block(GET).slice(0, 5)) +
      frame(CONTINUATION, 0, 1, block(GET).slice(5, 20)) +
      frame(CONTINUATION, 4, 1, block(GET).slice(20)),
    log: ['request 1 GET / end'],
  },
  {
    name: 'padding and priority of HEADERS',
    sent: frame(HEADERS, 0x2d, 1, `\x03\0\0\0\0\x10${block(GET)}\0\0\0`),
    log: ['request 1 GET / end'],
  },
  {
    name: 'padding of DATA, a whole frame of it too',
    sent: heads(1, POST, false) + frame(DATA, 8, 1, '\x03ab\0\0\0') + frame(DATA, 9, 1, '\x02\0\0'),
    log: ['request 1 POST /', 'data 1 ab', 'end 1'],
  },
  {
    name: 'frames of unknown types',
    sent: frame(0x16, 0xff, 3, 'whatever') + frame(0xfa, 0, 0) + heads(1, GET, true),
    log: ['request 1 GET / end'],
  },
  {
    name: 'PING is answered, and its answer told',
    sent: frame(PING, 0, 0, '12345678') + frame(PING, 1, 0, '12345678'),
    log: ['pong'],
    answered: ['PING ack'],
  },
  { name: 'PRIORITY, on any stream', sent: frame(PRIORITY, 0, 9, '\0\0\0\x03\x10') + heads(1, GET, true), log: ['request 1 GET / end'] },
  { name: 'a client goes away', sent: frame(GOAWAY, 0, 0, '\0\0\0\0\0\0\0\0why'), log: ['goaway NO_ERROR'] },
  {
    name: 'a reset by the client',
    sent: heads(1, GET, true) + heads(3, POST, false) + reset(1, H2.CANCEL) + reset(3, H2.CANCEL) + reset(3, H2.CANCEL),
    log: [
      'request 1 GET / end',
      'request 3 POST /',
      'reset 1 CANCEL http2.remote_reset',
      'closed',
      'reset 3 CANCEL http2.remote_reset',
      'closed',
    ],
  },
  {
    name: 'WINDOW_UPDATE for a stream that has closed',
    sent: heads(1, GET, true) + reset(1, H2.CANCEL) + update(1, 5),
    log: ['request 1 GET / end', 'reset 1 CANCEL http2.remote_reset', 'closed'],
  },
  {
    name: 'more streams than allowed',
    sent: heads(1, POST, false) + heads(3, POST, false) + heads(5, POST, false) + data(5, 'x') + data(1, 'y'),
    log: ['request 1 POST /', 'request 3 POST /', 'data 1 y'],
    answered: ['RST_STREAM 5 REFUSED_STREAM'],
    options: { maxConcurrentStreams: 2 },
  },

  fatal('DATA on stream 0', data(0, 'x'), 'PROTOCOL_ERROR', 'stream_id'),
  fatal('HEADERS on stream 0', heads(0, GET, true), 'PROTOCOL_ERROR', 'stream_id'),
  fatal("HEADERS on a server's stream", heads(2, GET, true), 'PROTOCOL_ERROR', 'stream_id'),
  fatal('RST_STREAM on stream 0', reset(0, 0), 'PROTOCOL_ERROR', 'stream_id'),
  fatal('PRIORITY on stream 0', frame(PRIORITY, 0, 0, '\0\0\0\x03\x10'), 'PROTOCOL_ERROR', 'stream_id'),
  fatal('SETTINGS on a stream', frame(SETTINGS, 0, 1), 'PROTOCOL_ERROR', 'stream_id'),
  fatal('PING on a stream', frame(PING, 0, 1, '12345678'), 'PROTOCOL_ERROR', 'stream_id'),
  fatal('GOAWAY on a stream', frame(GOAWAY, 0, 1, '\0\0\0\0\0\0\0\0'), 'PROTOCOL_ERROR', 'stream_id'),
  fatal('DATA on an idle stream', data(1, 'x'), 'PROTOCOL_ERROR', 'idle_stream'),
  fatal('RST_STREAM on an idle stream', reset(1, 0), 'PROTOCOL_ERROR', 'idle_stream'),
  fatal('WINDOW_UPDATE on an idle stream', update(1, 1), 'PROTOCOL_ERROR', 'idle_stream'),
  fatal("DATA on a server's stream", data(2, 'x'), 'PROTOCOL_ERROR', 'idle_stream'),
  fatal('PUSH_PROMISE', frame(PUSH_PROMISE, 4, 1, '\0\0\0\x02'), 'PROTOCOL_ERROR', 'push'),
  fatal('CONTINUATION without HEADERS', frame(CONTINUATION, 4, 1), 'PROTOCOL_ERROR', 'continuation'),
  fatal('another frame inside a head', frame(HEADERS, 0, 1, block(GET)) + frame(PING, 0, 0, '12345678'), 'PROTOCOL_ERROR', 'continuation'),
  fatal('CONTINUATION of another stream', frame(HEADERS, 0, 1, block(GET)) + frame(CONTINUATION, 4, 3), 'PROTOCOL_ERROR', 'continuation'),
  fatal('an unknown frame inside a head', frame(HEADERS, 0, 1, block(GET)) + frame(0x16, 0, 1), 'PROTOCOL_ERROR', 'continuation'),
  fatal('a frame that is too large', frame(HEADERS, 5, 1, 'x'.repeat(16_385)), 'FRAME_SIZE_ERROR', 'frame_size'),
  fatal('PING of 7 bytes', frame(PING, 0, 0, '1234567'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('RST_STREAM of 5 bytes', frame(RST_STREAM, 0, 1, '\0\0\0\0\0'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('PRIORITY of 4 bytes', frame(PRIORITY, 0, 1, '\0\0\0\0'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('WINDOW_UPDATE of 3 bytes', frame(WINDOW_UPDATE, 0, 0, '\0\0\x01'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('GOAWAY of 7 bytes', frame(GOAWAY, 0, 0, '1234567'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('SETTINGS of 5 bytes', frame(SETTINGS, 0, 0, '12345'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('an acknowledgement with a payload', frame(SETTINGS, 1, 0, '123456'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('HEADERS without room for their priority', frame(HEADERS, 0x25, 1, '\0\0'), 'FRAME_SIZE_ERROR', 'payload_size'),
  fatal('HEADERS of padding alone', frame(HEADERS, 0xd, 1, '\x05abc'), 'PROTOCOL_ERROR', 'padding'),
  fatal('two acknowledgements of our SETTINGS', frame(SETTINGS, 1, 0) + frame(SETTINGS, 1, 0), 'PROTOCOL_ERROR', 'settings_ack'),
  fatal('SETTINGS_ENABLE_PUSH of 2', settings([[2, 2]]), 'PROTOCOL_ERROR', 'setting'),
  fatal('SETTINGS_INITIAL_WINDOW_SIZE of 2^31', settings([[4, 2 ** 31]]), 'FLOW_CONTROL_ERROR', 'initial_window'),
  fatal('SETTINGS_MAX_FRAME_SIZE of 16383', settings([[5, 16_383]]), 'PROTOCOL_ERROR', 'setting'),
  fatal('SETTINGS_MAX_FRAME_SIZE of 2^24', settings([[5, 2 ** 24]]), 'PROTOCOL_ERROR', 'setting'),
  fatal('WINDOW_UPDATE by 0', update(0, 0), 'PROTOCOL_ERROR', 'window_increment'),
  fatal('a connection window above 2^31-1', update(0, 0x7fffffff), 'FLOW_CONTROL_ERROR', 'window_overflow'),
  fatal('a stream that depends on itself', frame(PRIORITY, 0, 5, '\0\0\0\x05\x10'), 'PROTOCOL_ERROR', 'self_dependency'),
  fatal('HEADERS that depend on their stream', frame(HEADERS, 0x25, 1, `\0\0\0\x01\x10${block(GET)}`), 'PROTOCOL_ERROR', 'self_dependency'),
  fatal('a field block that cannot be decoded', frame(HEADERS, 5, 1, '\xff'), 'COMPRESSION_ERROR', 'hpack_index'),
  {
    name: 'a GOAWAY above the one before',
    sent: frame(GOAWAY, 0, 0, '\0\0\0\0\0\0\0\0') + frame(GOAWAY, 0, 0, '\0\0\0\x01\0\0\0\0'),
    log: ['goaway NO_ERROR', 'fatal http2.go_away'],
    answered: ['GOAWAY 0 PROTOCOL_ERROR'],
  },
];

/** Breaches on a stream that is open: `POST /`, half-closed: `GET /`, or new. */
const ON_STREAM: readonly (readonly [name: string, sent: string, code: keyof typeof H2, fault: string, isFatal?: boolean])[] = [
  ['padding that is longer than DATA', heads(1, POST, false) + frame(DATA, 8, 1, '\x06abcde'), 'PROTOCOL_ERROR', 'padding', true],
  ['padded DATA of no bytes', heads(1, POST, false) + frame(DATA, 8, 1), 'FRAME_SIZE_ERROR', 'payload_size', true],
  ['DATA after the end', heads(1, GET, true) + data(1, 'x'), 'STREAM_CLOSED', 'stream_closed'],
  ['HEADERS after the end', heads(1, GET, true) + heads(1, GET, true), 'STREAM_CLOSED', 'stream_closed'],
  ['DATA after a reset', heads(1, POST, false) + reset(1, 8) + data(1, 'x'), 'STREAM_CLOSED', 'stream_closed', true],
  ['HEADERS after a reset', heads(1, POST, false) + reset(1, 8) + heads(1, GET, true), 'STREAM_CLOSED', 'stream_closed', true],
  [
    'a shorter body than declared',
    heads(1, [...POST, ['content-length', '3']], false) + data(1, 'ab', true),
    'PROTOCOL_ERROR',
    'body_length',
  ],
  ['a longer body than declared', heads(1, [...POST, ['content-length', '1']], false) + data(1, 'ab'), 'PROTOCOL_ERROR', 'body_length'],
  [
    'trailers before the declared end',
    heads(1, [...POST, ['content-length', '1']], false) + heads(1, [['a', 'b']], true),
    'PROTOCOL_ERROR',
    'body_length',
  ],
  ['WINDOW_UPDATE by 0', heads(1, POST, false) + update(1, 0), 'PROTOCOL_ERROR', 'window_increment'],
  ['a stream window above 2^31-1', heads(1, POST, false) + update(1, 0x7fffffff), 'FLOW_CONTROL_ERROR', 'window_overflow'],
  [
    'a window above 2^31-1 by SETTINGS',
    heads(1, POST, false) + update(1, 0x7fff0000) + settings([[4, 70_000]]),
    'FLOW_CONTROL_ERROR',
    'window_overflow',
    true,
  ],
];

/** Messages that are malformed: the connection's end by default, only the stream's where the option says so. */
const MALFORMED: readonly (readonly [name: string, sent: string, fault: string])[] = [
  ['no body where one is declared', heads(1, [...POST, ['content-length', '1']], true), 'body_length'],
  ['trailers without an end', heads(1, POST, false) + heads(1, [['a', 'b']], false), 'trailers'],
  ['trailers with pseudo-fields', heads(1, POST, false) + heads(1, [[':path', '/']], true), 'pseudo_unknown'],
  ['a name in upper case', heads(1, [...GET, ['X', 'y']], true), 'header_name'],
  ['Connection', heads(1, [...GET, ['connection', 'close']], true), 'connection_field'],
  [
    'no :path',
    heads(
      1,
      GET.filter(([name]) => name !== ':path'),
      true,
    ),
    'pseudo_missing',
  ],
  [
    'an extended CONNECT that is not allowed',
    heads(1, [[':method', 'CONNECT'], ...GET.slice(1), [':protocol', 'websocket']], false),
    'extended_connect',
  ],
];

function runServer(row: Row): { log: string[]; answered: string[] } {
  const { connection, tape, log } = record('server', row.options);
  feed(connection, HELLO);
  assert.deepEqual(tape.frames(), ['SETTINGS', `WINDOW_UPDATE 0 +${(16 << 20) - 65_535}`, 'SETTINGS ack']);
  feed(connection, row.sent);
  return { log, answered: tape.frames() };
}

for (const row of SERVER) {
  test(`server: ${row.name}`, () => {
    const { log, answered } = runServer(row);
    assert.deepEqual(log, row.log ?? []);
    assert.deepEqual(answered, row.answered ?? []);
  });
}

for (const [name, sent, code, fault, isFatal] of ON_STREAM) {
  test(`server, on a stream: ${name}`, () => {
    const { log, answered } = runServer({ name, sent });
    if (isFatal === true) {
      assert.equal(answered.at(-1), `GOAWAY 1 ${code}`);
      assert.equal(log.at(-1), `fatal http2.${fault}`);
    } else {
      assert.deepEqual(answered, [`RST_STREAM 1 ${code}`]);
      assert.deepEqual(log.slice(-2), [`reset 1 ${code} http2.${fault}`, 'closed']);
    }
  });
}

for (const [name, sent, fault] of MALFORMED) {
  test(`server: malformed ends the connection: ${name}`, () => {
    const { log, answered } = runServer({ name, sent });
    assert.deepEqual(answered, ['GOAWAY 1 PROTOCOL_ERROR']);
    assert.equal(log.at(-1), `fatal http2.${fault}`);
  });
  test(`server: malformed ends its stream: ${name}`, () => {
    const { log, answered } = runServer({ name, sent: sent + heads(3, GET, true), options: TOLERANT });
    assert.deepEqual(answered, ['RST_STREAM 1 PROTOCOL_ERROR']);
    assert.equal(log.at(-1), 'request 3 GET / end');
    assert.equal(
      log.some((line) => line === `reset 1 PROTOCOL_ERROR http2.${fault}`),
      log.some((line) => line.startsWith('request 1')),
    );
  });
}

for (const [name, sent, fault] of [
  ['a client that speaks HTTP/1.1', 'GET / HTTP/1.1\r\n\r\n', 'preface'],
  ['a first frame that is not SETTINGS', HELLO.slice(0, 24) + frame(PING, 0, 0, '12345678'), 'first_frame'],
  ['a first frame that acknowledges', HELLO.slice(0, 24) + frame(SETTINGS, 1, 0), 'first_frame'],
] as const) {
  test(`server: ${name}`, () => {
    const { connection, tape, log } = record('server');
    feed(connection, sent);
    assert.deepEqual(log, [`fatal http2.${fault}`]);
    assert.equal(tape.frames().at(-1), 'GOAWAY 0 PROTOCOL_ERROR');
    feed(connection, HELLO);
    assert.deepEqual(tape.frames(), []);
  });
}

test('server: what comes after our reset is passed over, for a while', () => {
  const { connection, tape, log, streams } = record('server');
  feed(connection, HELLO + heads(1, POST, false));
  streams.get(1)?.reset(H2.CANCEL);
  tape.frames();
  feed(connection, data(1, 'on its way') + heads(1, [['a', 'b']], true) + update(1, 5));
  assert.deepEqual(tape.frames(), []);
  assert.deepEqual(log, ['request 1 POST /', 'closed']);
  for (let i = 0; i < 20; i++) feed(connection, heads(1, [['a', 'b']], true));
  assert.deepEqual(tape.frames(), ['GOAWAY 1 STREAM_CLOSED']);
});

test('server: DATA after our reset is given back to the connection', () => {
  const { connection, tape, streams } = record('server', { connectionWindowBytes: 100_000 });
  feed(connection, HELLO + heads(1, POST, false));
  streams.get(1)?.reset(H2.CANCEL);
  tape.frames();
  for (let i = 0; i < 4; i++) feed(connection, frame(DATA, 8, 1, `\x63${'x'.repeat(15_900)}${'\0'.repeat(99)}`));
  assert.deepEqual(tape.frames(), ['WINDOW_UPDATE 0 +63900']);
});

test('server: a response with its informational heads, body and trailers', () => {
  const { connection, tape, log, streams } = record('server');
  feed(connection, HELLO + heads(1, GET, true));
  tape.frames();
  const stream = streams.get(1);
  assert(stream);
  stream.sendResponse(103, headersOf([['link', '</a>']]), false);
  stream.sendResponse(200, headersOf([]), false);
  assert(stream.sendData(Buffer.from('body')));
  assert(stream.isOpen);
  stream.sendEnd(headersOf([['x', 'y']]));
  assert(!stream.isOpen);
  assert.deepEqual(tape.frames(), ['HEADERS 1', 'HEADERS 1', 'DATA 1 4', 'HEADERS 1 end']);
  assert.deepEqual(log, ['request 1 GET / end', 'closed']);
  assert.equal(connection.activeStreams, 0);
  stream.sendData(Buffer.from('late'));
  stream.sendEnd(undefined);
  stream.reset(8);
  assert.deepEqual(tape.frames(), []);
});

test('server: a large head leaves in HEADERS and CONTINUATIONs', () => {
  const { connection, tape, streams } = record('server');
  feed(connection, HELLO + heads(1, GET, true));
  tape.frames();
  streams.get(1)?.sendResponse(200, headersOf([['x', 'v'.repeat(40_000)]]), true);
  assert.deepEqual(tape.frames(), ['HEADERS 1 end', 'CONTINUATION 1', 'CONTINUATION 1']);
});

test('server: a graceful GOAWAY takes what is on the way, and refuses what comes later', () => {
  const { connection, tape, log } = record('server');
  feed(connection, HELLO + heads(1, GET, true));
  tape.frames();
  connection.goAway(H2.NO_ERROR, true);
  feed(connection, heads(3, GET, true));
  connection.finishDrain();
  connection.finishDrain();
  feed(connection, heads(5, GET, true));
  assert.deepEqual(tape.frames(), [`GOAWAY ${0x7fffffff} NO_ERROR`, 'GOAWAY 3 NO_ERROR', 'RST_STREAM 5 REFUSED_STREAM']);
  assert.deepEqual(log, ['request 1 GET / end', 'request 3 GET / end']);
});

test('server: an extended CONNECT comes as an upgrade, and its acceptance leaves as 200', () => {
  const { connection, tape, log, streams } = record('server', { allowsConnect: true });
  feed(connection, HELLO + heads(1, [[':method', 'CONNECT'], ...GET.slice(1), [':protocol', 'websocket']], false) + data(1, 'hi'));
  streams.get(1)?.sendResponse(101, headersOf([]), false);
  streams.get(1)?.sendData(Buffer.from('ho'));
  assert.deepEqual(log, ['request 1 GET /', 'data 1 hi']);
  assert.deepEqual(tape.frames().slice(-2), ['HEADERS 1', 'DATA 1 2']);
});

test('server: the end of the transport is told to every stream once', () => {
  const { connection, log, tape } = record('server');
  feed(connection, HELLO + heads(1, GET, true) + heads(3, POST, false));
  tape.frames();
  connection.closed('gone');
  connection.closed('gone again');
  feed(connection, heads(5, GET, true));
  assert.deepEqual(log.slice(2), ['reset 1 CANCEL gone', 'reset 3 CANCEL gone']);
  assert.deepEqual(tape.frames(), []);
  assert.equal(connection.activeStreams, 0);
});

const REQUEST = { method: 'GET', path: '/', authority: 'a', scheme: 'http', headers: new HeaderBlock(), upgrade: '' };

interface ClientRow {
  readonly name: string;
  readonly sent: string;
  readonly method?: string;
  readonly log?: readonly string[];
  readonly answered?: readonly string[];
}

const OK = [[':status', '200']] as const;

/** One request, `GET /` with its end unless told otherwise, on stream 1. */
const CLIENT: readonly ClientRow[] = [
  { name: 'a response of a head', sent: heads(1, OK, true), log: ['head 1 200 end', 'closed'] },
  {
    name: 'a response with informational heads, body and trailers',
    sent:
      heads(
        1,
        [
          [':status', '103'],
          ['link', '</a>'],
        ],
        false,
      ) +
      heads(1, OK, false) +
      data(1, 'ab') +
      heads(1, [['x', 'y']], true),
    log: ['head 1 103 link=</a>', 'head 1 200', 'data 1 ab', 'end 1 x=y', 'closed'],
  },
  {
    name: 'a response to HEAD that declares a length',
    method: 'HEAD',
    sent: heads(1, [...OK, ['content-length', '5']], true),
    log: ['head 1 200 content-length=5 end', 'closed'],
  },
  {
    name: '304 that declares a length',
    sent: heads(
      1,
      [
        [':status', '304'],
        ['content-length', '5'],
      ],
      true,
    ),
    log: ['head 1 304 content-length=5 end', 'closed'],
  },
  {
    name: 'a reset',
    sent: frame(RST_STREAM, 0, 1, uint32Text(H2.REFUSED_STREAM)),
    log: ['reset 1 REFUSED_STREAM http2.remote_reset', 'closed'],
  },
  {
    name: 'GOAWAY before the request was taken',
    sent: frame(GOAWAY, 0, 0, uint32Text(0) + uint32Text(0)),
    log: ['reset 1 REFUSED_STREAM http2.remote_go_away', 'closed', 'goaway NO_ERROR'],
  },
  {
    name: 'GOAWAY after it was taken',
    sent: frame(GOAWAY, 0, 0, uint32Text(1) + uint32Text(0)) + heads(1, OK, true),
    log: ['goaway NO_ERROR', 'head 1 200 end', 'closed'],
  },
  ...(
    [
      ['DATA to HEAD', heads(1, OK, false), 'HEAD'],
      ['DATA with 204', heads(1, [[':status', '204']], false), 'GET'],
    ] as const
  ).map(([name, sent, method]) => ({
    name,
    sent: sent + data(1, 'x'),
    method,
    log: ['reset 1 PROTOCOL_ERROR http2.body_length', 'closed'],
    answered: ['RST_STREAM 1 PROTOCOL_ERROR'],
  })),
  ...(
    [
      ['DATA before the head', data(1, 'x'), 'head_order', 'GET'],
      ['an informational head that ends the stream', heads(1, [[':status', '100']], true), 'informational_end', 'GET'],
      ['101', heads(1, [[':status', '101']], false), 'status', 'GET'],
      ['no status', heads(1, [['a', 'b']], true), 'pseudo_missing', 'GET'],
      ['a shorter body than declared', heads(1, [...OK, ['content-length', '5']], true), 'body_length', 'GET'],
      ['a response on a stream that was not opened', heads(3, OK, true), 'idle_stream', 'GET'],
      ['PUSH_PROMISE', frame(PUSH_PROMISE, 4, 1, '\0\0\0\x02'), 'push', 'GET'],
      ['SETTINGS_ENABLE_PUSH from a server', settings([[2, 1]]), 'setting', 'GET'],
    ] as const
  ).map(([name, sent, fault, method]) => ({
    name,
    sent,
    method,
    log: [`reset 1 PROTOCOL_ERROR http2.${fault}`, `fatal http2.${fault}`],
    answered: ['GOAWAY 0 PROTOCOL_ERROR'],
  })),
];

for (const row of CLIENT) {
  test(`client: ${row.name}`, () => {
    const { connection, tape, log } = record('client');
    connection.open({ ...REQUEST, method: row.method ?? 'GET' }, true, recorder(1, log));
    feed(connection, settings());
    tape.frames();
    feed(connection, row.sent);
    assert.deepEqual(
      log.filter((line) => row.answered === undefined || !line.startsWith('head')),
      row.log ?? [],
    );
    assert.deepEqual(tape.frames(), row.answered ?? []);
  });
}

test('client: the peer says how many streams there may be', () => {
  const { connection, log } = record('client');
  assert(connection.canOpen);
  assert(!connection.hasPeerSettings);
  assert.equal(connection.peerMaxStreams, 100);
  feed(connection, settings([[3, 1]]));
  assert(connection.canOpen);
  connection.open(REQUEST, true, recorder(1, log));
  assert(!connection.canOpen);
  assert(!connection.isSpent);
  assert.throws(() => connection.open(REQUEST, true, recorder(3, log)));
  feed(connection, heads(1, OK, true));
  assert(connection.canOpen);
  feed(connection, frame(GOAWAY, 0, 0, uint32Text(1) + uint32Text(0)));
  assert(connection.isSpent);
});

test('client: an extended CONNECT is sent only to whom allows it, and its 2xx comes as 101', () => {
  const { connection, log } = record('client');
  assert.throws(() => connection.open({ ...REQUEST, upgrade: 'websocket' }, false, recorder(1, log)));
  feed(connection, settings([[8, 1]]));
  const stream = connection.open({ ...REQUEST, upgrade: 'websocket' }, false, recorder(1, log));
  feed(connection, heads(1, OK, false) + data(1, 'hi'));
  assert.deepEqual(log, ['head 1 101', 'data 1 hi']);
  assert(stream.sendData(Buffer.from('x')));
});

test('client: a response that ends before its request leaves the sending side open', () => {
  const { connection, log, tape } = record('client');
  const stream = connection.open({ ...REQUEST, method: 'POST' }, false, recorder(1, log));
  feed(connection, settings() + heads(1, OK, true));
  tape.frames();
  assert(stream.isOpen);
  feed(connection, frame(RST_STREAM, 0, 1, uint32Text(H2.NO_ERROR)));
  assert.deepEqual(log, ['head 1 200 end', 'reset 1 NO_ERROR http2.remote_reset', 'closed']);
  assert(stream.sendData(Buffer.from('x')));
  assert.deepEqual(tape.frames(), []);
});
