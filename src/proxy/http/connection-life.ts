import type { DownstreamConnection } from '../listener/connection.ts';
import { observe } from '../telemetry/stats.ts';
import type { WheelTimer } from '../timers.ts';
import type { HcmRuntime } from './hcm-runtime.ts';

/** Who is told what time does to a connection. */
export interface LifeOwner {
  /** Nothing has run on it for `idle_timeout`. */
  onIdle(): void;
  /** It is as old as `max_connection_duration` lets it get. */
  onExpired(): void;
}

/** What every downstream connection has, whatever it speaks: its counters, its idle time, its age. */
export class ConnectionLife {
  readonly downstream: DownstreamConnection;
  owner: LifeOwner | undefined = undefined;
  readonly #runtime: HcmRuntime;
  readonly #startMs: number;
  #idle: WheelTimer | undefined = undefined;
  #age: WheelTimer | undefined = undefined;

  constructor(downstream: DownstreamConnection, runtime: HcmRuntime) {
    this.downstream = downstream;
    this.#runtime = runtime;
    const { stats, config, timers, scope } = runtime;
    this.#startMs = scope.clock.monotonicMs();
    stats.downstream_cx_total.value++;
    stats.downstream_cx_active.value++;
    if (downstream.tls !== undefined) {
      stats.downstream_cx_ssl_total.value++;
      stats.downstream_cx_ssl_active.value++;
    }
    if (config.maxConnectionDurationMs > 0) this.#age = timers.after(config.maxConnectionDurationMs, () => this.#onExpired());
    this.idle();
  }

  /** Nothing runs on the connection from now on. */
  idle(): void {
    const { config, timers } = this.#runtime;
    if (config.idleTimeoutMs > 0) this.#idle = timers.after(config.idleTimeoutMs, () => this.#onIdle());
  }

  /** Something runs on it again. */
  busy(): void {
    this.#runtime.timers.cancel(this.#idle);
    this.#idle = undefined;
  }

  /** The connection is closed, with requests on it that are not answered. */
  closed(activeRequests: number): void {
    const { stats, timers, scope } = this.#runtime;
    timers.cancel(this.#idle);
    timers.cancel(this.#age);
    stats.downstream_cx_active.value--;
    stats.downstream_cx_destroy.value++;
    if (this.downstream.tls !== undefined) stats.downstream_cx_ssl_active.value--;
    observe(stats.downstream_cx_length_ms, scope.clock.monotonicMs() - this.#startMs);
    if (activeRequests === 0) return;
    stats.downstream_cx_destroy_active_rq.value++;
    stats.downstream_cx_destroy_remote_active_rq.value++;
  }

  #onIdle(): void {
    this.#runtime.stats.downstream_cx_idle_timeout.value++;
    this.owner?.onIdle();
  }

  #onExpired(): void {
    this.#runtime.stats.downstream_cx_max_duration_reached.value++;
    this.owner?.onExpired();
  }
}
