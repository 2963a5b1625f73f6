/**
 * A brown-out without sockets or time: clients, one proxy and some hosts, part of them failing or slow, by a clock that
 * jumps. Whether a request is tried again, when and where are decided by the router's own code.
 */
import type { Random } from '../../../core/clock.ts';
import type { Limits } from '../../cluster/cluster.ts';
import type { ClusterHost } from '../../cluster/host.ts';
import { clusterHttpStats } from '../../cluster/http-stats.ts';
import { readLimits } from '../../cluster/limits.ts';
import { RetryRate, type RetryRateSettings } from '../../cluster/retry-rate.ts';
import { fakeHost, seededRandom } from '../../cluster/testing/fake-hosts.ts';
import { createStats } from '../../telemetry/registry.ts';
import { avoidTried } from '../host-choice.ts';
import { RetryState } from '../retry-state.ts';
import type { RetryPolicy } from '../route.ts';
import { EventQueue } from './event-queue.ts';

/** How a host answers: an attempt takes about `latencyMs` and fails with a probability of `failing`. */
export interface HostMood {
  readonly latencyMs: number;
  readonly failing: number;
  /** Connections fail: no attempt reaches it. */
  readonly isDown?: boolean;
  /** Requests at a time above which it fails all more; absent: any number. */
  readonly capacity?: number;
}

/** Who asks: so many a second whatever happens, or so many clients that wait for their answers and pause in between. */
export type Load =
  | { readonly kind: 'open'; readonly perSecond: number }
  | { readonly kind: 'closed'; readonly clients: number; readonly pauseMs: number };

export interface BrownOut {
  readonly hosts: readonly HostMood[];
  readonly load: Load;
  readonly policy: RetryPolicy;
  readonly breakers: Parameters<typeof readLimits>[0];
  /** The budget by rate; absent: none. */
  readonly rate?: RetryRateSettings;
  readonly seconds: number;
  readonly seed: number;
}

export interface BrownOutResult {
  readonly requests: number;
  /** Attempts that have reached a host: its load. */
  readonly attempts: number;
  /** Those for each request: what retries make of the load. */
  readonly amplification: number;
  /** The share of requests that went well in the end. */
  readonly succeeded: number;
  /** Retries that went to the host whose failure they answer, though another stood. */
  readonly returns: number;
}

class Simulation {
  readonly queue = new EventQueue();
  readonly #setup: BrownOut;
  readonly #random: Random;
  readonly #hosts: readonly ClusterHost[];
  readonly #limits: Limits;
  readonly #stats = createStats();
  requests = 0;
  attempts = 0;
  successes = 0;
  returns = 0;

  constructor(setup: BrownOut) {
    this.#setup = setup;
    this.#random = seededRandom(setup.seed);
    this.#hosts = setup.hosts.map((_, i) => fakeHost(`10.0.0.${i}:80`));
    const rate = setup.rate && new RetryRate(setup.rate);
    this.#limits = readLimits(setup.breakers, 'cluster', this.#stats, { retryRate: rate });
  }

  /** The less busy of two hosts drawn at random, as least request has it. */
  #draw(): ClusterHost {
    const one = (): ClusterHost => {
      const host = this.#hosts[Math.floor(this.#random() * this.#hosts.length)];
      if (host === undefined) throw new RangeError('no hosts');
      return host;
    };
    const [a, b] = [one(), one()];
    return b.activeRequests < a.activeRequests ? b : a;
  }

  #pick(tried: readonly ClusterHost[]): ClusterHost {
    const { hostSelectionAttempts, avoidsPreviousHosts } = this.#setup.policy;
    const draw = (): ClusterHost => {
      let host = this.#draw();
      for (let i = 1; i < hostSelectionAttempts && avoidsPreviousHosts && tried.includes(host); i++) host = this.#draw();
      return host;
    };
    if (!avoidsPreviousHosts) return draw();
    return avoidTried(draw, this.#hosts, tried) ?? draw();
  }

  request(onEnd: () => void): void {
    this.requests++;
    const retry = new RetryState(this.#setup.policy, this.#limits, clusterHttpStats(this.#stats));
    const end = (isSuccess: boolean): void => {
      retry.release();
      if (isSuccess) this.successes++;
      onEnd();
    };
    this.#attempt(retry, [], end);
  }

  #attempt(retry: RetryState, tried: readonly ClusterHost[], end: (isSuccess: boolean) => void): void {
    const host = this.#pick(tried);
    if (tried.at(-1) === host && this.#hosts.some((other) => !tried.includes(other))) this.returns++;
    const mood = this.#setup.hosts[this.#hosts.indexOf(host)] ?? { latencyMs: 0, failing: 0 };
    const { latencyMs, failing, capacity = Infinity, isDown = false } = mood;
    const fails = isDown || this.#random() < failing || host.activeRequests >= capacity;
    if (!isDown) this.attempts++;
    host.activeRequests++;
    this.#limits.requests.value++;
    this.queue.after(latencyMs * (0.5 + this.#random()), () => {
      host.activeRequests--;
      this.#limits.requests.value--;
      const count = tried.length + 1;
      if (!fails || retry.take(count, !isDown, this.queue.nowMs, () => 0) !== undefined) return end(!fails);
      const clock = { monotonicMs: () => this.queue.nowMs, wallMs: () => this.queue.nowMs };
      this.queue.after(retry.pauseMs(count, undefined, { clock, random: this.#random }), () => {
        this.#attempt(retry, [...tried, host], end);
      });
    });
  }

  start(load: Load): void {
    if (load.kind === 'open') this.#arrive(load.perSecond);
    else for (let i = 0; i < load.clients; i++) this.queue.after(this.#random() * load.pauseMs, () => this.#loop(load.pauseMs));
  }

  /** Poisson arrivals. */
  #arrive(perSecond: number): void {
    this.queue.after((-1000 * Math.log(1 - this.#random())) / perSecond, () => {
      this.request(() => undefined);
      this.#arrive(perSecond);
    });
  }

  #loop(pauseMs: number): void {
    this.request(() => this.queue.after(pauseMs * 2 * this.#random(), () => this.#loop(pauseMs)));
  }
}

/** Runs a brown-out to its end. The same seed gives the same result. */
export function runBrownOut(setup: BrownOut): BrownOutResult {
  const simulation = new Simulation(setup);
  simulation.start(setup.load);
  simulation.queue.run(setup.seconds * 1000);
  const { requests, attempts, successes, returns } = simulation;
  return { requests, attempts, amplification: attempts / requests, succeeded: successes / requests, returns };
}
