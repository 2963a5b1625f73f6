/** A route's or virtual host's `retry_policy`, prepared. Envoy: config.route.v3.RetryPolicy. */
import { ConfigError } from '../../core/errors.ts';
import type { RetryPolicy as RetryPolicyProto } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { durationMs, positiveDurationMs } from '../config/durations.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { compileHeaderMatcher, compileResponseMatcher } from './matchers.ts';
import { parseRetryOn, RETRY_ON } from './retry-policy.ts';
import type { RetryPolicy } from './route.ts';

const DEFAULT_BASE_MS = 25;
/** The longest interval is this many times the base, where it is not set. */
const MAX_INTERVAL_FACTOR = 10;
const PREVIOUS_HOSTS = 'envoy.retry_host_predicates.previous_hosts';
/** A word of Envoy's that concerns HTTP/3 alone, which is not spoken upstream, so that nothing can fail in its way. */
const HTTP3_WORD = 'http3-post-connect-failure';

function conditions(policy: RetryPolicyProto, path: string): number {
  const { bits, unknown } = parseRetryOn(policy.retryOn);
  const wrong = unknown.find((word) => word !== HTTP3_WORD);
  if (wrong !== undefined)
    throw new ConfigError(`${path}.retry_on`, `"${wrong}" is not supported by Tulle; it knows ${RETRY_ON.join(', ')}`);
  return bits;
}

function avoidsPreviousHosts(policy: RetryPolicyProto, path: string): boolean {
  policy.retryHostPredicate.forEach((predicate, i) => {
    const at = `${path}.retry_host_predicate[${i}]`;
    if (predicate.name !== PREVIOUS_HOSTS)
      throw new ConfigError(at, `"${predicate.name}" is not supported by Tulle; it knows ${PREVIOUS_HOSTS}`);
    if (predicate.configType.case === 'typedConfig')
      decodeTyped(predicate.configType.value, PreviousHostsPredicateSchema, `${at}.typed_config`);
  });
  return policy.retryHostPredicate.length > 0;
}

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
  const retryOn = conditions(policy, path);
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
    avoidsPreviousHosts: avoidsPreviousHosts(policy, path),
  };
  const matters = prepared.maxRetries > 0 || perTryTimeoutMs > 0 || perTryIdleTimeoutMs > 0;
  return matters ? prepared : undefined;
}
