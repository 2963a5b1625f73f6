/**
 * Answers by their status, and how long hosts took for them, under Envoy's names: `upstream_rq_completed`,
 * `upstream_rq_2xx`, `upstream_rq_200`, `upstream_rq_time`. What is never counted is not there. Source: Envoy,
 * `chargeResponseStat` and `chargeResponseTiming`, "Cluster manager: dynamic HTTP statistics".
 *
 * Most answers have the status of the one before: its counters are at hand, for an array by status would be 2.5 KB.
 */
import { type Counter, type Histogram, observe, type StatsScope } from '../telemetry/stats.ts';

/** Counters of a status: its class's, and its own. */
type OfStatus = readonly [Counter, Counter];

export class AnswerStats {
  readonly #scope: StatsScope;
  #completed: Counter | undefined = undefined;
  #time: Histogram | undefined = undefined;
  #lastStatus = 0;
  #last: OfStatus | undefined = undefined;

  constructor(scope: StatsScope) {
    this.#scope = scope;
  }

  /** Counts one answer. */
  count(status: number): void {
    this.#completed ??= this.#scope.counter('upstream_rq_completed');
    this.#completed.value++;
    if (status !== this.#lastStatus || this.#last === undefined) this.#last = this.#find(status);
    const [ofClass, own] = this.#last;
    ofClass.value++;
    own.value++;
  }

  /** Counts how long a host took for one, in milliseconds. */
  observe(ms: number): void {
    this.#time ??= this.#scope.histogram('upstream_rq_time');
    observe(this.#time, ms);
  }

  #find(status: number): OfStatus {
    this.#lastStatus = status;
    return [this.#scope.counter(`upstream_rq_${Math.floor(status / 100)}xx`), this.#scope.counter(`upstream_rq_${status}`)];
  }
}

/** Of a request that is not answered yet. */
export const UNANSWERED: readonly AnswerStats[] = [];

/** Counts an answer wherever it is counted. */
export function countAnswer(all: readonly AnswerStats[], status: number): void {
  for (const each of all) each.count(status);
}

/** Counts how long a host took for one, in milliseconds. */
export function countTime(all: readonly AnswerStats[], ms: number): void {
  for (const each of all) each.observe(ms);
}
