import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readAccrual, type AccrualSettings } from './accrual-settings.ts';
import { Breaker, type Verdict } from './breaker.ts';
import { SuccessWindow } from './success-window.ts';
import { isOpenGrpc, verdictOf, verdictOfGrpc } from './verdict.ts';
import { headersOf } from '../../wire/http/headers.ts';

const METADATA = { mode: 'consecutive', max_failures: 3, min_penalty_ms: 100, max_penalty_ms: 350, jitter_ratio: 0.5 };

function settingsOf(changes: Readonly<Record<string, unknown>> = {}): AccrualSettings {
  const settings = readAccrual({ 'tulle.failure_accrual': { ...METADATA, ...changes } }, 'cluster');
  assert.ok(settings);
  return settings;
}

function breakerOf(changes: Readonly<Record<string, unknown>> = {}, random = () => 0): Breaker {
  return new Breaker(settingsOf(changes), random);
}

function feed(breaker: Breaker, verdicts: string, nowMs = 0): void {
  const names: Readonly<Record<string, Verdict>> = { s: 'success', f: 'failure', o: 'overloaded' };
  for (const letter of verdicts) breaker.record(names[letter] ?? 'success', nowMs);
}

test('as many failures in a row as are allowed trip, and a success forgets them', () => {
  for (const [verdicts, want] of [
    ['ff', 'closed'],
    ['ffsff', 'closed'],
    ['fff', 'open'],
    ['ffof', 'open'],
    ['ooooooo', 'closed'],
  ] as const) {
    const breaker = breakerOf();
    feed(breaker, verdicts);
    assert.equal(breaker.state, want, verdicts);
  }
});

test('a share of successes that is too small trips where it is asked for, overload included', () => {
  const unified = { mode: 'unified', max_failures: 100, success_rate_min_requests: 4, success_rate_threshold: 0.5 };
  for (const [verdicts, want] of [
    ['fff', 'closed'],
    ['sfsf', 'closed'],
    ['sfff', 'open'],
    ['sooo', 'open'],
  ] as const) {
    const breaker = breakerOf(unified);
    feed(breaker, verdicts);
    assert.equal(breaker.state, want, verdicts);
  }
});

test('one request tries the host; its end decides', () => {
  const breaker = breakerOf();
  feed(breaker, 'fff');
  breaker.take();
  assert.equal(breaker.state, 'open', 'nothing is to be taken yet');
  feed(breaker, 's');
  assert.equal(breaker.state, 'open', 'an end from before says nothing');
  breaker.offer();
  assert.equal(breaker.state, 'trial');
  breaker.take();
  assert.equal(breaker.state, 'probing');
  breaker.giveUp();
  assert.equal(breaker.state, 'trial', 'nothing was heard of it');
  breaker.take();
  feed(breaker, 's');
  assert.equal(breaker.state, 'closed');
  feed(breaker, 'ff');
  assert.equal(breaker.state, 'closed', 'it begins anew');
});

test('penalties double up to the longest, with jitter on top, and begin anew after a success', () => {
  for (const [random, want] of [
    [0, [100, 200, 350, 350]],
    [0.5, [125, 250, 437.5, 437.5]],
  ] as const) {
    const breaker = breakerOf({}, () => random);
    feed(breaker, 'fff');
    const penalties: number[] = [];
    for (let i = 0; i < 4; i++) {
      penalties.push(breaker.penaltyMs());
      breaker.offer();
      breaker.take();
      feed(breaker, i === 1 ? 'o' : 'f');
    }
    assert.deepEqual(penalties, want);
    breaker.offer();
    breaker.take();
    feed(breaker, 'sfff');
    assert.equal(breaker.penaltyMs(), want[0]);
  }
});

test('whatever happens, at most one request tries a tripped host at a time, and penalties stay within bounds', () => {
  const step = fc.constantFrom('success', 'failure', 'overloaded', 'offer', 'take', 'giveUp');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (steps, random) => {
      const breaker = breakerOf({}, () => random);
      let trials = 0;
      for (const each of steps) {
        const before = breaker.state;
        if (each === 'offer' || each === 'take' || each === 'giveUp') breaker[each]();
        else breaker.record(each, 0);
        if (before !== 'probing' && breaker.state === 'probing') trials++;
        if (before === 'probing' && breaker.state !== 'probing') trials--;
        assert.ok(trials === 0 || trials === 1);
        if (breaker.state === 'open') assert.ok(breaker.penaltyMs() >= 100 && breaker.penaltyMs() <= 350 * 1.5);
      }
    }),
  );
});

test('the share of successes forgets what is too old', () => {
  const window = new SuccessWindow(1000);
  for (let i = 0; i < 5; i++) window.add(false, 0);
  assert.equal(window.isBelow(0.8, 5, 950), true);
  assert.equal(window.isBelow(0.8, 6, 950), false, 'too few');
  assert.equal(window.isBelow(0.8, 1, 1000), false, 'forgotten');
  for (let i = 0; i < 8; i++) window.add(true, 2000);
  for (let i = 0; i < 2; i++) window.add(false, 2500);
  assert.equal(window.isBelow(0.8, 5, 2900), false, 'the threshold itself is enough');
  window.add(false, 2900);
  assert.equal(window.isBelow(0.8, 5, 2900), true);
  assert.equal(window.isBelow(0.8, 1, 60_000), false);
});

test('what ends mean', () => {
  const rows = ['0', '1', '4', '7', '8', '13', '14', '15'].map((status) => `${status} ${verdictOfGrpc(status)}`);
  assert.deepEqual(rows, ['0 success', '1 success', '4 failure', '7 failure', '8 overloaded', '13 failure', '14 failure', '15 failure']);
  assert.equal(verdictOf({ kind: 'local-origin-failure', cause: 'reset' }), 'failure');
  assert.deepEqual(
    [200, 404, 429, 500, 503].map((status) => verdictOf({ kind: 'status', status })),
    ['success', 'success', 'overloaded', 'failure', 'failure'],
  );
  const head = (status: number, fields: [string, string][]) => isOpenGrpc({ status, headers: headersOf(fields), contentLength: -1 });
  assert.deepEqual(
    [
      head(200, [['content-type', 'application/grpc+proto']]),
      head(200, [
        ['content-type', 'application/grpc'],
        ['grpc-status', '14'],
      ]),
      head(503, [['content-type', 'application/grpc']]),
      head(200, [['content-type', 'text/plain']]),
    ],
    [true, false, false, false],
  );
});

test('settings: Linkerd’s defaults, and names for what is wrong', () => {
  assert.equal(readAccrual({}, 'cluster'), undefined);
  assert.deepEqual(readAccrual({ 'tulle.failure_accrual': { mode: 'unified' } }, 'cluster'), {
    maxFailures: 7,
    minPenaltyMs: 1000,
    maxPenaltyMs: 60_000,
    jitterRatio: 0.5,
    successRate: { threshold: 0.8, windowMs: 10_000, minRequests: 5 },
  });
  for (const [changes, message] of [
    [{ mode: 'other' }, /\.mode: "other" is neither/],
    [{ max_failures: 0 }, /\.max_failures: 0 is not a number from 1/],
    [{ jitter_ratio: '1' }, /\.jitter_ratio: "1" is not a number/],
    [{ min_penalty_ms: 400 }, /\.max_penalty_ms: is below min_penalty_ms/],
    [{ patience: 1 }, /\.patience: is not known/],
  ] as const)
    assert.throws(() => settingsOf(changes), { name: 'ConfigError', message });
});
