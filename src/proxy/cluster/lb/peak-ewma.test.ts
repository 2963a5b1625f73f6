import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../cluster.ts';
import { fakeHost } from '../testing/fake-hosts.ts';
import { fakeClock, policyScope } from '../testing/fake-picks.ts';
import { countedMs, peakEwma } from './peak-ewma.ts';

/** Share of the first host among many picks, without time passing. */
function shareOfFirst(hosts: readonly Host[], clock = fakeClock(), policy = peakEwma()): number {
  const balancer = policy.create(hosts, policyScope(3, hosts, clock));
  const picks = Array.from({ length: 4000 }, () => balancer.pick(undefined, 0));
  return picks.filter((host) => host === hosts[0]).length / picks.length;
}

function hosts(weights: readonly number[] = [1, 1, 1]): Host[] {
  return weights.map((weight, i) => fakeHost(`10.0.0.${i}:80`, weight));
}

test('a slow host is left alone, and tried again when its latency is forgotten', () => {
  const clock = fakeClock();
  const policy = peakEwma();
  const all = hosts();
  policy.create(all, policyScope(1, all, clock));
  all[0]?.observe?.(1000, 0);
  assert.equal(shareOfFirst(all, clock, policy), 0, 'of two distinct ones it is never the quicker');
  // 1000 ms against 30 ms: in 35 s the one has sunk to 30 ms, while the others answer as before
  clock.nowMs = 36_000;
  for (const host of all.slice(1)) host.observe?.(30, clock.nowMs);
  assert.ok(shareOfFirst(all, clock, policy) > 0.6);
});

test('a peak counts at once, a quicker answer little by little', () => {
  const clock = fakeClock();
  const policy = peakEwma({ decayMs: 10_000, defaultRttMs: 30 });
  const all = hosts([1, 1]);
  policy.create(all, policyScope(1, all, clock));
  const [a, b] = all;
  assert.ok(a && b);
  a.observe?.(100, 0);
  a.observe?.(1, 0);
  b.observe?.(99, 0);
  assert.equal(shareOfFirst(all, clock, policy), 0);
  b.observe?.(101, 0);
  assert.equal(shareOfFirst(all, clock, policy), 1);
});

test('requests under way raise the cost, weights lower it', () => {
  const busy = hosts([1, 1]);
  const [first] = busy;
  assert.ok(first);
  first.activeRequests = 1;
  assert.equal(shareOfFirst(busy), 0);
  assert.equal(shareOfFirst(hosts([2, 1])), 1);
  assert.ok(Math.abs(shareOfFirst(hosts([1, 1])) - 0.5) < 0.04);
});

test('latencies outlive the balancer that was built over them', () => {
  const clock = fakeClock();
  const policy = peakEwma();
  const all = hosts([1, 1]);
  policy.create(all, policyScope(1, all, clock));
  all[0]?.observe?.(500, 0);
  policy.create(all, policyScope(2, all, clock));
  assert.equal(shareOfFirst(all, clock, policy), 0);
});

test('a failure counts for much time, so that a host that fails fast does not win', () => {
  assert.deepEqual(
    [countedMs(200, 3), countedMs(404, 3), countedMs(503, 3), countedMs(429, 3), countedMs(500, 9000)],
    [3, 3, 5000, 5000, 9000],
  );
});
