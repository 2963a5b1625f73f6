/** What policies make of a slow host: shares are asserted, times only shown (bench/balancing.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ONE_SLOW, simulate } from '../testing/simulate.ts';
import { leastRequest } from './least-request.ts';
import type { Policy } from './load-balancer.ts';
import { peakEwma } from './peak-ewma.ts';
import { roundRobin } from './round-robin.ts';

/** Even shares would be one sixth, 16.7%. */
const cases: readonly [name: string, policy: () => Policy, min: number, max: number][] = [
  ['round robin does not see it', () => roundRobin(), 0.166, 0.168],
  ['least request of two', () => leastRequest(), 0.01, 0.07],
  ['least request of all', () => leastRequest({ choices: 'all', bias: 1 }), 0.005, 0.06],
  ['peak EWMA', () => peakEwma(), 0.0001, 0.02],
];

for (const [name, policy, min, max] of cases) {
  test(`the slow one of six: ${name}`, (t) => {
    for (const seed of [1, 2, 3]) {
      const { shares, p99Ms } = simulate({ ...ONE_SLOW, policy: policy(), requests: 20_000, seed });
      const slow = shares.at(-1) ?? 1;
      t.diagnostic(`share ${(slow * 100).toFixed(2)}%, p99 of the whole ${p99Ms.toFixed(1)} ms`);
      assert.ok(slow >= min && slow <= max, `its share is ${slow}, wanted ${min} to ${max}`);
      for (const share of shares.slice(0, -1)) assert.ok(share > 0.14 && share < 0.23, `another has ${share}`);
    }
  });
}
