import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestWindow } from './request-window.ts';

test('requests count until their span is over', () => {
  let nowMs = 12_345;
  const window = new RequestWindow(1000, () => nowMs);
  for (let i = 0; i < 3; i++) window.add();
  assert.equal(window.count(), 3);
  nowMs += 899;
  window.add();
  assert.equal(window.count(), 4);
  nowMs += 101;
  assert.equal(window.count(), 1);
  nowMs += 100_000;
  assert.equal(window.count(), 0);
});

test('between all of the last nine tenths, and those of the whole span', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400), { maxLength: 60 }), (pauses) => {
      let nowMs = 7;
      const window = new RequestWindow(1000, () => nowMs);
      const times: number[] = [];
      for (const pause of pauses) {
        nowMs += pause;
        window.add();
        times.push(nowMs);
        const within = (ms: number): number => times.filter((time) => time > nowMs - ms).length;
        assert.ok(window.count() >= within(900) && window.count() <= within(1001));
      }
    }),
  );
});
