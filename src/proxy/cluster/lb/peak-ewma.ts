/**
 * The quicker of two hosts chosen at random, by response time and requests under way: latency x (requests + 1). The
 * latency is a moving average that takes peaks at once and forgets them with time (peak EWMA), as in Finagle and Linkerd.
 */
import type { Host } from '../cluster.ts';
import { hostAt, type Policy } from './load-balancer.ts';

/** Envoy's contrib message PeakEwma; the defaults are Linkerd's. */
export interface PeakEwmaSettings {
  /** Time after which 63% of a latency is forgotten. */
  readonly decayMs: number;
  /** Latency of a host that has not answered yet. */
  readonly defaultRttMs: number;
}

export const DEFAULT_PEAK_EWMA: PeakEwmaSettings = { decayMs: 10_000, defaultRttMs: 30 };

/** Below this all hosts are equally quick: a host that was long idle must not have a cost of nothing. */
const LATENCY_MS_MIN = 0.1;

/** What a failed response counts for at least: a host that fails fast must not win. Linkerd's penalty. */
const FAILURE_MS = 5000;

const TOO_MANY_REQUESTS = 429;

/** The time that a response with `status` counts for, in milliseconds. */
export function countedMs(status: number, elapsedMs: number): number {
  return status >= 500 || status === TOO_MANY_REQUESTS ? Math.max(elapsedMs, FAILURE_MS) : elapsedMs;
}

/** The latency of one host. */
class Latency {
  readonly #decayMs: number;
  #peakMs: number;
  #updatedMs: number;

  constructor({ decayMs, defaultRttMs }: PeakEwmaSettings, nowMs: number) {
    this.#decayMs = decayMs;
    this.#peakMs = defaultRttMs;
    this.#updatedMs = nowMs;
  }

  #decay(nowMs: number): number {
    return Math.exp(-Math.max(0, nowMs - this.#updatedMs) / this.#decayMs);
  }

  observe(elapsedMs: number, nowMs: number): void {
    const decay = this.#decay(nowMs);
    this.#peakMs = elapsedMs > this.#peakMs ? elapsedMs : this.#peakMs * decay + elapsedMs * (1 - decay);
    this.#updatedMs = Math.max(nowMs, this.#updatedMs);
  }

  /** The latency now, in milliseconds: an old one counts for less, so that a slow host is tried again. */
  at(nowMs: number): number {
    return Math.max(LATENCY_MS_MIN, this.#peakMs * this.#decay(nowMs));
  }
}

/** Peak EWMA with power of two choices. Envoy: contrib, envoy.extensions.load_balancing_policies.peak_ewma.v3alpha. */
export function peakEwma(settings: PeakEwmaSettings = DEFAULT_PEAK_EWMA): Policy {
  // latencies outlive balancers, which are built anew whenever any host changes
  const known = new WeakMap<Host, Latency>();
  const latencyOf = (host: Host, nowMs: number): Latency => {
    let latency = known.get(host);
    if (latency === undefined) {
      const own = new Latency(settings, nowMs);
      known.set(host, (latency = own));
      host.observe = (elapsedMs, atMs) => own.observe(elapsedMs, atMs);
    }
    return latency;
  };
  return {
    isHashing: false,
    create(hosts, { random, clock }) {
      const latencies = hosts.map((host) => latencyOf(host, clock.monotonicMs()));
      const cost = (at: number, nowMs: number): number => {
        const { activeRequests, weight } = hostAt(hosts, at);
        return ((latencies[at]?.at(nowMs) ?? 0) * (activeRequests + 1)) / weight;
      };
      return {
        pick() {
          const first = Math.floor(random() * hosts.length);
          if (hosts.length === 1) return hostAt(hosts, first);
          const second = (first + 1 + Math.floor(random() * (hosts.length - 1))) % hosts.length;
          const nowMs = clock.monotonicMs();
          return hostAt(hosts, cost(second, nowMs) < cost(first, nowMs) ? second : first);
        },
      };
    },
  };
}
