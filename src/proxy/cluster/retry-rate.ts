/**
 * A budget of retries by their rate: each request earns a share of a retry, each retry costs one, and what is saved is
 * bounded, so that a healthy hour does not pay for a storm. Unlike Envoy's budget, which is a share of the requests under
 * way, it bounds the load that retries make whatever the latencies are. Asked for by cluster metadata
 * `tulle.retry_budget`, which other proxies pass over.
 */
import { ConfigError } from '../../core/errors.ts';

const NAMESPACE = 'tulle.retry_budget';

export interface RetryRateSettings {
  /** Retries for each request, in the long run. */
  readonly ratio: number;
  /** Retries that are allowed whatever the requests are. */
  readonly minPerSecond: number;
  /** Retries that can be saved. */
  readonly burst: number;
}

const FIELDS = {
  ratio: { fallback: 0.15, max: 1000 },
  min_per_second: { fallback: 3, max: 1e9 },
  burst: { fallback: 30, max: 1e9 },
} as const;

type Field = keyof typeof FIELDS;

function isField(name: string): name is Field {
  return Object.hasOwn(FIELDS, name);
}

/** Whether `filter_metadata` of a route says that its own retry policy is all that bounds its retries. */
export function isUnbudgeted(metadata: Readonly<Record<string, unknown>> | undefined): boolean {
  const values = metadata?.[NAMESPACE];
  return typeof values === 'object' && values !== null && Reflect.get(values, 'exempt') === true;
}

/** Reads it from `filter_metadata` of a cluster; undefined where it has none. `path` is the cluster's. Throws ConfigError. */
export function readRetryRate(metadata: Readonly<Record<string, unknown>>, path: string): RetryRateSettings | undefined {
  const values = metadata[NAMESPACE];
  if (values === undefined) return undefined;
  const at = `${path}.metadata.filter_metadata["${NAMESPACE}"]`;
  if (typeof values !== 'object' || values === null) throw new ConfigError(at, 'is not an object');
  const unknown = Object.keys(values).find((name) => !isField(name));
  if (unknown !== undefined) throw new ConfigError(`${at}.${unknown}`, 'is not known');
  const read = (field: Field): number => {
    const { fallback, max } = FIELDS[field];
    const value: unknown = Reflect.get(values, field) ?? fallback;
    if (typeof value !== 'number' || !(value >= 0 && value <= max))
      throw new ConfigError(`${at}.${field}`, `${JSON.stringify(value)} is not a number from 0 to ${max}`);
    return value;
  };
  return { ratio: read('ratio'), minPerSecond: read('min_per_second'), burst: read('burst') };
}

export class RetryRate {
  readonly #settings: RetryRateSettings;
  #saved: number;
  /** `Clock.monotonicMs` of the last time that the minimum was paid out; undefined before. */
  #paidMs: number | undefined = undefined;

  constructor(settings: RetryRateSettings) {
    this.#settings = settings;
    this.#saved = settings.burst;
  }

  /** A request begins that may be retried. */
  earn(): void {
    this.#saved = Math.min(this.#settings.burst, this.#saved + this.#settings.ratio);
  }

  /** Takes one retry; false: there is none left. */
  spend(nowMs: number): boolean {
    const { minPerSecond, burst } = this.#settings;
    if (this.#paidMs !== undefined)
      this.#saved = Math.min(Math.max(burst, 1), this.#saved + ((nowMs - this.#paidMs) * minPerSecond) / 1000);
    this.#paidMs = nowMs;
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
