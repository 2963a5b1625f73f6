import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeHost } from '../testing/fake-hosts.ts';
import { fakeClock, policyScope } from '../testing/fake-picks.ts';
import { leastRequest } from './least-request.ts';
import type { Policy } from './load-balancer.ts';
import { roundRobin } from './round-robin.ts';
import { type SlowStart, slowStartFactor } from './slow-start.ts';

const SLOW: SlowStart = { windowMs: 10_000, aggression: 1, minWeight: 0.1 };

test('the weight grows from its least to all of it', () => {
  const host = fakeHost('a:1');
  host.healthySinceMs = 1000;
  const at = (nowMs: number, changes: Partial<SlowStart> = {}): number => slowStartFactor({ ...SLOW, ...changes }, host, nowMs);
  assert.equal(at(1000), 0.1);
  assert.equal(at(2000), 0.1);
  assert.equal(at(6000), 0.5);
  assert.equal(at(11_000), 1);
  assert.equal(at(1000, { minWeight: 0 }), 1 / 10_000);
  assert.ok(Math.abs(at(3500, { aggression: 2 }) - 0.5) < 1e-9);
  host.isDegraded = true;
  assert.equal(at(2000), 1);
});

const policies: readonly [name: string, policy: Policy][] = [
  ['round robin', roundRobin(SLOW)],
  ['least request', leastRequest({ choices: 2, bias: 1, slowStart: SLOW })],
];

for (const [name, policy] of policies) {
  test(`${name} gives a new host less, and then its share`, () => {
    const clock = fakeClock();
    const hosts = [fakeHost('a:1'), fakeHost('b:1')];
    const [, young] = hosts;
    assert.ok(young);
    const shareOfYoung = (): number => {
      const balancer = policy.create(hosts, policyScope(1, hosts, clock));
      return Array.from({ length: 4000 }, () => balancer.pick(undefined, 0)).filter((host) => host === young).length / 4000;
    };
    young.healthySinceMs = 100_000;
    clock.nowMs = 105_000;
    // a half beside a whole
    assert.ok(Math.abs(shareOfYoung() - 1 / 3) < 0.02, `${shareOfYoung()}`);
    clock.nowMs = 110_000;
    assert.ok(Math.abs(shareOfYoung() - 1 / 2) < 0.04, `${shareOfYoung()}`);
  });

  test(`${name} goes on by itself when the window ends`, () => {
    const clock = fakeClock();
    const hosts = [fakeHost('a:1', 1), fakeHost('b:1', 1)];
    const [, young] = hosts;
    assert.ok(young);
    young.healthySinceMs = 0;
    clock.nowMs = 500;
    const balancer = policy.create(hosts, policyScope(1, hosts, clock));
    for (let i = 0; i < 100; i++) balancer.pick(undefined, 0);
    clock.nowMs = 20_000;
    const picks = Array.from({ length: 2000 }, () => balancer.pick(undefined, 0));
    assert.ok(Math.abs(picks.filter((host) => host === young).length / 2000 - 0.5) < 0.05);
  });
}
