/**
 * Outlier detection: hosts that keep failing are left out for a while, longer each time. Follows Envoy's "outlier
 * detection" (consecutive errors; success rate and failure percentage once an interval; hosts that call themselves
 * degraded).
 */
import type { Clock, Random } from '../../core/clock.ts';
import type { ResponseHead } from '../../wire/http/message.ts';
import type { Counter, Gauge, StatsScope } from '../telemetry/stats.ts';
import type { Outcome } from './cluster.ts';
import type { ClusterHost } from './host.ts';
import { type Cause, CAUSES, type Evidence, type OutlierEvent } from './outlier-events.ts';
import { belowOthers, failingOften, successRate } from './outlier-rates.ts';
import type { OutlierSettings } from './outlier-settings.ts';
import type { Tally } from './outlier-state.ts';

/** Statuses that stand for failures before any answer, where local and external failures are counted together. */
const STATUS_OF_FAILURE = { 'connect-failure': 503, 'connect-timeout': 504, timeout: 504, reset: 503 } as const;

const CONSECUTIVE: Evidence = { kind: 'consecutive' };

function isGatewayFailure(status: number): boolean {
  return status === 502 || status === 503 || status === 504;
}

function count(tally: Tally, isSuccess: boolean): void {
  tally.total++;
  if (isSuccess) tally.successes++;
}

/** Counters of a cluster, `outlier_detection.*`; those without "detected" or "enforced" are Envoy's former names. */
function createCounters(stats: StatsScope): (name: string) => Counter {
  const causes = Object.keys(CAUSES);
  const names = [
    ...causes.flatMap((cause) => [`ejections_detected_${cause}`, `ejections_enforced_${cause}`]),
    'ejections_enforced_total',
    'ejections_overflow',
    'ejections_detected_degradation',
    'ejections_total',
    'ejections_consecutive_5xx',
    'ejections_success_rate',
  ];
  const counter = (name: string): Counter => stats.counter(`outlier_detection.${name}`);
  // all of them stand in the statistics from the start
  for (const name of names) counter(name);
  return counter;
}

export interface OutlierScope {
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: StatsScope;
  readonly hosts: () => readonly ClusterHost[];
  /** A host's health has changed. */
  readonly onChange: (host: ClusterHost) => void;
  /** Takes what event logs tell; absent: nobody does. */
  readonly onEvent?: (host: ClusterHost, event: OutlierEvent) => void;
}

/** Watches the hosts of one cluster. `tick` is to be called once an interval. */
export class OutlierDetector {
  readonly #settings: OutlierSettings;
  readonly #scope: OutlierScope;
  readonly #active: Gauge;
  readonly #counter: (name: string) => Counter;

  constructor(settings: OutlierSettings, scope: OutlierScope) {
    this.#settings = settings;
    this.#scope = scope;
    this.#active = scope.stats.gauge('outlier_detection.ejections_active');
    this.#counter = createCounters(scope.stats);
  }

  /** A host has come to the cluster. */
  watch(host: ClusterHost): void {
    if (this.#settings.detectsDegraded) host.addHeadReader((head) => this.#onHead(host, head));
  }

  /** Counts how an attempt at `host` ended, and ejects it where that was one failure too many. */
  report(host: ClusterHost, outcome: Outcome): void {
    const { isSplit } = this.#settings;
    if (outcome.kind === 'status') {
      if (isSplit) this.#localOriginSuccess(host);
      this.#status(host, outcome.status);
    } else if (outcome.kind === 'local-origin-failure') {
      if (isSplit) this.#localOriginFailure(host, outcome.cause);
      else this.#status(host, STATUS_OF_FAILURE[outcome.cause]);
    }
  }

  #status(host: ClusterHost, status: number): void {
    const state = host.outlier;
    count(state.external, status < 500);
    if (status < 500) {
      state.consecutive5xx = 0;
      state.consecutiveGatewayFailures = 0;
      return;
    }
    const { consecutive5xx, consecutiveGatewayFailures } = this.#settings;
    state.consecutiveGatewayFailures = isGatewayFailure(status) ? state.consecutiveGatewayFailures + 1 : 0;
    if (isGatewayFailure(status) && state.consecutiveGatewayFailures === consecutiveGatewayFailures.threshold) {
      this.#detect(host, 'consecutive_gateway_failure', consecutiveGatewayFailures.enforcingPercent, CONSECUTIVE);
      state.consecutiveGatewayFailures = 0;
    }
    if (++state.consecutive5xx === consecutive5xx.threshold) {
      if (!host.isEjected) this.#counter('ejections_consecutive_5xx').value++;
      this.#detect(host, 'consecutive_5xx', consecutive5xx.enforcingPercent, CONSECUTIVE);
      state.consecutive5xx = 0;
    }
  }

