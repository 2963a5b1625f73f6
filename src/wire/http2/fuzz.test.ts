/**
 * Bytes by chance: a connection never throws, never answers more than in proportion, tells nobody anything after the end,
 * and does not care how its bytes are cut. `TULLE_FUZZ_RUNS` runs it longer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock, headersOf } from '../http/headers.ts';
import { PREFACE, uint32Text } from './frames.ts';
import { block, feed, frame, GET, HELLO, heads, POST, record, recorder, settings, type Recorded } from './testing/frames.ts';

const RUNS = Number(process.env['TULLE_FUZZ_RUNS'] ?? 400);

const stream = fc.constantFrom(1, 3, 5);
const id = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(1, 3, 5, 7) }, { weight: 1, arbitrary: fc.constantFrom(0, 2, 9, 0x7fffffff) });
const number = fc.constantFrom(0, 1, 3, 100, 16_384, 65_535, 0x7fffffff, 0xffffffff);
const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 40 });
const RESPONSE = [[':status', '200']] as const;
const OTHERS = [[...POST, ['content-length', '4']], [[':status', '103']], [['x', 'y']], [['x', 'v'.repeat(100)]]] as const;
const fields = fc.constantFrom(GET, POST, RESPONSE, ...OTHERS);

/** Frames that are meant well, on streams that are likely to be open. */
const good: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(stream, fc.string({ minLength: 1, maxLength: 20 })).map(([at, text]) => frame(0, 0, at, Buffer.from(text).toString('latin1'))),
  fc
    .tuple(stream, bytes, fc.nat(20))
    .map(([at, text, padding]) => frame(0, 8, at, `${String.fromCharCode(padding)}x${text}${'\0'.repeat(padding)}`)),
  fc.tuple(stream, fc.constantFrom(1, 500)).map(([at, by]) => frame(8, 0, at, uint32Text(by))),
  fc.tuple(fc.constantFrom(1, 3, 4, 6, 77), fc.constantFrom(0, 100, 5000)).map(([setting, value]) => settings([[setting, value]])),
  fc.boolean().map((isAck) => frame(6, isAck ? 1 : 0, 0, '12345678')),
  stream.map((at) => frame(2, 0, at, '\0\0\0\0\x10')),
  fc.tuple(fc.integer({ min: 10, max: 20 }), bytes).map(([type, payload]) => frame(type, 0, 1, payload)),
);

/** Ends of streams, and what else may be meant well, or not. */
const doubtful: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(id, fields, fc.boolean()).map(([at, list, isEnd]) => heads(at, list, isEnd)),
  fc.tuple(id, bytes, fc.boolean()).map(([at, text, isEnd]) => frame(0, isEnd ? 1 : 0, at, text)),
  fc.tuple(id, bytes, fc.nat(45)).map(([at, text, padding]) => frame(0, 8, at, String.fromCharCode(padding) + text)),
  fc.tuple(id, fc.constantFrom(0, 1, 4, 5)).map(([at, flags]) => frame(1, flags, at, block(GET).slice(0, 9))),
  fc.tuple(id, fc.constantFrom(0, 4)).map(([at, flags]) => frame(9, flags, at, block(GET).slice(9))),
  fc.tuple(id, number).map(([at, by]) => frame(8, 0, at, uint32Text(by))),
  fc.tuple(id, number).map(([at, code]) => frame(3, 0, at, uint32Text(code))),
  fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 8, 77), number).map(([setting, value]) => settings([[setting, value]])),
  fc.constant(frame(4, 1, 0)),
  fc.tuple(number, number).map(([last, code]) => frame(7, 0, 0, uint32Text(last) + uint32Text(code))),
);

/** How a peer that means well begins: three requests, or the responses to three. */
const opening = fc.tuple(fc.constantFrom(5, 20, 60), fc.boolean(), fc.boolean()).map(
  ([cut, isWhole, hasLength]) =>
    (role: 'server' | 'client') =>
      [1, 3, 5]
        .map((at) => {
          const text = block(role === 'server' ? (hasLength ? OTHERS[0] : POST) : RESPONSE);
          if (isWhole) return frame(1, 4, at, text);
          return frame(1, 0, at, text.slice(0, cut)) + frame(9, 4, at, text.slice(cut));
        })
        .join(''),
);

/** Frames of any type, flags and payload. */
const any = fc.tuple(fc.nat(12), fc.nat(255), id, bytes).map(([type, flags, at, payload]) => frame(type, flags, at, payload));

/** Bytes changed here and there, or left out. */
function mutate(text: string, changes: readonly (readonly [at: number, byte: number])[]): string {
  let found = text;
  for (const [at, byte] of changes) {
    const place = at % (found.length + 1);
    found = found.slice(0, place) + (byte > 255 ? '' : String.fromCharCode(byte)) + found.slice(place + 1);
  }
  return found;
}

