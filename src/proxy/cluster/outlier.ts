/**
 * Outlier detection: hosts that keep failing are left out for a while, longer each time. Follows Envoy's "outlier
 * detection" (consecutive errors; success rate and failure percentage once an interval).
 */
import type { Clock, Random } from '../../core/clock.ts';
import type { Gauge, StatsScope } from '../telemetry/stats.ts';
import type { Outcome } from './cluster.ts';
import type { ClusterHost, Tally } from './host.ts';
import type { OutlierSettings } from './outlier-settings.ts';

/** What made a host an outlier, as Envoy's statistics name it. */
type Cause =
  | 'consecutive_5xx'
  | 'consecutive_gateway_failure'
  | 'consecutive_local_origin_failure'
  | 'success_rate'
  | 'local_origin_success_rate'
  | 'failure_percentage'
  | 'local_origin_failure_percentage';

/** Statuses that stand for failures before any answer, where local and external failures are counted together. */
const STATUS_OF_FAILURE = { 'connect-failure': 503, timeout: 504, reset: 503 } as const;

function isGatewayFailure(status: number): boolean {
  return status === 502 || status === 503 || status === 504;
}

function count(tally: Tally, isSuccess: boolean): void {
  tally.total++;
  if (isSuccess) tally.successes++;
}

function successRate(tally: Tally): number {
  return (100 * tally.successes) / tally.total;
}

/** The rate below which a host stands out: mean - factor * standard deviation. */
function rateThreshold(rates: readonly number[], deviations: number): number {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return mean - deviations * Math.sqrt(variance);
}

export interface OutlierScope {
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: StatsScope;
  hosts(): readonly ClusterHost[];
  /** A host's health has changed. */
  onChange(host: ClusterHost): void;
}

/** Watches the hosts of one cluster. `tick` is to be called once an interval. */
export class OutlierDetector {
  readonly #settings: OutlierSettings;
  readonly #scope: OutlierScope;
  readonly #active: Gauge;

  constructor(settings: OutlierSettings, scope: OutlierScope) {
    this.#settings = settings;
    this.#scope = scope;
    this.#active = scope.stats.gauge('outlier_detection.ejections_active');
  }

  /** Counts how an attempt at `host` ended, and ejects it where that was one failure too many. */
  report(host: ClusterHost, outcome: Outcome): void {
    const { isSplit } = this.#settings;
    if (outcome.kind === 'status') {
      if (isSplit) this.#localOriginSuccess(host);
      this.#status(host, outcome.status);
    } else if (isSplit) {
      this.#localOriginFailure(host);
    } else {
      this.#status(host, STATUS_OF_FAILURE[outcome.cause]);
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
      this.#detect(host, 'consecutive_gateway_failure', consecutiveGatewayFailures.enforcingPercent);
      state.consecutiveGatewayFailures = 0;
    }
    if (++state.consecutive5xx === consecutive5xx.threshold) {
      this.#detect(host, 'consecutive_5xx', consecutive5xx.enforcingPercent);
      state.consecutive5xx = 0;
    }
  }

