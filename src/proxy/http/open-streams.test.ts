import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timers } from '../timers.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { type OpenStream, OpenStreams } from './open-streams.ts';
import type { StreamInfo } from './stream-info.ts';

function setUp(t: { readonly mock: { readonly timers: { enable(options: { apis: ['setTimeout'] }): void; tick(ms: number): void } } }) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1000;
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };
  const told: StreamInfo[] = [];
  const open = new OpenStreams(clock, new Timers(clock), (info) => void told.push(info));
  const begin = (routeName: string): OpenStream => {
    const stream: OpenStream = { info: fakeInfo({ startMs: nowMs, endMs: 0, routeName }), older: undefined, younger: undefined, toldMs: 0 };
    open.add(stream);
    return stream;
  };
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 1000) {
      nowMs += 1000;
      t.mock.timers.tick(1000);
    }
  };
  return { open, begin, pass, names: () => told.splice(0).map(({ routeName }) => routeName), told };
}

test('a stream is told of once it lasts, and again now and then; its own info stays as it is', (t) => {
  const { open, begin, pass, names, told } = setUp(t);
  const long = begin('long');
  const short = begin('short');
  pass(3000);
  open.delete(short);
  pass(6000);
  assert.deepEqual([told[0]?.logKind, told[0]?.endMs], ['DownstreamPeriodic', 6000]);
  assert.deepEqual(names(), ['long']);
  assert.deepEqual([long.info.logKind, long.info.endMs], [undefined, 0]);
  pass(290_000);
  assert.deepEqual(names(), []);
  pass(20_000);
  assert.deepEqual(names(), ['long']);
  open.delete(long);
  pass(400_000);
  assert.deepEqual(names(), []);
});

test('streams leave from the middle and from both ends', (t) => {
  const { open, begin, pass, names } = setUp(t);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(begin);
  for (const gone of [b, a, d]) if (gone !== undefined) open.delete(gone);
  begin('e');
  pass(11_000);
  assert.deepEqual(names(), ['c', 'e']);
  if (c !== undefined) open.delete(c);
  begin('f');
  pass(11_000);
  assert.deepEqual(names(), ['f']);
});