  #localOriginSuccess(host: ClusterHost): void {
    count(host.outlier.localOrigin, true);
    host.outlier.consecutiveLocalOriginFailures = 0;
  }

  #localOriginFailure(host: ClusterHost, cause: keyof typeof STATUS_OF_FAILURE): void {
    // what happens on a connection comes after it was made, which was a success
    if (cause === 'timeout' || cause === 'reset') this.#localOriginSuccess(host);
    const { threshold, enforcingPercent } = this.#settings.consecutiveLocalOriginFailures;
    count(host.outlier.localOrigin, false);
    if (++host.outlier.consecutiveLocalOriginFailures !== threshold) return;
    this.#detect(host, 'consecutive_local_origin_failure', enforcingPercent, CONSECUTIVE);
    host.outlier.consecutiveLocalOriginFailures = 0;
  }

  #detect(host: ClusterHost, cause: Cause, enforcingPercent: number, evidence: Evidence): void {
    if (host.isEjected) return;
    this.#counter(`ejections_detected_${cause}`).value++;
    if (!this.#mayEject()) {
      this.#counter('ejections_overflow').value++;
      return;
    }
    if (cause === 'consecutive_5xx' || cause === 'success_rate') this.#counter('ejections_total').value++;
    const isEnforced = this.#scope.random() * 100 < enforcingPercent;
    if (isEnforced) {
      this.#counter('ejections_enforced_total').value++;
      this.#counter(`ejections_enforced_${cause}`).value++;
      host.outlier.ejection.begin(this.#scope.clock.monotonicMs(), this.#settings, this.#scope.random);
      this.#active.value++;
      this.#changed(host);
    }
    this.#scope.onEvent?.(host, { action: 'EJECT', cause, evidence, isEnforced });
  }

  /** True where one more ejection stays within `max_ejection_percent` of the cluster. */
  #mayEject(): boolean {
    const { maxEjectionPercent, alwaysEjectsOne } = this.#settings;
    const total = this.#scope.hosts().length;
    return (this.#active.value === 0 && alwaysEjectsOne) || 100 * (this.#active.value + 1) <= maxEjectionPercent * total;
  }

  #changed(host: ClusterHost): void {
    host.refreshHealth();
    this.#scope.onChange(host);
  }

  /** A host that says itself that it is the worse choice. */
  #onHead(host: ClusterHost, { status, headers }: ResponseHead): void {
    const { ejection, degradation } = host.outlier;
    if (status < 200 || status > 299 || degradation.isOn || host.isDraining || !headers.has('x-envoy-degraded')) return;
    this.#counter('ejections_detected_degradation').value++;
    // ejection goes before
    if (ejection.isOn) return;
    degradation.begin(this.#scope.clock.monotonicMs(), this.#settings, this.#scope.random);
    this.#changed(host);
    this.#scope.onEvent?.(host, { action: 'DEGRADE' });
  }

  /** Ends measures that have lasted long enough, then looks for hosts that fail more than the others. */
  tick(): void {
    const hosts = this.#scope.hosts();
    const nowMs = this.#scope.clock.monotonicMs();
    for (const host of hosts) {
      const { ejection, degradation } = host.outlier;
      if (ejection.isOver(nowMs, this.#settings)) this.#release(host);
      if (!degradation.isOver(nowMs, this.#settings)) continue;
      degradation.end(nowMs);
      this.#changed(host);
      this.#scope.onEvent?.(host, { action: 'UNEJECT' });
    }
    this.#compare(hosts, (host) => host.outlier.external, '');
    this.#compare(hosts, (host) => host.outlier.localOrigin, 'local_origin_');
    for (const { outlier } of hosts) {
      outlier.ejection.sink(nowMs, this.#settings);
      outlier.degradation.sink(nowMs, this.#settings);
    }
  }

  #release(host: ClusterHost): void {
    host.outlier.ejection.end(this.#scope.clock.monotonicMs());
    host.outlier.forgetFailures();
    this.#active.value--;
    this.#changed(host);
    this.#scope.onEvent?.(host, { action: 'UNEJECT' });
  }

  /** An active check of a host that is not failing has passed, which ends its ejection unless that is turned off. */
  onPassed(host: ClusterHost): void {
    if (host.isEjected && this.#settings.endsByActiveCheck) this.#release(host);
  }

  /** A host has left the cluster: it no longer counts as ejected. */
  forget(host: ClusterHost): void {
    if (host.isEjected) this.#active.value--;
  }

  #compare(all: readonly ClusterHost[], tallyOf: (host: ClusterHost) => Tally, origin: '' | 'local_origin_'): void {
    const { successRate: rate, failurePercentage: share } = this.#settings;
    const enforcing = origin === '' ? 'enforcingPercent' : 'enforcingLocalOriginPercent';
    const hosts = all.filter((host) => !host.isEjected);
    const below = belowOthers(hosts, tallyOf, rate);
    const often = failingOften(hosts, tallyOf, share);
    for (const host of below.hosts) {
      this.#counter('ejections_success_rate').value++;
      const { average = 0, threshold = 0 } = below.rates ?? {};
      const evidence: Evidence = { kind: 'success-rate', own: successRate(tallyOf(host)), average, threshold };
      this.#detect(host, `${origin}success_rate`, rate[enforcing], evidence);
    }
    for (const host of often) {
      const evidence: Evidence = { kind: 'failure-percentage', own: successRate(tallyOf(host)) };
      this.#detect(host, `${origin}failure_percentage`, share[enforcing], evidence);
    }
    for (const host of all) Object.assign(tallyOf(host), { total: 0, successes: 0 });
  }
}
