/** What costs a peer little and us much: each ends the connection, by its name, before it has cost much. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headersOf } from '../http/headers.ts';
import { CONTINUATION, DATA, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, uint32Text, WINDOW_UPDATE } from './frames.ts';
import { block, feed, frame, GET, HELLO, heads, POST, record, settings } from './testing/frames.ts';
import { H2, type Http2Options } from './types.ts';

const reset = (id: number): string => frame(RST_STREAM, 0, id, uint32Text(H2.CANCEL));
const BIG = 'v'.repeat(120);

interface Flood {
  readonly name: string;
  /** Before it. */
  readonly first?: string;
  /** The `i`th piece of it. */
  readonly piece: (i: number) => string;
  /** Pieces that are taken. */
  readonly taken: number;
  readonly fault: string;
  readonly isStuck?: boolean;
  readonly options?: Partial<Http2Options>;
}

const FLOODS: readonly Flood[] = [
  { name: 'rapid reset', piece: (i) => heads(2 * i + 1, GET, true) + reset(2 * i + 1), taken: 500, fault: 'reset_flood' },
  {
    name: 'streams that we are made to reset by malformed requests',
    piece: (i) => heads(2 * i + 1, [...GET, ['connection', 'close']], true),
    taken: 500,
    fault: 'reset_flood',
    options: { keepsConnectionOnBadMessage: true },
  },
  {
    name: 'streams that we are made to reset by WINDOW_UPDATE',
    piece: (i) => heads(2 * i + 1, POST, false) + frame(WINDOW_UPDATE, 0, 2 * i + 1, uint32Text(0)),
    taken: 500,
    fault: 'reset_flood',
  },
  {
    name: 'streams that we are made to reset by DATA after the end',
    piece: (i) => heads(2 * i + 1, GET, true) + frame(DATA, 0, 2 * i + 1, 'x'),
    taken: 500,
    fault: 'reset_flood',
  },
  {
    name: 'heads that are too large',
    piece: (i) => heads(2 * i + 1, [...GET, ...Array.from({ length: 101 }, (): [string, string] => ['a', 'b'])], true),
    taken: 500,
    fault: 'reset_flood',
  },
  {
    name: 'CONTINUATIONs without an end, large',
    first: frame(HEADERS, 0, 1, block(GET)),
    piece: () => frame(CONTINUATION, 0, 1, block(Array.from({ length: 120 }, () => ['x', BIG]))),
    taken: 5,
    fault: 'header_flood',
  },
  {
    name: 'CONTINUATIONs without an end, small',
    first: frame(HEADERS, 0, 1, block(GET)),
    piece: () => frame(CONTINUATION, 0, 1, 'x'),
    taken: 12,
    fault: 'header_flood',
  },
  {
    name: 'CONTINUATIONs of no bytes',
    first: frame(HEADERS, 0, 1, block(GET)),
    piece: () => frame(CONTINUATION, 0, 1),
    taken: 1,
    fault: 'empty_frame_flood',
  },
  { name: 'DATA of no bytes', first: heads(1, POST, false), piece: () => frame(DATA, 0, 1), taken: 1, fault: 'empty_frame_flood' },
  {
    name: 'DATA of padding',
    first: heads(1, POST, false),
    piece: () => frame(DATA, 8, 1, '\x02\0\0'),
    taken: 1,
    fault: 'empty_frame_flood',
  },
  {
    name: 'PRIORITY',
    first: heads(1, GET, true),
    piece: () => frame(PRIORITY, 0, 3, '\0\0\0\x01\x10'),
    taken: 200,
    fault: 'priority_flood',
  },
  {
    name: 'WINDOW_UPDATE',
    first: heads(1, GET, true),
    piece: () => frame(WINDOW_UPDATE, 0, 0, uint32Text(1)),
    taken: 7,
    fault: 'window_update_flood',
  },
  {
    name: 'PING, answers not read',
    piece: () => frame(PING, 0, 0, '12345678'),
    taken: 1000,
    fault: 'outbound_control_flood',
    isStuck: true,
  },
  { name: 'SETTINGS, answers not read', piece: () => settings(), taken: 1000, fault: 'outbound_control_flood', isStuck: true },
  {
    name: 'streams over the limit, resets not read',
    first: heads(1, POST, false),
    piece: (i) => heads(2 * i + 3, GET, true),
    taken: 1000,
    fault: 'outbound_control_flood',
    isStuck: true,
    options: { maxConcurrentStreams: 1 },
  },
];

