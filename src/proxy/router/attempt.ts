/** One try of a request at one host: from the pool to the end of its response, or to a reset. */
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingResponse, ResponseHead } from '../../wire/http/message.ts';
import type { Host, Limits, Outcome } from '../cluster/cluster.ts';
import type { PoolWaiter } from '../cluster/http-pool.ts';
import type { ClusterHttpStats } from '../cluster/http-stats.ts';
import type { ResponseReader, UpstreamStream } from '../cluster/http-upstream.ts';
import { countedMs } from '../cluster/lb/peak-ewma.ts';
import type { Timers, WheelTimer } from '../timers.ts';
import type { AttemptTrace } from '../tracing/attempt-trace.ts';
import type { ResetReason } from './retry-decision.ts';

/** Where streams to a host come from. */
interface StreamSource {
  acquire(waiter: PoolWaiter): void;
  cancel(waiter: PoolWaiter): void;
}

/** Who makes attempts. Nothing is told of one that was dropped. */
export interface AttemptOwner {
  /** A connection is there: head, what is kept of the body, and maybe the end are to be sent now. */
  onAttemptReady(attempt: Attempt, stream: UpstreamStream): void;
  onAttemptInformational(attempt: Attempt, head: IncomingResponse): void;
  onAttemptHead(attempt: Attempt, head: IncomingResponse, isEnd: boolean): void;
  onAttemptData(attempt: Attempt, view: Uint8Array): void;
  onAttemptEnd(attempt: Attempt, trailers: HeaderBlock | undefined): void;
  /** The host takes request bytes again. */
  onAttemptDrain(): void;
  /** It has died without a whole response. */
  onAttemptReset(attempt: Attempt, reason: ResetReason, detail: string): void;
  /** The time for one try is over, or (`isIdle`) nothing has come for too long; the attempt still runs. */
  onAttemptTimeout(attempt: Attempt, isIdle: boolean): void;
  /** The cluster allows no request to take longer. */
  onAttemptExpired(attempt: Attempt): void;
}

export class Attempt implements ResponseReader, PoolWaiter {
  readonly isHead: boolean;
  readonly host: Host;
  /** Undefined before a connection is there, and once the stream has ended. */
  stream: UpstreamStream | undefined = undefined;
  /** Any byte of the request has been written. */
  wasSent = false;
  /** `Clock.monotonicMs` of that. */
  sentMs = 0;
  /** Its span; undefined where attempts have none. */
  trace: AttemptTrace | undefined = undefined;
  readonly #owner: AttemptOwner;
  readonly #limits: Limits;
  readonly #stats: ClusterHttpStats;
  readonly #timers: Timers;
  readonly #idleMs: number;
  /** The host's when the attempt began. */
  readonly #turn: number | undefined;
  #pool: StreamSource | undefined = undefined;
  #isCounted = true;
  /** It has a stream, and counts among the requests of its cluster. */
  #isUnderWay = false;
  #timeout: WheelTimer | undefined = undefined;
  #idle: WheelTimer | undefined = undefined;
  #duration: WheelTimer | undefined = undefined;

  /** Counts the attempt from now on. `idleMs`: how long nothing may come from the host; 0 for ever. */
  constructor(owner: AttemptOwner, isHead: boolean, limits: Limits, host: Host, stats: ClusterHttpStats, timers: Timers, idleMs: number) {
    this.#owner = owner;
    this.isHead = isHead;
    this.host = host;
    this.#limits = limits;
    this.#stats = stats;
    this.#timers = timers;
    this.#idleMs = idleMs;
    this.#turn = host.turn;
    if (host.onAttempt !== undefined) host.onAttempt();
    // balancing counts those that wait, too
    host.activeRequests++;
  }

  begin(pool: StreamSource): void {
    this.#pool = pool;
    pool.acquire(this);
  }

  /** Bounds the try, from now on; 0 for no bound. */
  startTimeout(timeoutMs: number): void {
    if (timeoutMs > 0) this.#timeout = this.#timers.after(timeoutMs, () => this.#owner.onAttemptTimeout(this, false));
  }

