import type { DownstreamConnection } from '../listener/connection.ts';
import type { ScaledTimeout } from '../overload/overload.ts';
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

/** What a socket's errors begin with (`ECONNRESET`): the peer or the network has ended the connection, and not we. */
const SOCKET_ERROR = /^E[A-Z]{3}/;

/** What every downstream connection has, whatever it speaks: its counters, its idle time, its age. */
export class ConnectionLife {
  readonly downstream: DownstreamConnection;
  owner: LifeOwner | undefined = undefined;
  /** The client has ended its side: whoever closes the connection then, it was the client that left. */
  hasPeerEnded = false;
  readonly #runtime: HcmRuntime;
  readonly #startMs: number;
  /** Runs on while the connection is busy: setting it anew for each request would cost more than looking at the time. */
  #idle: WheelTimer | undefined = undefined;
  /** -1 while it is busy. */
  #idleSinceMs = -1;
  #age: WheelTimer | undefined = undefined;
  readonly #scaled: ScaledTimeout | undefined;
  readonly #onLoad = (): void => this.#reconsider();

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
    this.#scaled = scope.overload?.timeouts.get('connection-idle');
    this.#scaled?.watchers.add(this.#onLoad);
    this.idle();
  }

  /** Nothing runs on the connection from now on. */
  idle(): void {
    const { config, scope } = this.#runtime;
    if (config.idleTimeoutMs <= 0) return;
    this.#idleSinceMs = scope.clock.monotonicMs();
    if (this.#idle === undefined) this.#watch(this.#idleTimeoutMs);
  }

  /** Something runs on it again. */
  busy(): void {
    this.#idleSinceMs = -1;
  }

  /** The connection is closed, with requests on it that are not answered; `error` as `onClose` is told. */
  closed(activeRequests: number, error: string | undefined): void {
    const { stats, timers, scope } = this.#runtime;
    this.#scaled?.watchers.delete(this.#onLoad);
    timers.cancel(this.#idle);
    timers.cancel(this.#age);
    stats.downstream_cx_active.value--;
    stats.downstream_cx_destroy.value++;
    const isRemote = this.hasPeerEnded || (error !== undefined && SOCKET_ERROR.test(error));
    (isRemote ? stats.downstream_cx_destroy_remote : stats.downstream_cx_destroy_local).value++;
    if (this.downstream.tls !== undefined) stats.downstream_cx_ssl_active.value--;
    observe(stats.downstream_cx_length_ms, scope.clock.monotonicMs() - this.#startMs);
    if (activeRequests === 0) return;
    stats.downstream_cx_destroy_active_rq.value++;
    (isRemote ? stats.downstream_cx_destroy_remote_active_rq : stats.downstream_cx_destroy_local_active_rq).value++;
  }

  /** `idle_timeout`, shorter under load. */
  get #idleTimeoutMs(): number {
    const { idleTimeoutMs } = this.#runtime.config;
    return this.#scaled === undefined ? idleTimeoutMs : this.#scaled.scaled(idleTimeoutMs);
  }

  /** Load has changed what is left of the time. */
  #reconsider(): void {
    if (this.#idle === undefined) return;
    this.#runtime.timers.cancel(this.#idle);
    this.#onTime();
  }

  #watch(delayMs: number): void {
    this.#idle = this.#runtime.timers.after(delayMs, () => this.#onTime());
  }

  #onTime(): void {
    this.#idle = undefined;
    if (this.#idleSinceMs < 0) return;
    const { scope } = this.#runtime;
    const leftMs = this.#idleSinceMs + this.#idleTimeoutMs - scope.clock.monotonicMs();
    if (leftMs > 0) this.#watch(leftMs);
    else this.#onIdle();
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