const traffic = fc
  .tuple(
    opening,
    fc.array(fc.oneof({ weight: 40, arbitrary: good }, { weight: 6, arbitrary: doubtful }, { weight: 1, arbitrary: any }), {
      maxLength: 30,
    }),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat(2000), fc.nat(300)), { maxLength: 3 }) },
    ),
  )
  .map(
    ([open, frames, changes]) =>
      (role: 'server' | 'client') =>
        mutate(open(role) + frames.join(''), changes),
  );

const REQUEST = { method: 'GET', path: '/', authority: 'a', scheme: 'http', headers: new HeaderBlock(), upgrade: '' };

function start(role: 'server' | 'client', keepsConnectionOnBadMessage: boolean): Recorded {
  const recorded = record(role, { keepsConnectionOnBadMessage });
  if (role === 'client') {
    for (let i = 0; i < 3; i++) {
      const number = 2 * i + 1;
      recorded.streams.set(number, recorded.connection.open(REQUEST, i === 0, recorder(number, recorded.log)));
    }
  }
  feed(recorded.connection, role === 'server' ? HELLO : settings());
  recorded.tape.take();
  return recorded;
}

/** What users do between two reads. */
function use({ streams }: Recorded, role: 'server' | 'client', at: number): void {
  for (const stream of streams.values()) {
    if ((stream.id + at) % 3 === 0 && role === 'server') stream.sendResponse(200, headersOf([['a', 'b']]), false);
    if ((stream.id + at) % 4 === 0) stream.sendData(Buffer.from('some of a body'));
    if ((stream.id + at) % 5 === 0) stream.pause();
    if ((stream.id + at) % 7 === 0) stream.resume();
    if ((stream.id + at) % 11 === 0) stream.sendEnd(undefined);
    if ((stream.id + at) % 13 === 0) stream.reset(8);
  }
}

function checkLog(log: readonly string[]): void {
  const ended = new Set<string>();
  const reset = new Set<string>();
  let isFatal = false;
  for (const line of log) {
    const [kind = '', name = ''] = line.split(' ');
    // what a paused stream has whole can still be read
    assert(!isFatal || kind === 'data' || kind === 'end', `after the end: ${line}`);
    if (['head', 'data', 'end', 'reset', 'drain'].includes(kind)) assert(!reset.has(name), `after its reset: ${line}`);
    if (['head', 'data', 'end'].includes(kind)) assert(!ended.has(name), `after its end: ${line}`);
    if (kind === 'end' || line.endsWith(' end')) ended.add(name);
    if (kind === 'reset') reset.add(name);
    isFatal ||= kind === 'fatal';
  }
}

for (const role of ['server', 'client'] as const) {
  test(`${role}: bytes by chance`, () => {
    fc.assert(
      fc.property(traffic, fc.array(fc.nat(200), { maxLength: 20 }), fc.boolean(), (make, cuts, keeps) => {
        const text = make(role);
        const recorded = start(role, keeps);
        let answered = 0;
        let at = 0;
        for (const cut of [...cuts, Infinity]) {
          feed(recorded.connection, text.slice(at, at + cut));
          at += cut;
          use(recorded, role, cut);
          answered += recorded.tape.take().length;
        }
        recorded.connection.closed('gone');
        assert.equal(recorded.connection.activeStreams, 0);
        assert(answered <= 2000 + 40 * text.length, `${answered} bytes for ${text.length}`);
        checkLog(recorded.log.filter((line) => !line.endsWith(' gone') && line !== 'closed'));
      }),
      { numRuns: RUNS },
    );
  });

  test(`${role}: however the bytes are cut`, () => {
    const outcome = (parts: readonly string[], keeps: boolean): unknown => {
      const recorded = start(role, keeps);
      for (const part of parts) feed(recorded.connection, part);
      const bodies: Record<string, string> = {};
      for (const line of recorded.log) {
        const [kind, name = ''] = line.split(' ');
        if (kind === 'data') bodies[name] = (bodies[name] ?? '') + line.slice(6 + name.length);
      }
      // of a body that breaks off, more may have been given where it came in pieces
      for (const line of recorded.log) if (line.startsWith('reset')) delete bodies[line.split(' ')[1] ?? ''];
      return {
        log: recorded.log.filter((line) => !line.startsWith('data')),
        frames: recorded.tape.frames().filter((line) => !line.startsWith('WINDOW_UPDATE')),
        bodies,
      };
    };
    fc.assert(
      fc.property(traffic, fc.boolean(), (make, keeps) => {
        const text = make(role);
        assert.deepEqual(outcome(text.split(''), keeps), outcome([text], keeps));
      }),
      { numRuns: RUNS },
    );
  });
}

test('a preface cut anywhere', () => {
  for (let at = 0; at < PREFACE.length; at++) {
    const { connection, log } = record('server');
    feed(connection, HELLO.slice(0, at));
    feed(connection, HELLO.slice(at) + heads(1, GET, true));
    assert.deepEqual(log, ['request 1 GET / end']);
  }
});
