import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.ts';

test('a bucket is full at first, and fills all the time', () => {
  const bucket = new TokenBucket(2, 0.1);
  const seen = [];
  for (const nowMs of [5, 6, 7, 3007, 10_004, 10_005, 10_006]) seen.push([bucket.secondsToNext(nowMs), bucket.consume(nowMs)]);
  assert.deepEqual(seen, [
    [0, true],
    [0, true],
    [10, false],
    [7, false],
    [1, false],
    [0, true],
    [10, false],
  ]);
});

test('what is taken is never more than was there and has come since', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 20 }))),
      (maxTokens, perSecond, steps) => {
        const bucket = new TokenBucket(maxTokens, perSecond);
        let nowMs = 0;
        let taken = 0;
        for (const [afterMs, wanted] of steps) {
          nowMs += afterMs;
          const got = bucket.takeUpTo(wanted, nowMs);
          assert.ok(got >= 0 && got <= wanted && bucket.remaining(nowMs) <= maxTokens);
          taken += got;
        }
        assert.ok(taken <= maxTokens + (nowMs / 1000) * perSecond + 1e-6);
      },
    ),
  );
});
