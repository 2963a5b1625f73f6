import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Host } from '../cluster.ts';
import { createSchedule } from './edf.ts';
import { type Hash64, xxHash64 } from './hash64.ts';
import { leastRequest } from './least-request.ts';
import type { Policy } from './load-balancer.ts';
import { maglev } from './maglev.ts';
import { peakEwma } from './peak-ewma.ts';
import { randomChoice } from './random.ts';
import { ringHash } from './ring-hash.ts';
import { roundRobin } from './round-robin.ts';
import { fakeHost } from '../testing/fake-hosts.ts';
import { policyScope } from '../testing/fake-picks.ts';

const policies: readonly [name: string, policy: Policy][] = [
  ['round robin', roundRobin()],
  ['round robin with slow start', roundRobin({ windowMs: 1, aggression: 1, minWeight: 0.1 })],
  ['least request', leastRequest()],
  ['least request of all', leastRequest({ choices: 'all', bias: 1 })],
  ['random', randomChoice],
  ['peak EWMA', peakEwma()],
  ['ring hash', ringHash()],
  ['maglev', maglev()],
];

function hostsOf(weights: readonly number[]): Host[] {
  return weights.map((weight, i) => fakeHost(`10.0.${i >> 8}.${i & 255}:80`, weight));
}

/** Share of each host among `picks` choices. */
function shares(policy: Policy, hosts: readonly Host[], picks: number, hashed = false): number[] {
  const balancer = policy.create(hosts, policyScope(7));
  const counts = new Map<Host, number>(hosts.map((host) => [host, 0]));
  for (let i = 0; i < picks; i++) {
    const host = balancer.pick(hashed ? xxHash64(`client ${i}`) : undefined, 0);
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return [...counts.values()].map((count) => count / picks);
}

function isNear(got: readonly number[], want: readonly number[], tolerance: number): void {
  for (const [i, share] of got.entries()) {
    assert.ok(Math.abs(share - (want[i] ?? 0)) <= tolerance, `host ${i} got ${share}, wanted ${want[i]} +- ${tolerance}`);
  }
}

const half = fc.nat(0xffff_ffff);
const hashes: fc.Arbitrary<Hash64> = fc.record({ high: half, low: half });

for (const [name, policy] of policies) {
  describe(name, () => {
    test('chooses only given hosts, whatever the weights, hash and attempt', () => {
      const weights = fc.array(fc.integer({ min: 1, max: 128 }), { minLength: 1, maxLength: 8 });
      fc.assert(
        fc.property(weights, fc.option(hashes, { nil: undefined }), fc.nat(3), fc.nat(), (values, hash, attempt, seed) => {
          const hosts = hostsOf(values);
          const balancer = policy.create(hosts, policyScope(seed));
          for (let i = 0; i < 5; i++) assert.ok(hosts.includes(balancer.pick(hash, attempt)));
        }),
        { numRuns: name === 'maglev' ? 5 : 100 },
      );
    });

    test('spreads evenly over equal hosts', () => {
      // 4 sigma of a binomial share at 40,000 picks is 0.009; hashing adds its own unevenness
      isNear(shares(policy, hostsOf([1, 1, 1, 1]), 40_000), [0.25, 0.25, 0.25, 0.25], name === 'ring hash' ? 0.06 : 0.01);
    });

    test('is the same for the same seed', () => {
      const hosts = hostsOf([3, 2, 1]);
      const [a, b] = [policy.create(hosts, policyScope(11)), policy.create(hosts, policyScope(11))];
      for (let i = 0; i < 50; i++) assert.equal(a.pick(undefined, 0), b.pick(undefined, 0));
    });
  });
}

test('round robin takes exact turns', () => {
  const hosts = hostsOf([1, 1, 1]);
  const balancer = roundRobin().create(hosts, { ...policyScope(1), random: () => 0 });
  const keys = Array.from({ length: 6 }, () => balancer.pick(undefined, 0).key);
  assert.deepEqual(
    keys,
    [...hosts, ...hosts].map((host) => host.key),
  );
});

test('round robin gives exact shares by weight', () => {
  isNear(shares(roundRobin(), hostsOf([5, 3, 2]), 1000), [0.5, 0.3, 0.2], 0.002);
});

test('a schedule spreads an entry out instead of bunching it', () => {
  const schedule = createSchedule(
    ['a', 'b'],
    (entry) => (entry === 'a' ? 3 : 1),
    () => 0,
  );
  const order = Array.from({ length: 40 }, () => schedule.next()).join('');
  assert.ok(!order.includes('aaaaa') && !order.includes('bb'), order);
});

test('random ignores weights, as in Envoy', () => {
  isNear(shares(randomChoice, hostsOf([100, 1]), 40_000), [0.5, 0.5], 0.01);
});

test('least request prefers the idle one of two', () => {
  const hosts = hostsOf([1, 1, 1]);
  const [busy] = hosts;
  assert.ok(busy);
  busy.activeRequests = 50;
  const [share = 1] = shares(leastRequest(), hosts, 30_000);
  // only where both choices fall on it: (1/3)^2
  assert.ok(Math.abs(share - 1 / 9) < 0.01, `the busy host got ${share}`);
});

test('least request halves a weight by one active request', () => {
  const hosts = hostsOf([2, 1]);
  const [heavy] = hosts;
  assert.ok(heavy);
  heavy.activeRequests = 1;
  isNear(shares(leastRequest(), hosts, 10_000), [0.5, 0.5], 0.01);
});

for (const [name, policy] of [
  ['ring hash', ringHash()],
  ['maglev', maglev()],
] as const) {
  test(`${name} sends a hash to the same host every time`, () => {
    const hosts = hostsOf([1, 1, 1, 1, 1]);
    const [a, b] = [policy.create(hosts, policyScope(1)), policy.create(hosts, policyScope(2))];
    for (let i = 0; i < 200; i++) assert.equal(a.pick(xxHash64(String(i)), 0), b.pick(xxHash64(String(i)), 0));
  });

  test(`${name} moves few hashes when a host leaves`, () => {
    const hosts = hostsOf(Array.from({ length: 10 }, () => 1));
    const [before, after] = [policy.create(hosts, policyScope(1)), policy.create(hosts.slice(0, 9), policyScope(1))];
    let moved = 0;
    for (let i = 0; i < 5000; i++) {
      const hash = xxHash64(`key ${i}`);
      const former = before.pick(hash, 0);
      if (former !== hosts[9] && after.pick(hash, 0) !== former) moved++;
    }
    // the ring's size follows the number of hosts, so that some entries come and go with it
    assert.ok(moved / 5000 < (name === 'maglev' ? 0.03 : 0.12), `${moved} of 5000 hashes moved without need`);
  });

  test(`${name} follows weights`, () => {
    isNear(shares(policy, hostsOf([3, 1]), 20_000, true), [0.75, 0.25], 0.06);
  });

  test(`${name} gives another host when the first was refused`, () => {
    const key = xxHash64('key');
    const balancer = policy.create(hostsOf(Array.from({ length: 8 }, () => 1)), policyScope(3));
    const first = balancer.pick(key, 0);
    assert.ok([1, 2, 3, 4, 5].some((attempt) => balancer.pick(key, attempt) !== first));
  });
}
