/** How long a rate-limited host asks to be left alone. Envoy: RetryPolicy.RateLimitedRetryBackOff. */
import { ConfigError } from '../../core/errors.ts';
import type { ResponseHead } from '../../wire/http/message.ts';
import {
  type RetryPolicy as RetryPolicyProto,
  RetryPolicy_ResetHeaderFormat as Format,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { positiveDurationMs } from '../config/durations.ts';

export interface RateLimitedBackOff {
  /** Fields that say when to come again, in order of preference; names in lower case. */
  readonly headers: readonly { readonly name: string; readonly isTimestamp: boolean }[];
  /** Longer waits are not believed, in milliseconds. */
  readonly maxIntervalMs: number;
}

const DEFAULT_MAX_INTERVAL_MS = 300_000;

/** Reads `rate_limited_retry_back_off`; undefined where it is not set. */
export function compileRateLimited(policy: RetryPolicyProto, path: string): RateLimitedBackOff | undefined {
  const config = policy.rateLimitedRetryBackOff;
  if (config === undefined) return undefined;
  if (config.resetHeaders.length === 0) throw new ConfigError(`${path}.reset_headers`, 'is empty');
  const headers = config.resetHeaders.map(({ name, format }, i) => {
    if (name === '') throw new ConfigError(`${path}.reset_headers[${i}].name`, 'is empty');
    if (format !== Format.SECONDS && format !== Format.UNIX_TIMESTAMP)
      throw new ConfigError(`${path}.reset_headers[${i}].format`, `${format} is not known`);
    return { name: name.toLowerCase(), isTimestamp: format === Format.UNIX_TIMESTAMP };
  });
  return { headers, maxIntervalMs: positiveDurationMs(config.maxInterval, DEFAULT_MAX_INTERVAL_MS, `${path}.max_interval`) };
}

function intervalMs(text: string | undefined, isTimestamp: boolean, wallMs: number): number | undefined {
  if (text === undefined || !/^\d{1,12}$/.test(text)) return undefined;
  const seconds = Number(text) - (isTimestamp ? Math.floor(wallMs / 1000) : 0);
  return seconds > 0 ? seconds * 1000 : undefined;
}

/**
 * How long to wait before the retry of a response, or undefined where it does not say (then `backOffMs` decides): what
 * the first usable field says, and up to half of it more, so that not all come again at once. `wallMs` is the time of
 * day, `random` in [0, 1).
 */
export function rateLimitedBackOffMs(
  policy: RateLimitedBackOff | undefined,
  head: ResponseHead,
  wallMs: number,
  random: number,
): number | undefined {
  for (const { name, isTimestamp } of policy?.headers ?? []) {
    const ms = intervalMs(head.headers.get(name), isTimestamp, wallMs);
    if (ms !== undefined && ms <= (policy?.maxIntervalMs ?? 0)) return Math.floor(ms + (random * ms) / 2);
  }
  return undefined;
}
