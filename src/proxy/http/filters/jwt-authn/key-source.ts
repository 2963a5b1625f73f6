/**
 * The keys of a provider: those of its configuration, or those that are fetched and kept for a time. While a fetch is
 * under way, all that need its keys wait for that one. Keys that are fetched ahead are fetched again shortly before they
 * expire, by the first request that comes then; until the answer is there, the old ones serve.
 */
import { headersOf } from '../../../../wire/http/headers.ts';
import { sendAside, type SideResult } from '../../../router/side-request.ts';
import type { Counter } from '../../../telemetry/stats.ts';
import { timersOf } from '../../../timers.ts';
import type { FilterScope } from '../../filter.ts';
import { type KeySet, parseJwks } from './jwks.ts';
import { isStatus } from './jwt.ts';
import type { RemoteSettings } from './remote-settings.ts';
import { type JwtStatus, STATUS } from './status.ts';

type Keys = KeySet | JwtStatus;

export interface KeySource {
  /** Whether the keys that were last given are still good; those that soon are not are fetched meanwhile. */
  isFresh(): boolean;
  /** Gives the keys, or why there are none; now or later. */
  get(onKeys: (keys: Keys) => void): void;
}

/** Keys that are there. */
export function localKeys(set: KeySet): KeySource {
  return { isFresh: () => true, get: (onKeys) => onKeys(set) };
}

/** Keys are fetched anew this long before they expire. Source: Envoy. */
const REFETCH_AHEAD_MS = 5000;
const MAX_JWKS_BYTES = 1024 * 1024;

export interface FetchStats {
  readonly succeeded: Counter;
  readonly failed: Counter;
}

export class RemoteKeys implements KeySource {
  readonly #settings: RemoteSettings;
  readonly #scope: FilterScope;
  readonly #stats: FetchStats;
  readonly #onChange: () => void;
  #set: KeySet | undefined = undefined;
  #text = '';
  #expiresAtMs = 0;
  /** No fetch ahead before. */
  #nextFetchMs = 0;
  #waiting: ((keys: Keys) => void)[] | undefined = undefined;

  /** `onChange`: the keys are others than before. */
  constructor(settings: RemoteSettings, scope: FilterScope, stats: FetchStats, onChange: () => void) {
    this.#settings = settings;
    this.#scope = scope;
    this.#stats = stats;
    this.#onChange = onChange;
    // once whoever builds the configuration is done with it
    if (settings.isPrefetched) setImmediate(() => this.#fetch(settings.retries));
  }

  isFresh(): boolean {
    const nowMs = this.#scope.clock.monotonicMs();
    if (this.#set === undefined || nowMs >= this.#expiresAtMs) return false;
    const isDue = this.#settings.isPrefetched && nowMs >= this.#nextFetchMs;
    if (isDue && this.#waiting === undefined) this.#fetch(this.#settings.retries);
    return true;
  }

  get(onKeys: (keys: Keys) => void): void {
    if (this.isFresh() && this.#set !== undefined) return onKeys(this.#set);
    if (this.#waiting === undefined) this.#fetch(this.#settings.retries);
    this.#waiting?.push(onKeys);
  }

  #fetch(retriesLeft: number): void {
    this.#waiting ??= [];
    const { cluster, authority, path, timeoutMs } = this.#settings;
    const headers = headersOf([['x-envoy-internal', 'true']]);
    if (timeoutMs > 0) headers.add('x-envoy-expected-rq-timeout-ms', String(Math.ceil(timeoutMs)));
    const request = {
      method: 'GET',
      path,
      authority,
      scheme: 'http',
      headers,
      body: [],
      timeoutMs,
      maxBodyBytes: MAX_JWKS_BYTES,
    };
    sendAside(cluster, request, this.#scope, (result) => this.#onResult(result, retriesLeft));
  }

  #onResult(result: SideResult, retriesLeft: number): void {
    const isFailure = result.kind === 'failure' || result.status >= 500;
    if (isFailure && retriesLeft > 0) {
      const { retries, backOffMs, backOffMaxMs } = this.#settings;
      const ceilingMs = Math.min(backOffMaxMs, backOffMs * 2 ** (retries - retriesLeft));
      timersOf(this.#scope.clock).after(this.#scope.random() * ceilingMs, () => this.#fetch(retriesLeft - 1));
      return;
    }
    if (result.kind === 'failure' || result.status !== 200) return this.#finish(STATUS.fetchFailed);
    const text = Buffer.from(result.body).toString('utf8');
    const keys = parseJwks(text);
    if (isStatus(keys)) return this.#finish(STATUS.fetchFailed);
    if (text !== this.#text) {
      this.#text = text;
      this.#set = keys;
      this.#onChange();
    }
    this.#finish(this.#set ?? keys);
  }

  #finish(keys: Keys): void {
    const { cacheMs, failedRefetchMs, uri } = this.#settings;
    const nowMs = this.#scope.clock.monotonicMs();
    if (isStatus(keys)) {
      this.#stats.failed.value++;
      this.#nextFetchMs = nowMs + failedRefetchMs;
      this.#scope.log.warn('keys of tokens could not be fetched', { uri });
    } else {
      this.#stats.succeeded.value++;
      this.#expiresAtMs = nowMs + cacheMs;
      this.#nextFetchMs = Math.max(nowMs + cacheMs / 2, this.#expiresAtMs - REFETCH_AHEAD_MS);
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const onKeys of waiting) onKeys(keys);
  }
}
