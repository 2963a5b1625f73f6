/** Windows both ways (RFC 9113 section 5.2), pauses, and turns of streams that wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock, headersOf } from '../http/headers.ts';
import { DATA, RST_STREAM, uint32Text, WINDOW_UPDATE } from './frames.ts';
import { feed, frame, GET, HELLO, heads, POST, record, recorder, settings, type Recorded } from './testing/frames.ts';
import { H2, type Http2Options } from './types.ts';

const update = (id: number, by: number): string => frame(WINDOW_UPDATE, 0, id, uint32Text(by));
const data = (id: number, text: string, isEnd = false): string => frame(DATA, isEnd ? 1 : 0, id, text);
const bytes = (length: number): Buffer => Buffer.alloc(length, 'x');

/** A server with requests on streams 1, 3, ... and their responses begun. */
function answering(streams: number, hello = HELLO, options: Partial<Http2Options> = {}): Recorded {
  const recorded = record('server', options);
  feed(recorded.connection, hello);
  for (let i = 0; i < streams; i++) feed(recorded.connection, heads(2 * i + 1, GET, true));
  for (const stream of recorded.streams.values()) stream.sendResponse(200, headersOf([]), false);
  recorded.tape.frames();
  recorded.log.length = 0;
  return recorded;
}

test("sending: no more than the stream's window, the rest when it opens", () => {
  const { connection, tape, log, streams } = answering(1, HELLO.slice(0, 24) + settings([[4, 10]]));
  assert.equal(streams.get(1)?.sendData(bytes(25)), false);
  assert.deepEqual(tape.frames(), ['DATA 1 10']);
  feed(connection, update(1, 5));
  assert.deepEqual(tape.frames(), ['DATA 1 5']);
  assert.deepEqual(log, []);
  feed(connection, update(1, 100));
  assert.deepEqual(tape.frames(), ['DATA 1 10']);
  assert.deepEqual(log, ['drain 1']);
});

test("sending: no more than the connection's window", () => {
  const { connection, tape, streams } = answering(1, HELLO.slice(0, 24) + settings([[4, 1_000_000]]));
  assert.equal(streams.get(1)?.sendData(bytes(70_000)), false);
  assert.equal(tape.take().length - 4 * 9, 65_535);
  feed(connection, update(0, 4464));
  assert.deepEqual(tape.frames(), ['DATA 1 4464']);
});

test("sending: streams that wait for the connection's window take turns, one frame each", () => {
  const { connection, tape, streams } = answering(3, HELLO.slice(0, 24) + settings([[4, 1_000_000]]));
  streams.get(1)?.sendData(bytes(65_535));
  for (const id of [1, 3, 5]) assert.equal(streams.get(id)?.sendData(bytes(40_000)), false);
  tape.frames();
  feed(connection, update(0, 100_000));
  assert.deepEqual(tape.frames(), [
    'DATA 1 16384',
    'DATA 3 16384',
    'DATA 5 16384',
    'DATA 1 16384',
    'DATA 3 16384',
    'DATA 5 16384',
    'DATA 1 1696',
  ]);
});

test('sending: an end and its trailers wait for the data before them', () => {
  const { connection, tape, log, streams } = answering(2, HELLO.slice(0, 24) + settings([[4, 4]]));
  streams.get(1)?.sendData(bytes(6));
  streams.get(1)?.sendEnd(undefined);
  streams.get(3)?.sendData(bytes(6));
  streams.get(3)?.sendEnd(headersOf([['x', 'y']]));
  assert.deepEqual(tape.frames(), ['DATA 1 4', 'DATA 3 4']);
  feed(connection, update(1, 4) + update(3, 2));
  assert.deepEqual(tape.frames(), ['DATA 1 2', 'DATA 1 0 end', 'DATA 3 2', 'HEADERS 3 end']);
  assert.deepEqual(log, ['closed', 'closed']);
});

test('sending: a smaller initial window makes windows of open streams negative', () => {
  const { connection, tape, streams } = answering(1);
  streams.get(1)?.sendData(bytes(60_000));
  feed(connection, settings([[4, 10_000]]));
  assert.equal(streams.get(1)?.sendData(bytes(20)), false);
  tape.frames();
  feed(connection, update(1, 49_990));
  assert.deepEqual(tape.frames(), []);
  feed(connection, update(1, 15));
  assert.deepEqual(tape.frames(), ['DATA 1 5']);
  feed(connection, settings([[4, 10_100]]));
  assert.deepEqual(tape.frames(), ['SETTINGS ack', 'DATA 1 15']);
});

