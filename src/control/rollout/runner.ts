/** Takes a version from step to step: looks at the proxies that have it, and lets `canary.ts` decide. */
import type { Log } from '../../core/log.ts';
import { proxyNameOf } from '../../model/node-id.ts';
import type { ConnectedProxy } from '../control-state.ts';
import type { Metrics } from '../metrics.ts';
import { beginStep, observe, type Observation, type Traffic } from './canary.ts';
import { chosen } from './choice.ts';
import type { VersionedModel } from './versioned-model.ts';

/** What a runner looks at. */
export interface RunnerOptions {
  readonly model: VersionedModel;
  readonly proxies: () => Iterable<ConnectedProxy>;
  /** Undefined where a proxy's requests cannot be counted. */
  readonly trafficOf: (nodeId: string) => Promise<Traffic | undefined>;
  readonly nowMs: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

const TICK_MS = 250;

/** Follows the version that is tried, as long as there is one. */
export class RolloutRunner {
  readonly #options: RunnerOptions;
  readonly #ended: ReturnType<Metrics['counter']>;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#ended = options.metrics.counter('tulle_rollouts_total', 'Rollouts that ended, by how.', [
      { result: 'promoted' },
      { result: 'reverted' },
    ]);
  }

  /** A version may be there to be tried. */
  wake(): void {
    if (this.#timer !== undefined || this.#options.model.candidate === undefined) return;
    this.#timer = setInterval(() => void this.#look(), TICK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.tick();
    } catch (error) {
      this.#options.log.error('a rollout cannot be looked at', { error: error instanceof Error ? error.stack : String(error) });
    } finally {
      this.#isLooking = false;
    }
  }

  /** Looks once, and does what follows. */
  async tick(): Promise<void> {
    const { model, nowMs } = this.#options;
    const { candidate } = model;
    if (candidate === undefined) {
      this.close();
      return;
    }
    if (candidate.canary === undefined) {
      await this.#begin(candidate.number, 0);
      return;
    }
    const now = await this.#observations((proxy) => model.isTrying(proxy));
    if (model.candidate?.number !== candidate.number || model.candidate.canary === undefined) return;
    const { canary, decision } = observe(model.candidate.canary, now, nowMs());
    model.setCanary(canary, new Set());
    if (decision.kind === 'advance') await this.#begin(candidate.number, canary.step + 1);
    if (decision.kind === 'promote') this.#promote(candidate.number);
    if (decision.kind === 'revert') this.#revert(candidate.number, decision.reason);
  }

  async #begin(number: number, step: number): Promise<void> {
    const { model, proxies, nowMs, log } = this.#options;
    const { policy } = model.candidate ?? {};
    if (policy === undefined) return;
    const ids = chosen(
      policy.steps.slice(0, step + 1),
      [...proxies()].map(({ proxy }) => proxy),
    );
    // counted before anybody gets anything
    const before = await this.#observations(({ id }) => ids.has(id) || model.isTrying({ id, labels: {} }));
    if (model.candidate?.number !== number) return;
    log.info('a rollout goes on', { version: number, step: step + 1, steps: policy.steps.length, proxies: ids.size });
    model.setCanary(beginStep(policy, step, before, nowMs()), ids);
  }

  #promote(number: number): void {
    this.#options.log.info('a rollout is done: everybody gets the version', { version: number });
    this.#ended.add({ result: 'promoted' });
    this.#options.model.promote();
  }

  #revert(number: number, reason: string): void {
    this.#options.log.error('a rollout is reverted: nobody gets the version any more', { version: number, reason });
    this.#ended.add({ result: 'reverted' });
    this.#options.model.revert('failed', reason, '');
  }

  #observations(isWanted: (proxy: ConnectedProxy['proxy']) => boolean): Promise<Observation[]> {
    const wanted = [...this.#options.proxies()].filter(({ proxy }) => isWanted(proxy));
    return Promise.all(wanted.map((connection) => this.#observe(connection)));
  }

  async #observe(connection: ConnectedProxy): Promise<Observation> {
    const { id } = connection.proxy;
    const traffic = await this.#options.trafficOf(id);
    const status = connection.status();
    const rejection = status.findLast((each) => each.rejection !== undefined)?.rejection;
    return {
      id,
      name: proxyNameOf(id),
      connectedAtMs: connection.connectedAtMs,
      isSettled: status.every(({ isOutstanding }) => !isOutstanding),
      rejections: status.reduce((total, each) => total + each.rejectionsTotal, 0),
      rejection: rejection?.message ?? '',
      traffic,
    };
  }
}
