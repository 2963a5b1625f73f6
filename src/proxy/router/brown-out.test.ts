import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterHttpStats } from '../cluster/http-stats.ts';
import { readLimits } from '../cluster/limits.ts';
import { isUnbudgeted, RetryRate, readRetryRate } from '../cluster/retry-rate.ts';
import { fakeHost } from '../cluster/testing/fake-hosts.ts';
import { avoidTried } from './host-choice.ts';
import { createStats } from '../telemetry/registry.ts';
import { RetryState } from './retry-state.ts';
import { POLICY, runBrownOuts } from './testing/brown-outs.ts';
import { EventQueue } from './testing/event-queue.ts';

test('in every brown-out, the budget by rate keeps the load under 1.2 times that of requests, and helps where it can', () => {
  const rows = runBrownOuts();
  assert.equal(rows.length, 24);
  for (const { load, trouble, results } of rows) {
    const [none, , rate] = results;
    assert.ok(none !== undefined && rate !== undefined);
    const name = `${load}, ${trouble}`;
    assert.ok(rate.amplification < 1.2, `${name}: ${rate.amplification}`);
    assert.equal(rate.returns, 0, `${name}: a retry went back to the host that had just failed`);
    if (trouble.endsWith('down')) assert.ok(rate.succeeded > none.succeeded - 0.01, `${name}: retries of what reached nobody are free`);
  }
  const worst = Math.max(...rows.map(({ results }) => results[0]?.amplification ?? 0));
  assert.ok(worst > 2.5, `without a budget it is ${worst}: the simulation shows nothing`);
});

test('a retry goes to a host that was not tried, whatever the balancer draws', () => {
  const [a, b, c] = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'].map((key) => fakeHost(key));
  assert.ok(a && b && c);
  b.activeRequests = 5;
  c.activeRequests = 3;
  const stubborn = (): typeof a => a;
  assert.equal(avoidTried(stubborn, [a, b, c], [a]), c, 'the least busy of the others');
  assert.equal(avoidTried(stubborn, [a, b, c], [a, c]), b);
  assert.equal(avoidTried(stubborn, [a, b, c], [a, b, c]), a, 'all were tried');
  assert.equal(avoidTried(stubborn, [a], [a]), a, 'there is no other');
  b.isHealthy = false;
  assert.equal(avoidTried(stubborn, [a, b], [a]), a, 'the other does not stand');
  assert.equal(avoidTried(stubborn, [a, c], [a], true), a, 'only the balancer knows which hosts may be taken');
  const later = fakeHost('10.0.0.4:80', 1, { priority: 1 });
  assert.equal(avoidTried(stubborn, [a, later], [a]), a, 'another priority is for the balancer to choose');
  const draws = [a, a, c];
  assert.equal(
    avoidTried(() => draws.shift(), [a, b, c], [a]),
    c,
    'drawn again',
  );
  assert.equal(
    avoidTried(() => undefined, [a], [a]),
    undefined,
  );
});

test('a budget by rate: requests earn retries, up to what can be saved, and time earns a minimum', () => {
  const spend = (rate: RetryRate, nowMs: number, times: number): number =>
    Array.from({ length: times }, () => rate.spend(nowMs)).filter(Boolean).length;
  const rate = new RetryRate({ ratio: 0.25, minPerSecond: 2, burst: 4 });
  assert.equal(spend(rate, 0, 10), 4, 'what is saved at first');
  for (let i = 0; i < 7; i++) rate.earn();
  assert.equal(spend(rate, 0, 10), 1, '7 requests earn one retry and three quarters of another');
  rate.earn();
  assert.equal(spend(rate, 0, 10), 1);
  assert.equal(spend(rate, 1000, 10), 2, 'a second earns two');
  assert.equal(spend(rate, 60_000, 10), 4, 'no more is saved than can be');
  for (let i = 0; i < 1000; i++) rate.earn();
  assert.equal(spend(rate, 60_000, 10), 4);
});

test('a budget by rate: defaults, and what is refused', () => {
  assert.equal(readRetryRate({}, 'c'), undefined);
  assert.deepEqual(readRetryRate({ 'tulle.retry_budget': {} }, 'c'), { ratio: 0.15, minPerSecond: 3, burst: 30 });
  for (const [value, message] of [
    [{ ratio: -1 }, /\["tulle\.retry_budget"\]\.ratio: -1 is not a number from 0/],
    [{ burst: '1' }, /\.burst: "1" is not a number/],
    [{ percent: 1 }, /\.percent: is not known/],
    [1, /is not an object/],
  ] as const)
    assert.throws(() => readRetryRate({ 'tulle.retry_budget': value }, 'c'), { name: 'ConfigError', message });
});

test('the queue runs events by time, and those of one time in their order', () => {
  const queue = new EventQueue();
  const ran: string[] = [];
  for (const [delayMs, name] of [
    [5, 'c'],
    [1, 'a'],
    [5, 'd'],
    [3, 'b'],
    [9, 'z'],
  ] as const)
    queue.after(delayMs, () => ran.push(`${name}${queue.nowMs}`));
  queue.after(5, () => queue.after(1, () => ran.push('e')));
  queue.run(8);
  assert.deepEqual(ran, ['a1', 'b3', 'c5', 'd5', 'e']);
  assert.equal(queue.nowMs, 8);
});

test('a route that says how often to retry is not bound by the budget by rate', () => {
  const rate = new RetryRate({ ratio: 0, minPerSecond: 0, burst: 0 });
  const limits = readLimits(undefined, 'c', createStats(), { retryRate: rate });
  const stats = clusterHttpStats(createStats());
  const policy = { ...POLICY, maxRetries: 1 };
  assert.equal(
    new RetryState(policy, limits, stats).take(1, true, 0, () => 0),
    'UO',
  );
  assert.equal(
    new RetryState({ ...policy, isUnbudgeted: true }, limits, stats).take(1, true, 0, () => 0),
    undefined,
  );
});

test('metadata of a route takes it out of the budget', () => {
  assert.equal(isUnbudgeted({ 'tulle.retry_budget': { exempt: true } }), true);
  assert.equal(isUnbudgeted({ 'tulle.retry_budget': {} }), false);
  assert.equal(isUnbudgeted(undefined), false);
});
