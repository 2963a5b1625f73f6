/** Failure accrual over the hosts of a cluster: who is tripped, and who is tried again. */
import type { HeaderMap, ResponseHead } from '../../wire/http/message.ts';
import type { Outcome } from '../cluster/cluster.ts';
import type { ClusterHost } from '../cluster/host.ts';
import type { Counter, Gauge } from '../telemetry/stats.ts';
import { type Timers, timersOf, type WheelTimer } from '../timers.ts';
import type { AccrualSettings } from './accrual-settings.ts';
import { Breaker, type BreakerState, type Verdict } from './breaker.ts';
import type { HealthScope, HealthWatch } from './health-watch.ts';
import { isOpenGrpc, verdictOf, verdictOfGrpc } from './verdict.ts';

interface Watched {
  readonly breaker: Breaker;
  /** The end of the penalty, or of waiting for a probe. */
  timer: WheelTimer | undefined;
  /** The response whose head came last is gRPC's, and its outcome is not known yet. */
  isOpenGrpc: boolean;
}

interface AccrualStats {
  readonly trips: Counter;
  readonly probes: Counter;
  readonly recoveries: Counter;
  /** Hosts that get no requests, or one. */
  readonly tripped: Gauge;
}

export class FailureAccrual implements HealthWatch {
  readonly isReady = true;
  readonly #settings: AccrualSettings;
  readonly #scope: HealthScope;
  readonly #timers: Timers;
  readonly #stats: AccrualStats;
  readonly #watched = new Map<ClusterHost, Watched>();

  constructor(settings: AccrualSettings, scope: HealthScope) {
    this.#settings = settings;
    this.#scope = scope;
    this.#timers = timersOf(scope.clock);
    const { stats } = scope.cluster;
    this.#stats = {
      trips: stats.counter('failure_accrual.trips'),
      probes: stats.counter('failure_accrual.probes'),
      recoveries: stats.counter('failure_accrual.recoveries'),
      tripped: stats.gauge('failure_accrual.tripped'),
    };
  }

  onHosts(added: readonly ClusterHost[], removed: readonly ClusterHost[]): void {
    for (const host of removed) this.#leave(host);
    for (const host of added) this.#join(host);
  }

  #join(host: ClusterHost): void {
    const watched: Watched = { breaker: new Breaker(this.#settings, this.#scope.random), timer: undefined, isOpenGrpc: false };
    this.#watched.set(host, watched);
    host.addHeadReader((head) => this.#onHead(watched, head));
    host.onEnd = (trailers, turn) => this.#onEnd(host, trailers, turn);
    host.onAttempt = () => this.#onAttempt(host, watched);
  }

  #leave(host: ClusterHost): void {
    const watched = this.#watched.get(host);
    if (watched === undefined) return;
    this.#timers.cancel(watched.timer);
    if (watched.breaker.state !== 'closed') this.#stats.tripped.value--;
    this.#watched.delete(host);
  }

  /** The outcome of the same response follows at once. */
  #onHead(watched: Watched, head: ResponseHead): void {
    watched.isOpenGrpc = isOpenGrpc(head);
  }

  report(host: ClusterHost, outcome: Outcome, turn: number): void {
    const watched = this.#watched.get(host);
    if (watched === undefined) return;
    const waits = watched.isOpenGrpc && outcome.kind === 'status';
    watched.isOpenGrpc = false;
    if (!waits) this.#record(host, watched, verdictOf(outcome), turn);
  }

  #onEnd(host: ClusterHost, trailers: HeaderMap | undefined, turn: number): void {
    const status = trailers?.get('grpc-status');
    const watched = this.#watched.get(host);
    if (status !== undefined && watched !== undefined) this.#record(host, watched, verdictOfGrpc(status), turn);
  }

  #record(host: ClusterHost, watched: Watched, verdict: Verdict, turn: number): void {
    // it began before the breaker changed
    if (turn !== host.turn) return;
    const { breaker } = watched;
    const before = breaker.state;
    breaker.record(verdict, this.#scope.clock.monotonicMs());
    if (breaker.state !== before) this.#changed(host, watched, before);
  }

  #onAttempt(host: ClusterHost, watched: Watched): void {
    if (watched.breaker.state !== 'trial') return;
    watched.breaker.take();
    this.#changed(host, watched, 'trial');
  }

  #changed(host: ClusterHost, watched: Watched, before: BreakerState): void {
    const { state } = watched.breaker;
    this.#timers.cancel(watched.timer);
    watched.timer = undefined;
    this.#stats.tripped.value += Number(state !== 'closed') - Number(before !== 'closed');
    // the request that takes the trial belongs to it
    if (state !== 'probing') host.turn++;
    if (state === 'open') this.#open(host, watched);
    if (state === 'probing') this.#probe(host, watched);
    if (state === 'closed') this.#stats.recoveries.value++;
    host.setTripped(state === 'open' || state === 'probing');
    this.#scope.onChange(host);
  }

  #open(host: ClusterHost, watched: Watched): void {
    this.#stats.trips.value++;
    watched.timer = this.#timers.after(watched.breaker.penaltyMs(), () => {
      watched.breaker.offer();
      this.#changed(host, watched, 'open');
    });
  }

  /** A request whose client leaves is not heard of again. */
  #probe(host: ClusterHost, watched: Watched): void {
    this.#stats.probes.value++;
    watched.timer = this.#timers.after(watched.breaker.penaltyMs(), () => {
      watched.breaker.giveUp();
      this.#changed(host, watched, 'probing');
    });
  }

  close(): void {
    for (const host of this.#watched.keys()) this.#leave(host);
  }
}