test("sending: frames as large as the peer's SETTINGS allow, up to 64 KiB", () => {
  const { tape, streams } = answering(
    1,
    HELLO.slice(0, 24) +
      settings([
        [4, 500_000],
        [5, 1_000_000],
      ]) +
      update(0, 500_000),
  );
  assert(streams.get(1)?.sendData(bytes(100_000)));
  assert.deepEqual(tape.frames(), ['DATA 1 65536', 'DATA 1 34464']);
});

test('sending: a reset takes queued data away', () => {
  const { connection, tape, log, streams } = answering(1, HELLO.slice(0, 24) + settings([[4, 4]]));
  streams.get(1)?.sendData(bytes(10));
  tape.frames();
  feed(connection, frame(RST_STREAM, 0, 1, uint32Text(H2.CANCEL)) + update(1, 100) + update(0, 100));
  assert.deepEqual(tape.frames(), []);
  assert.deepEqual(log, ['reset 1 CANCEL http2.remote_reset', 'closed']);
});

test('sending: a sink that is full stops every stream, and drains them in turn', () => {
  const { connection, tape, log, streams } = answering(2);
  tape.isStuck = true;
  assert.equal(streams.get(1)?.sendData(bytes(10)), false);
  assert.equal(streams.get(3)?.sendData(bytes(10)), false);
  tape.isStuck = false;
  tape.pendingBytes = 0;
  connection.drained();
  assert.deepEqual(log, ['drain 1', 'drain 3']);
  assert(streams.get(1)?.sendData(bytes(10)));
});

test('sending: what waits for a window stays there while the sink is full', () => {
  const { connection, tape, log, streams } = answering(1, HELLO.slice(0, 24) + settings([[4, 4]]));
  streams.get(1)?.sendData(bytes(4));
  tape.isStuck = true;
  streams.get(1)?.sendData(bytes(10));
  connection.ping();
  tape.frames();
  feed(connection, update(1, 100));
  assert.deepEqual(tape.frames(), []);
  tape.isStuck = false;
  tape.pendingBytes = 0;
  connection.drained();
  assert.deepEqual(tape.frames(), ['DATA 1 10']);
  assert.deepEqual(log, ['drain 1']);
});

test("sending: a client's body goes by the same rules", () => {
  const { connection, tape, log } = record('client');
  feed(connection, settings([[4, 3]]));
  const head = { method: 'POST', path: '/', authority: 'a', scheme: 'http', headers: new HeaderBlock(), upgrade: '' };
  const stream = connection.open(head, false, recorder(1, log));
  tape.frames();
  assert.equal(stream.sendData(bytes(5)), false);
  stream.sendEnd(undefined);
  feed(connection, update(1, 9));
  assert.deepEqual(tape.frames(), ['DATA 1 3', 'DATA 1 2', 'DATA 1 0 end']);
});

/** A server with a request on stream 1 whose body is coming. */
function receiving(options: Partial<Http2Options> = {}): Recorded {
  const recorded = record('server', options);
  feed(recorded.connection, HELLO + heads(1, POST, false));
  recorded.tape.frames();
  recorded.log.length = 0;
  return recorded;
}

test('receiving: windows are given back by halves', () => {
  const { connection, tape } = receiving({ streamWindowBytes: 100_000, connectionWindowBytes: 200_000 });
  const answers: string[] = [];
  for (let i = 0; i < 20; i++) {
    feed(connection, data(1, 'x'.repeat(10_000)));
    answers.push(...tape.frames());
  }
  assert.deepEqual(answers, [
    'WINDOW_UPDATE 1 +50000',
    'WINDOW_UPDATE 0 +100000',
    'WINDOW_UPDATE 1 +50000',
    'WINDOW_UPDATE 1 +50000',
    'WINDOW_UPDATE 0 +100000',
    'WINDOW_UPDATE 1 +50000',
  ]);
});

test('receiving: padding is given back too', () => {
  const { connection, tape } = receiving({ streamWindowBytes: 65_535, connectionWindowBytes: 65_535 });
  for (let i = 0; i < 130; i++) feed(connection, frame(DATA, 8, 1, `\xffx${'\0'.repeat(255)}`));
  assert.deepEqual(tape.frames(), ['WINDOW_UPDATE 1 +32896', 'WINDOW_UPDATE 0 +32896'].toSorted());
});

