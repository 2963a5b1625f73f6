/** Hosts that answer after a while, in virtual time: what a policy makes of a slow one among them. */
import type { Host } from '../cluster.ts';
import { xxHash64 } from '../lb/hash64.ts';
import type { Policy } from '../lb/load-balancer.ts';
import { fakeHost, seededRandom } from './fake-hosts.ts';
import { fakeClock } from './fake-picks.ts';

export interface Simulation {
  readonly policy: Policy;
  /** Mean response time of each host, in milliseconds. */
  readonly meansMs: readonly number[];
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly seed: number;
}

export interface Simulated {
  /** Of all requests, by host. */
  readonly shares: readonly number[];
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Answer {
  readonly atMs: number;
  readonly host: Host;
  readonly elapsedMs: number;
}

/** Answers that are still to come, the earliest first: a binary heap. */
class Pending {
  readonly #heap: Answer[] = [];

  #at(i: number): number {
    return this.#heap[i]?.atMs ?? Infinity;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#heap[a], this.#heap[b]];
    if (first === undefined || second === undefined) return;
    this.#heap[a] = second;
    this.#heap[b] = first;
  }

  add(answer: Answer): void {
    let i = this.#heap.push(answer) - 1;
    for (; i > 0 && this.#at(i) < this.#at((i - 1) >> 1); i = (i - 1) >> 1) this.#swap(i, (i - 1) >> 1);
  }

  /** Takes the earliest where it comes before `atMs`. */
  takeBefore(atMs: number): Answer | undefined {
    const [first] = this.#heap;
    if (first === undefined || first.atMs > atMs) return undefined;
    this.#swap(0, this.#heap.length - 1);
    this.#heap.pop();
    for (let i = 0; ;) {
      const left = 2 * i + 1;
      const child = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (!(this.#at(child) < this.#at(i))) return first;
      this.#swap(i, child);
      i = child;
    }
  }
}

/** Sends requests at random times (Poisson) to hosts whose response times are exponential, whatever their load. */
export function simulate({ policy, meansMs, requestsPerSecond, requests, seed }: Simulation): Simulated {
  const random = seededRandom(seed);
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const clock = fakeClock();
  const hosts: Host[] = meansMs.map((_, i) => fakeHost(`10.0.0.${i + 1}:80`));
  const active = (): number => hosts.reduce((sum, host) => sum + host.activeRequests, 0);
  const balancer = policy.create(hosts, { random: seededRandom(seed + 1), clock, activeRequests: active });
  const pending = new Pending();
  const counts = hosts.map(() => 0);
  const times: number[] = [];
  const answerUpTo = (atMs: number): void => {
    for (let answer = pending.takeBefore(atMs); answer !== undefined; answer = pending.takeBefore(atMs)) {
      answer.host.activeRequests--;
      answer.host.observe?.(answer.elapsedMs, answer.atMs);
    }
  };
  for (let i = 0; i < requests; i++) {
    clock.nowMs += exponential(1000 / requestsPerSecond);
    answerUpTo(clock.nowMs);
    const host = balancer.pick(policy.isHashing ? xxHash64(`client ${Math.floor(random() * 1000)}`) : undefined, 0);
    const at = hosts.indexOf(host);
    const elapsedMs = exponential(meansMs[at] ?? 0);
    counts[at] = (counts[at] ?? 0) + 1;
    times.push(elapsedMs);
    host.activeRequests++;
    pending.add({ atMs: clock.nowMs + elapsedMs, host, elapsedMs });
  }
  times.sort((a, b) => a - b);
  const percentile = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? 0;
  return {
    shares: counts.map((count) => count / requests),
    meanMs: times.reduce((sum, time) => sum + time, 0) / requests,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  };
}

/** Six hosts, the last ten times slower than the others. */
export const ONE_SLOW: Omit<Simulation, 'policy'> = {
  meansMs: [10, 10, 10, 10, 10, 100],
  requestsPerSecond: 1000,
  requests: 60_000,
  seed: 1,
};
