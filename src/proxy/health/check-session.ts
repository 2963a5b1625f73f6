/** The checks of one host: when they begin, how long they may take, and what their results change. */
import type { Random } from '../../core/clock.ts';
import type { ClusterHost } from '../cluster/host.ts';
import type { Timers, WheelTimer } from '../timers.ts';
import { firstCheckMs, nextCheckMs } from './check-intervals.ts';
import type { CheckSettings } from './check-settings.ts';
import type { CheckEvent, CheckResult, CheckState, CheckStep } from './check-state.ts';
import type { CheckStats } from './check-stats.ts';
import { failed, type Probe } from './probe.ts';

/** What sessions of a cluster share. */
export interface SessionScope {
  readonly settings: CheckSettings;
  readonly stats: CheckStats;
  readonly random: Random;
  readonly timers: Timers;
  /** The cluster has had a connection of somebody's. */
  readonly hasTraffic: () => boolean;
  onEvent(host: ClusterHost, event: CheckEvent): void;
  /** After every result; `step` says whether the host's health has changed. */
  onStep(host: ClusterHost, result: CheckResult, step: CheckStep): void;
}

export class CheckSession {
  readonly state: CheckState;
  readonly #host: ClusterHost;
  readonly #scope: SessionScope;
  readonly #probe: Probe;
  /** Until the next check, or until the one under way has taken too long. */
  #interval: WheelTimer | undefined = undefined;
  #timeout: WheelTimer | undefined = undefined;
  #isClosed = false;

  constructor(host: ClusterHost, state: CheckState, scope: SessionScope, createProbe: (onResult: (result: CheckResult) => void) => Probe) {
    this.#host = host;
    this.state = state;
    this.#scope = scope;
    this.#probe = createProbe((result) => this.#onResult(result));
  }

  start(): void {
    const { settings, random } = this.#scope;
    const delayMs = firstCheckMs(settings.intervals, random);
    if (delayMs === 0) this.#check();
    else this.#wait(delayMs);
  }

  /** The host has said in an answer to other traffic that it is to get no more. */
  fail(): void {
    // a response that was under way when the host left
    if (this.#isClosed) return;
    this.#take(failed('PASSIVE', { isExcluding: true }));
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimers();
    this.#probe.close();
  }

  #stopTimers(): void {
    this.#scope.timers.cancel(this.#interval);
    this.#scope.timers.cancel(this.#timeout);
    this.#interval = undefined;
    this.#timeout = undefined;
  }

  #wait(delayMs: number): void {
    this.#interval = this.#scope.timers.after(delayMs, () => this.#check());
  }

  #check(): void {
    const { settings, stats, timers } = this.#scope;
    this.#interval = undefined;
    stats.attempt.value++;
    // before the start, which may bring the result at once
    this.#timeout = timers.after(settings.timeoutMs, () => {
      this.#timeout = undefined;
      this.#probe.cancel();
      this.#onResult(failed('NETWORK_TIMEOUT'));
    });
    this.#probe.start();
  }

  #onResult(result: CheckResult): void {
    if (this.#isClosed) return;
    this.#stopTimers();
    const { transition } = this.#take(result);
    // what it came to may have ended the session
    if (this.#stillRuns()) {
      const { settings, random, hasTraffic } = this.#scope;
      this.#wait(nextCheckMs(settings.intervals, { hasPassed: result.kind === 'passed', transition, hasTraffic: hasTraffic() }, random));
    }
  }

  #stillRuns(): boolean {
    return !this.#isClosed;
  }

  #take(result: CheckResult): CheckStep {
    const { settings, stats } = this.#scope;
    const { isFailing, isDegraded } = this.state;
    const step = this.state.take(result, settings.thresholds);
    stats.count(result);
    stats.healthy.value += Number(isFailing) - Number(this.state.isFailing);
    stats.degraded.value += Number(this.state.isDegraded) - Number(isDegraded);
    for (const event of step.events) if (this.#isLogged(event)) this.#scope.onEvent(this.#host, event);
    this.#scope.onStep(this.#host, result, step);
    return step;
  }

  #isLogged(event: CheckEvent): boolean {
    const { logsFailures, logsSuccesses } = this.#scope.settings;
    if (event.kind === 'failure') return event.isFirst || logsFailures;
    return event.kind !== 'success' || logsSuccesses;
  }
}