test('receiving: a paused stream keeps what comes, and gives nothing back', () => {
  const { connection, tape, log, streams } = receiving({ streamWindowBytes: 65_535 });
  const stream = streams.get(1);
  assert(stream);
  stream.pause();
  for (let i = 0; i < 4; i++) feed(connection, data(1, String(i).repeat(15_000)));
  feed(connection, data(1, 'end', true));
  assert.deepEqual(log, []);
  assert.deepEqual(tape.frames(), []);
  stream.resume();
  assert.deepEqual(log, [...[0, 1, 2, 3].map((i) => `data 1 ${String(i).repeat(15_000)}`), 'data 1 end', 'end 1']);
  assert.deepEqual(tape.frames(), []);
});

test('receiving: a paused stream gives back what is read after it goes on', () => {
  const { connection, tape, streams } = receiving({ streamWindowBytes: 65_535 });
  streams.get(1)?.pause();
  for (let i = 0; i < 4; i++) feed(connection, data(1, 'x'.repeat(15_000)));
  streams.get(1)?.resume();
  assert.deepEqual(tape.frames(), ['WINDOW_UPDATE 1 +45000']);
});

test('receiving: a reader may pause again in the middle of what was kept', () => {
  const { connection, log, streams } = receiving();
  const stream = streams.get(1);
  assert(stream);
  stream.pause();
  // small ones are kept as one
  const large = 'b'.repeat(2000);
  feed(connection, data(1, 'a') + data(1, large) + data(1, 'c', true));
  const push = log.push.bind(log);
  log.push = (...lines) => {
    if (lines[0]?.startsWith('data') === true) stream.pause();
    return push(...lines);
  };
  const lines: string[] = [];
  for (let i = 0; i < 4; i++) {
    stream.resume();
    lines.push(log.join(', '));
  }
  const all = `data 1 a, data 1 ${large}, data 1 c`;
  assert.deepEqual(lines, ['data 1 a', `data 1 a, data 1 ${large}`, all, `${all}, end 1`]);
});

test('receiving: a reset of a paused stream gives what it held back to the connection', () => {
  const { connection, tape, log, streams } = receiving({ streamWindowBytes: 100_000, connectionWindowBytes: 100_000 });
  streams.get(1)?.pause();
  for (let i = 0; i < 6; i++) feed(connection, data(1, 'x'.repeat(10_000)));
  assert.deepEqual(tape.frames(), []);
  feed(connection, frame(RST_STREAM, 0, 1, uint32Text(H2.CANCEL)));
  assert.deepEqual(tape.frames(), ['WINDOW_UPDATE 0 +60000']);
  assert.deepEqual(log, ['reset 1 CANCEL http2.remote_reset', 'closed']);
  streams.get(1)?.resume();
  assert.equal(log.length, 2);
});

test("receiving: more than the stream's window ends the stream", () => {
  const { connection, tape, streams } = receiving({ streamWindowBytes: 65_535 });
  streams.get(1)?.pause();
  for (let i = 0; i < 5; i++) feed(connection, data(1, 'x'.repeat(15_000)));
  assert.deepEqual(tape.frames(), ['RST_STREAM 1 FLOW_CONTROL_ERROR']);
});

test("receiving: more than the connection's window ends the connection", () => {
  const { connection, tape, log, streams } = receiving({ streamWindowBytes: 100_000, connectionWindowBytes: 65_535 });
  streams.get(1)?.pause();
  for (let i = 0; i < 5; i++) feed(connection, data(1, 'x'.repeat(15_000)));
  assert.deepEqual(tape.frames(), ['GOAWAY 1 FLOW_CONTROL_ERROR']);
  assert.equal(log.at(-1), 'fatal http2.flow_control');
});

test('receiving: DATA is given as it comes, not frame by frame', () => {
  const { connection, log } = receiving();
  const whole = data(1, 'abcdef', true);
  for (const part of [whole.slice(0, 4), whole.slice(4, 11), whole.slice(11, 12), whole.slice(12)]) feed(connection, part);
  assert.deepEqual(log, ['data 1 ab', 'data 1 c', 'data 1 def', 'end 1']);
});
