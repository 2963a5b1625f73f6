/**
 * Failure accrual as a cluster's metadata asks for it: `filter_metadata["tulle.failure_accrual"]`, which other proxies
 * pass over. The names and defaults are Linkerd's (`balancer.linkerd.io/failure-accrual`).
 */
import { ConfigError } from '../../core/errors.ts';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';

/** The namespace of cluster metadata. */
const ACCRUAL_NAMESPACE = 'tulle.failure_accrual';

export interface AccrualSettings {
  /** Failures in a row that trip. */
  readonly maxFailures: number;
  /** How long a tripped host gets nothing: the first time, and at most; with a random share of up to `jitterRatio` more. */
  readonly minPenaltyMs: number;
  readonly maxPenaltyMs: number;
  readonly jitterRatio: number;
  /** `unified`: too small a share of successes trips, too; undefined for `consecutive`. */
  readonly successRate: { readonly threshold: number; readonly windowMs: number; readonly minRequests: number } | undefined;
}

/** Fields with their defaults, and what they must be above, or at most. */
const NUMBERS = {
  max_failures: { fallback: 7, min: 1, max: 0xffff_ffff },
  min_penalty_ms: { fallback: 1000, min: 1, max: 86_400_000 },
  max_penalty_ms: { fallback: 60_000, min: 1, max: 86_400_000 },
  jitter_ratio: { fallback: 0.5, min: 0, max: 100 },
  success_rate_threshold: { fallback: 0.8, min: 0, max: 1 },
  success_rate_window_ms: { fallback: 10_000, min: 100, max: 3_600_000 },
  success_rate_min_requests: { fallback: 5, min: 1, max: 0xffff_ffff },
} as const;

type Field = keyof typeof NUMBERS;

function isField(name: string): name is Field {
  return Object.hasOwn(NUMBERS, name);
}

function readNumber(values: object, field: Field, path: string): number {
  const { fallback, min, max } = NUMBERS[field];
  const value: unknown = Reflect.get(values, field) ?? fallback;
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw new ConfigError(`${path}.${field}`, `${JSON.stringify(value)} is not a number from ${min} to ${max}`);
  return value;
}

/** True where a cluster asks for it: outlier detection beside it is for proxies that do not know it. */
export function hasAccrual(config: Pick<Cluster, 'metadata'>): boolean {
  return config.metadata?.filterMetadata[ACCRUAL_NAMESPACE] !== undefined;
}

/** Reads it from `filter_metadata` of a cluster; undefined where it has none. `path` is the cluster's. Throws ConfigError. */
export function readAccrual(metadata: Readonly<Record<string, unknown>>, path: string): AccrualSettings | undefined {
  const values = metadata[ACCRUAL_NAMESPACE];
  if (values === undefined) return undefined;
  const at = `${path}.metadata.filter_metadata["${ACCRUAL_NAMESPACE}"]`;
  if (typeof values !== 'object' || values === null) throw new ConfigError(at, 'is not an object');
  const unknown = Object.keys(values).find((name) => name !== 'mode' && !isField(name));
  if (unknown !== undefined) throw new ConfigError(`${at}.${unknown}`, 'is not known');
  const mode: unknown = Reflect.get(values, 'mode');
  if (mode !== 'consecutive' && mode !== 'unified')
    throw new ConfigError(`${at}.mode`, `${JSON.stringify(mode)} is neither "consecutive" nor "unified"`);
  const read = (field: Field): number => readNumber(values, field, at);
  const settings: AccrualSettings = {
    maxFailures: read('max_failures'),
    minPenaltyMs: read('min_penalty_ms'),
    maxPenaltyMs: read('max_penalty_ms'),
    jitterRatio: read('jitter_ratio'),
    successRate:
      mode === 'consecutive'
        ? undefined
        : {
            threshold: read('success_rate_threshold'),
            windowMs: read('success_rate_window_ms'),
            minRequests: read('success_rate_min_requests'),
          },
  };
  if (settings.maxPenaltyMs < settings.minPenaltyMs) throw new ConfigError(`${at}.max_penalty_ms`, 'is below min_penalty_ms');
  return settings;
}