  #localOriginSuccess(host: ClusterHost): void {
    count(host.outlier.localOrigin, true);
    host.outlier.consecutiveLocalOriginFailures = 0;
  }

  #localOriginFailure(host: ClusterHost): void {
    const { threshold, enforcingPercent } = this.#settings.consecutiveLocalOriginFailures;
    count(host.outlier.localOrigin, false);
    if (++host.outlier.consecutiveLocalOriginFailures !== threshold) return;
    this.#detect(host, 'consecutive_local_origin_failure', enforcingPercent);
    host.outlier.consecutiveLocalOriginFailures = 0;
  }

  #detect(host: ClusterHost, cause: Cause, enforcingPercent: number): void {
    if (host.isEjected) return;
    const { stats, random } = this.#scope;
    stats.counter(`outlier_detection.ejections_detected_${cause}`).value++;
    if (!this.#mayEject()) {
      stats.counter('outlier_detection.ejections_overflow').value++;
      return;
    }
    if (random() * 100 >= enforcingPercent) return;
    stats.counter('outlier_detection.ejections_enforced_total').value++;
    stats.counter(`outlier_detection.ejections_enforced_${cause}`).value++;
    this.#eject(host);
  }

  /** True where one more ejection stays within `max_ejection_percent` of the cluster. */
  #mayEject(): boolean {
    const { maxEjectionPercent, alwaysEjectsOne } = this.#settings;
    const total = this.#scope.hosts().length;
    return (this.#active.value === 0 && alwaysEjectsOne) || 100 * (this.#active.value + 1) <= maxEjectionPercent * total;
  }

  #eject(host: ClusterHost): void {
    const { baseEjectionMs, maxEjectionMs, jitterMs } = this.#settings;
    const state = host.outlier;
    if (baseEjectionMs * state.ejections < maxEjectionMs) state.ejections++;
    const lengthMs = Math.min(baseEjectionMs * state.ejections, maxEjectionMs) + jitterMs * this.#scope.random();
    state.ejectedUntilMs = this.#scope.clock.monotonicMs() + lengthMs;
    this.#active.value++;
    this.#changed(host);
  }

  #changed(host: ClusterHost): void {
    host.refreshHealth();
    this.#scope.onChange(host);
  }

  /** Ends ejections that have lasted long enough, then looks for hosts that fail more than the others. */
  tick(): void {
    const hosts = this.#scope.hosts();
    const nowMs = this.#scope.clock.monotonicMs();
    for (const host of hosts) {
      const state = host.outlier;
      if (!host.isEjected) {
        if (state.ejections > 0) state.ejections--;
      } else if (nowMs >= state.ejectedUntilMs) {
        this.#release(host);
      }
    }
    this.#compare(hosts, (host) => host.outlier.external, '');
    if (this.#settings.isSplit) this.#compare(hosts, (host) => host.outlier.localOrigin, 'local_origin_');
  }

  #release(host: ClusterHost): void {
    const state = host.outlier;
    state.ejectedUntilMs = 0;
    state.consecutive5xx = 0;
    state.consecutiveGatewayFailures = 0;
    state.consecutiveLocalOriginFailures = 0;
    this.#active.value--;
    this.#changed(host);
  }

  /** An active check of a host that is not failing has passed, which ends its ejection unless that is turned off. */
  onPassed(host: ClusterHost): void {
    if (host.isEjected && this.#settings.endsByActiveCheck) this.#release(host);
  }

  /** A host has left the cluster: it no longer counts as ejected. */
  forget(host: ClusterHost): void {
    if (host.isEjected) this.#active.value--;
  }

  #compare(hosts: readonly ClusterHost[], tallyOf: (host: ClusterHost) => Tally, origin: '' | 'local_origin_'): void {
    const { successRate: rate, failurePercentage: share } = this.#settings;
    const enforcing = origin === '' ? 'enforcingPercent' : 'enforcingLocalOriginPercent';
    const busy = hosts.filter((host) => !host.isEjected && tallyOf(host).total >= rate.requestVolume);
    if (rate[enforcing] > 0 && busy.length > 0 && busy.length >= rate.minimumHosts) {
      const threshold = rateThreshold(
        busy.map((host) => successRate(tallyOf(host))),
        rate.deviations,
      );
      for (const host of busy) {
        if (successRate(tallyOf(host)) < threshold) this.#detect(host, `${origin}success_rate`, rate[enforcing]);
      }
    }
    const heard = hosts.filter((host) => !host.isEjected && tallyOf(host).total >= share.requestVolume);
    if (share[enforcing] > 0 && heard.length > 0 && heard.length >= share.minimumHosts) {
      for (const host of heard) {
        if (100 - successRate(tallyOf(host)) >= share.thresholdPercent) this.#detect(host, `${origin}failure_percentage`, share[enforcing]);
      }
    }
    for (const host of hosts) Object.assign(tallyOf(host), { total: 0, successes: 0 });
  }
}
