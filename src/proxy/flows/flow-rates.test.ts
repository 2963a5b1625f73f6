import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flagBit } from '../http/stream-info.ts';
import { fakeInfo, fakeRequest } from '../telemetry/testing/fake-stream.ts';
import { FlowRates, isTrouble, Thinning } from './flow-rates.ts';

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

test('a rate below one a second lets one through, none at all nobody', () => {
  const rates = new FlowRates(1);
  const takenAt = (times: readonly number[]): boolean[] => times.map((endMs) => rates.takes({ ...failed, endMs }));
  rates.setRates({ ordinary: 1, trouble: 0.5, tapped: 1 });
  assert.deepEqual(takenAt([5000, 6000, 7000, 100]), [true, false, true, false]);
  rates.setRates({ ordinary: 1, trouble: 0, tapped: 1 });
  assert.deepEqual(takenAt([1e9]), [false]);
});

test('an id that is no UUID leaves nothing out', () => {
  const thinning = new Thinning();
  const keeps = (id: string, endMs: number): boolean =>
    thinning.keeps(fakeInfo({ request: fakeRequest({}, { 'x-request-id': id }), endMs }), 1);
  for (let i = 0; i < 1000; i++) keeps('00000000-aaaa', 1000);
  assert.equal(keeps('00000001-aaaa', 2500), false);
  assert.equal(keeps('1-call-of-mine', 2500), true);
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
