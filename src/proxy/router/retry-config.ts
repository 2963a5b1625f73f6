/** A route's or virtual host's `retry_policy`, prepared. Envoy: config.route.v3.RetryPolicy. */
import { ConfigError } from '../../core/errors.ts';
import type {
  HedgePolicy as HedgePolicyProto,
  RetryPolicy as RetryPolicyProto,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { durationMs, positiveDurationMs } from '../config/durations.ts';
import { compileHeaderMatcher, compileResponseMatcher } from './matchers.ts';
import { compileRateLimited } from './rate-limited-back-off.ts';
import { compileHostPredicates, compileRetryPriority } from './retry-hosts.ts';
import { parseRetryOn } from './retry-policy.ts';
import type { HedgePolicy, RetryPolicy } from './route.ts';

const DEFAULT_BASE_MS = 25;
/** The longest interval is this many times the base, where it is not set. */
const MAX_INTERVAL_FACTOR = 10;
function intervals(policy: RetryPolicyProto, path: string): Pick<RetryPolicy, 'baseIntervalMs' | 'maxIntervalMs'> {
  const backOff = policy.retryBackOff;
  const baseIntervalMs = positiveDurationMs(backOff?.baseInterval, DEFAULT_BASE_MS, `${path}.base_interval`);
  const maxIntervalMs = positiveDurationMs(backOff?.maxInterval, baseIntervalMs * MAX_INTERVAL_FACTOR, `${path}.max_interval`);
  if (maxIntervalMs < baseIntervalMs) throw new ConfigError(`${path}.max_interval`, 'is below base_interval');
  return { baseIntervalMs, maxIntervalMs };
}

/** Tests by fields of responses and requests, where there are any. */
function fieldTests(policy: RetryPolicyProto, path: string): Pick<RetryPolicy, 'isRetriableResponse' | 'isRetriableRequest'> {
  const responses = policy.retriableHeaders.map((matcher, i) => compileResponseMatcher(matcher, `${path}.retriable_headers[${i}]`));
  const requests = policy.retriableRequestHeaders.map((matcher, i) =>
    compileHeaderMatcher(matcher, `${path}.retriable_request_headers[${i}]`),
  );
  return {
    ...(responses.length === 0 ? {} : { isRetriableResponse: (head) => responses.some((test) => test(head)) }),
    ...(requests.length === 0 ? {} : { isRetriableRequest: (head) => requests.some((test) => test(head)) }),
  };
}

/** Prepares a retry policy; undefined where it neither retries nor bounds an attempt. `path` is the policy's own. */
export function compileRetryPolicy(policy: RetryPolicyProto | undefined, path: string): RetryPolicy | undefined {
  if (policy === undefined) return undefined;
  // Envoy passes over words that it does not know: a newer control plane is not to be kept out by one
  const retryOn = parseRetryOn(policy.retryOn).bits;
  const rateLimited = compileRateLimited(policy, `${path}.rate_limited_retry_back_off`);
  const perTryTimeoutMs = durationMs(policy.perTryTimeout, 0);
  const perTryIdleTimeoutMs = durationMs(policy.perTryIdleTimeout, 0);
  const prepared: RetryPolicy = {
    maxRetries: retryOn === 0 ? 0 : (policy.numRetries ?? 1),
    retryOn,
    retriableStatusCodes: new Set(policy.retriableStatusCodes),
    perTryTimeoutMs,
    perTryIdleTimeoutMs,
    ...fieldTests(policy, path),
    ...intervals(policy, `${path}.retry_back_off`),
    hostSelectionAttempts: Math.max(1, Number(policy.hostSelectionRetryMaxAttempts)),
    ...compileHostPredicates(policy, path),
    ...compileRetryPriority(policy, path),
    ...(rateLimited === undefined ? {} : { rateLimited }),
    ...(policy.refreshClusterOnRetry ? { refreshesCluster: true } : {}),
  };
  const matters = prepared.maxRetries > 0 || perTryTimeoutMs > 0 || perTryIdleTimeoutMs > 0;
  return matters ? prepared : undefined;
}

/**
 * Prepares a hedge policy; undefined where it hedges nothing. As in Envoy, only `hedge_on_per_try_timeout` has an effect:
 * more than one request from the start is refused.
 */
export function compileHedge(policy: HedgePolicyProto | undefined, path: string): HedgePolicy | undefined {
  if (policy === undefined) return undefined;
  if ((policy.initialRequests ?? 1) !== 1) throw new ConfigError(`${path}.initial_requests`, 'only 1 is supported by Tulle');
  if ((policy.additionalRequestChance?.numerator ?? 0) !== 0)
    throw new ConfigError(`${path}.additional_request_chance`, 'only 0 is supported by Tulle');
  return policy.hedgeOnPerTryTimeout ? { onPerTryTimeout: true } : undefined;
}