  /** Bounds the whole of it, response included, from now on; 0 for no bound. */
  limitDuration(durationMs: number): void {
    if (durationMs > 0) this.#duration = this.#timers.after(durationMs, () => this.#owner.onAttemptExpired(this));
  }

  /** Tells outlier detection how it went. */
  report(outcome: Outcome): void {
    this.host.report(outcome, this.#turn);
  }

  /** Tells those who judge the host by its responses: this head came at `nowMs`. */
  observeHead(head: ResponseHead, nowMs: number): void {
    const { observe, onHead } = this.host;
    if (observe !== undefined) observe(countedMs(head.status, nowMs - this.sentMs), nowMs);
    if (onHead !== undefined) onHead(head);
  }

  /** The try has brought its response's head: its time is no longer bound. */
  stopTimeout(): void {
    this.#timers.cancel(this.#timeout);
    this.#timeout = undefined;
  }

  stopTimers(): void {
    this.stopTimeout();
    this.#timers.cancel(this.#idle);
    this.#idle = undefined;
  }

  /** Lets go of whatever it holds. The response of a host that is to be trusted with a rest is read to its end. */
  drop(): void {
    this.#endTrace();
    this.#release()?.abandon();
  }

  /** As `drop`, and the stream is reset. */
  destroy(): void {
    this.#endTrace();
    this.#release()?.destroy();
  }

  /** The stream has ended by itself, or is somebody else's. */
  end(): void {
    this.#release();
  }

  onPoolReady(stream: UpstreamStream): void {
    this.#pool = undefined;
    this.stream = stream;
    this.wasSent = true;
    this.#isUnderWay = true;
    this.#limits.requests.value++;
    this.#limits.retryBudget?.recent?.add();
    this.#stats.upstream_rq_total.value++;
    this.host.requestsTotal.value++;
    this.#owner.onAttemptReady(this, stream);
    this.#restartIdle();
  }

  onPoolFailure(reason: ResetReason, detail: string): void {
    this.#pool = undefined;
    this.trace?.onReset(reason);
    this.#owner.onAttemptReset(this, reason, detail);
  }

  onUpstreamDrain(): void {
    this.#owner.onAttemptDrain();
  }

  onUpstreamReset(reason: ResetReason, detail: string): void {
    this.stream = undefined;
    this.#stats.upstream_rq_rx_reset.value++;
    this.trace?.onReset(reason);
    this.#owner.onAttemptReset(this, reason, detail);
  }

  onInformational(head: IncomingResponse): void {
    this.#restartIdle();
    this.#owner.onAttemptInformational(this, head);
  }

  onResponseHead(head: IncomingResponse, isEnd: boolean): void {
    this.#restartIdle();
    this.trace?.onHead(head);
    this.#owner.onAttemptHead(this, head, isEnd);
  }

  onResponseData(view: Uint8Array): void {
    if (this.#idle !== undefined) this.#restartIdle();
    this.#owner.onAttemptData(this, view);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    const { onEnd } = this.host;
    if (onEnd !== undefined) onEnd(trailers, this.#turn ?? 0);
    this.trace?.onTrailers(trailers);
    this.#owner.onAttemptEnd(this, trailers);
  }

  #restartIdle(): void {
    if (this.#idleMs <= 0 || !this.#isCounted) return;
    this.#timers.cancel(this.#idle);
    this.#idle = this.#timers.after(this.#idleMs, () => this.#owner.onAttemptTimeout(this, true));
  }

  /** It is broken off, unless nothing was under way any more. */
  #endTrace(): void {
    this.trace?.end(this.stream !== undefined || this.#pool !== undefined);
  }

  /** Gives the stream, which is the caller's from here on. */
  #release(): UpstreamStream | undefined {
    const { stream } = this;
    this.trace?.end(false);
    this.stream = undefined;
    this.stopTimers();
    this.#timers.cancel(this.#duration);
    this.#pool?.cancel(this);
    this.#pool = undefined;
    if (this.#isCounted) {
      this.#isCounted = false;
      this.host.activeRequests--;
      if (this.#isUnderWay) this.#limits.requests.value--;
    }
    return stream;
  }
}
