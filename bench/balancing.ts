/**
 * Balancing policies: what each makes of one slow host among six, in virtual time, and what a pick costs. Run by
 * `node bench/balancing.ts`; the tables stand in docs/balancing.md.
 */
import { xxHash64 } from '../src/proxy/cluster/lb/hash64.ts';
import { leastRequest } from '../src/proxy/cluster/lb/least-request.ts';
import type { Policy } from '../src/proxy/cluster/lb/load-balancer.ts';
import { DEFAULT_MAGLEV, maglev } from '../src/proxy/cluster/lb/maglev.ts';
import { peakEwma } from '../src/proxy/cluster/lb/peak-ewma.ts';
import { randomChoice } from '../src/proxy/cluster/lb/random.ts';
import { ringHash } from '../src/proxy/cluster/lb/ring-hash.ts';
import { roundRobin } from '../src/proxy/cluster/lb/round-robin.ts';
import { systemClock } from '../src/core/clock.ts';
import { fakeHost } from '../src/proxy/cluster/testing/fake-hosts.ts';
import { ONE_SLOW, simulate } from '../src/proxy/cluster/testing/simulate.ts';

const POLICIES: readonly (readonly [name: string, policy: () => Policy, weights: readonly number[]])[] = [
  ['round robin', () => roundRobin(), [1]],
  ['round robin, weights', () => roundRobin(), [1, 2, 3]],
  ['random', () => randomChoice, [1]],
  ['least request', () => leastRequest(), [1]],
  ['least request, weights', () => leastRequest(), [1, 2, 3]],
  ['peak EWMA', () => peakEwma(), [1]],
  ['ring hash', () => ringHash(), [1]],
  ['maglev', () => maglev(), [1]],
  ['maglev, bounded load', () => maglev({ ...DEFAULT_MAGLEV, balanceFactor: 150 }), [1]],
];

const HOSTS = 100;
const PICKS = 400_000;

/** Nanoseconds of a pick among a hundred hosts, without those for the hash of a key. */
function pickNs(policy: Policy, weights: readonly number[]): number {
  const hosts = Array.from({ length: HOSTS }, (_, i) => fakeHost(`10.0.0.${i}:80`, weights[i % weights.length]));
  const balancer = policy.create(hosts, { random: Math.random, clock: systemClock, activeRequests: () => 0 });
  const hashes = Array.from({ length: 1024 }, (_, i) => xxHash64(`key ${i}`));
  const run = (): number => {
    const began = performance.now();
    for (let i = 0; i < PICKS; i++) balancer.pick(policy.isHashing ? hashes[i & 1023] : undefined, 0);
    return ((performance.now() - began) * 1e6) / PICKS;
  };
  return Math.min(run(), run(), run());
}

/** Nanoseconds of hashing a key of that length. */
function hashNs(length: number): number {
  const keys = Array.from({ length: 1024 }, (_, i) => Buffer.from(String(i).padStart(length, 'k')).toString('latin1'));
  let sum = 0;
  const run = (): number => {
    const began = performance.now();
    for (let i = 0; i < PICKS; i++) sum += xxHash64(keys[i & 1023] ?? '').low;
    return ((performance.now() - began) * 1e6) / PICKS;
  };
  const best = Math.min(run(), run(), run());
  return sum < 0 ? NaN : best;
}

console.log('| policy | share of the slow host | mean | p50 | p99 | a pick among 100 hosts |');
console.log('|---|---:|---:|---:|---:|---:|');
for (const [name, policy, weights] of POLICIES) {
  const isEven = weights.length === 1;
  const { shares, meanMs, p50Ms, p99Ms } = simulate({ ...ONE_SLOW, policy: policy() });
  const result = isEven
    ? [`${((shares.at(-1) ?? 0) * 100).toFixed(1)}%`, ...[meanMs, p50Ms, p99Ms].map((ms) => `${ms.toFixed(1)} ms`)]
    : ['', '', '', ''];
  console.log(`| ${[name, ...result, `${pickNs(policy(), weights).toFixed(0)} ns`].join(' | ')} |`);
}
console.log(`\nHashing a key of 16 bytes takes ${hashNs(16).toFixed(0)} ns, of 64 bytes ${hashNs(64).toFixed(0)} ns.`);
