import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flagBit } from '../http/stream-info.ts';
import { fakeInfo, fakeRequest } from '../telemetry/testing/fake-stream.ts';
import { FlowRates, isTrouble, Thinning, TokenBucket } from './flow-rates.ts';

test('tokens come back over time, and no more than a second of them', () => {
  const bucket = new TokenBucket();
  bucket.setRate(10);
  const takeAll = (nowMs: number): number => {
    let taken = 0;
    while (bucket.take(nowMs)) taken++;
    return taken;
  };
  assert.deepEqual([takeAll(1000), takeAll(1000), takeAll(1100), takeAll(1500), takeAll(60_000)], [10, 0, 1, 4, 10]);
  // a time that goes back gives none
  assert.equal(takeAll(100), 0);
});

test('a rate below one a second, and none', () => {
  const bucket = new TokenBucket();
  bucket.setRate(0.5);
  assert.deepEqual([bucket.take(0), bucket.take(1000), bucket.take(2000)], [true, false, true]);
  bucket.setRate(0);
  assert.equal(bucket.take(1e9), false);
});

const TROUBLE: readonly (readonly [info: Parameters<typeof fakeInfo>[0], isTrouble: boolean])[] = [
  [{ responseCode: 200 }, false],
  [{ responseCode: 404 }, false],
  [{ responseCode: 500 }, true],
  [{ responseCode: 403 }, true],
  [{ responseCode: 401 }, true],
  [{ responseCode: 429 }, true],
  [{ responseCode: 0 }, true],
  [{ responseCode: 200, flags: flagBit('DC') }, true],
  [{ request: undefined, responseCode: 0, flags: 0 }, false],
  [{ request: undefined, terminationDetails: 'rbac_access_denied_matched_policy[none]' }, true],
];

for (const [more, want] of TROUBLE) {
  test(`trouble: ${JSON.stringify(more)}`, () => {
    assert.equal(isTrouble(fakeInfo({ request: fakeRequest(), flags: 0, terminationDetails: '', ...more })), want);
  });
}

const ok = fakeInfo({ request: fakeRequest(), responseCode: 200, flags: 0, endMs: 1000 });
const failed = fakeInfo({ request: fakeRequest(), responseCode: 503, flags: 0, endMs: 1000 });

test('what failed has tokens of its own, and is missed where they are used up', () => {
  const rates = new FlowRates(1);
  rates.setRates({ ordinary: 2, trouble: 3, tapped: 100 });
  const count = (info: typeof ok): number => Array.from({ length: 10 }, () => rates.takes(info)).filter(Boolean).length;
  assert.deepEqual([count(ok), rates.lost, count(failed), rates.lost], [2, 0, 3, 7]);
});

test('of many, proxies on the way keep the same ones', () => {
  const idsOf = (perSecond: number, others: number): Set<string> => {
    const thinning = new Thinning();
    const kept = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const endMs = 1000 + i;
      // the numbers of a generator that everybody has
      const id = `${(Math.imul(i + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')}-aaaa`;
      const headers = { 'x-request-id': id };
      if (thinning.keeps(fakeInfo({ request: fakeRequest({}, headers), endMs }), perSecond) && i > 3000) kept.add(id);
      for (let other = 0; other < others; other++)
        thinning.keeps(fakeInfo({ request: fakeRequest({}, { 'x-request-id': `${other}1` }), endMs }), perSecond);
    }
    return kept;
  };
  const quiet = idsOf(100, 0);
  const busy = idsOf(100, 7);
  assert.ok(quiet.size > 600 && quiet.size < 1700, `${quiet.size} of 17 s, 100 a second at most`);
  assert.ok(busy.size > 50 && busy.size < quiet.size, `${busy.size}`);
  assert.ok(
    [...busy].every((id) => quiet.has(id)),
    'what the busier one keeps the other keeps too',
  );
});

test('few are all kept, and those without an id', () => {
  const thinning = new Thinning();
  for (let i = 0; i < 30; i++) assert.ok(thinning.keeps(fakeInfo({ request: fakeRequest(), endMs: 1000 + i * 200 }), 10));
  for (let i = 0; i < 3000; i++) assert.ok(thinning.keeps(fakeInfo({ request: fakeRequest(), endMs: 9000 + i }), 10));
});

test('a tap takes every one, within its bound', () => {
  const rates = new FlowRates(1);
  rates.setRates({ ordinary: 0, trouble: 0, tapped: 5 });
  rates.isTapped = true;
  assert.equal(Array.from({ length: 6 }, () => rates.takes(ok)).filter(Boolean).length, 5);
  assert.equal(rates.lost, 1);
});

test('event loops share the rates', () => {
  const rates = new FlowRates(4);
  rates.setRates({ ordinary: 40, trouble: 0, tapped: 0 });
  assert.equal(Array.from({ length: 20 }, () => rates.takes(ok)).filter(Boolean).length, 10);
});