for (const flood of FLOODS) {
  test(`flood: ${flood.name}`, () => {
    const { connection, tape, log } = record('server', flood.options);
    feed(connection, HELLO + (flood.first ?? ''));
    feed(connection, '');
    tape.frames();
    tape.isStuck = flood.isStuck === true;
    const ended = (): boolean => log.some((line) => line.startsWith('fatal'));
    for (let i = 0; i < flood.taken; i++) feed(connection, flood.piece(i));
    assert(!ended(), 'what is allowed was taken');
    feed(connection, flood.piece(flood.taken));
    assert(log.includes(`fatal http2.${flood.fault}`));
    assert.match(tape.frames().at(-1) ?? '', /^GOAWAY \d+ ENHANCE_YOUR_CALM$/);
  });
}

test('flood: responses that are not read', () => {
  const { connection, tape, log, streams } = record('server');
  feed(connection, HELLO);
  tape.isStuck = true;
  for (let i = 0; i < 10_001; i++) {
    feed(connection, heads(2 * i + 1, GET, true));
    streams.get(2 * i + 1)?.sendResponse(200, headersOf([]), true);
  }
  feed(connection, '');
  assert(log.includes('fatal http2.outbound_flood'));
});

test('no flood: any number of PINGs and SETTINGS whose answers are read', () => {
  const { connection, tape, log } = record('server');
  feed(connection, HELLO);
  for (let i = 0; i < 5000; i++) {
    feed(connection, frame(PING, 0, 0, '12345678') + frame(SETTINGS, 0, 0));
    tape.take();
  }
  assert.deepEqual(log, []);
});

test('no flood: a backlog that moves on never counts as frames that are not read', () => {
  const { connection, tape, log } = record('server');
  feed(connection, HELLO);
  tape.isStuck = true;
  for (let i = 0; i < 20_000; i++) {
    feed(connection, frame(PING, 0, 0, '12345678'));
    // a thousand bytes stay behind whatever is taken
    tape.pendingBytes = Math.min(tape.pendingBytes, 1000);
  }
  assert.deepEqual(log, []);
});

test('no flood: streams that come to a good end make up for resets', () => {
  const { connection, log, streams } = record('server');
  feed(connection, HELLO);
  for (let i = 0; i < 3000; i++) {
    const id = 2 * i + 1;
    feed(connection, heads(id, GET, true));
    if (i % 2 === 0) feed(connection, reset(id));
    else streams.get(id)?.sendResponse(204, headersOf([]), true);
  }
  assert(!log.some((line) => line.startsWith('fatal')));
});

test('no flood: streams that are reset after a while', () => {
  let nowMs = 0;
  const { connection, log } = record('server', {}, () => nowMs);
  feed(connection, HELLO);
  for (let i = 0; i < 2000; i++) {
    feed(connection, heads(2 * i + 1, GET, true));
    nowMs += 1000;
    feed(connection, reset(2 * i + 1));
  }
  assert(!log.some((line) => line.startsWith('fatal')));
});

test('no flood: ten WINDOW_UPDATEs for each DATA that we send', () => {
  const { connection, log, streams } = record('server');
  feed(connection, HELLO + heads(1, GET, true));
  streams.get(1)?.sendResponse(200, headersOf([]), false);
  for (let i = 0; i < 1000; i++) {
    streams.get(1)?.sendData(Buffer.from('x'));
    feed(connection, frame(WINDOW_UPDATE, 0, 0, uint32Text(1)).repeat(10));
  }
  assert(!log.some((line) => line.startsWith('fatal')));
});
