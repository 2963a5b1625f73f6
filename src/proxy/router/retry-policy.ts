/** Retry policies, read from configuration. Source: Envoy, config.route.v3.RetryPolicy. */
import { ConfigError } from '../../core/errors.ts';
import type { ResponseHead } from '../../wire/http/message.ts';
import type { HeaderMatcher, RetryPolicy as RetryPolicyProto } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { durationMs, positiveDurationMs } from '../config/durations.ts';
import { compileHeaderMatcher } from './matchers.ts';
import type { RetryPolicy } from './route.ts';

/** Words of `retry_on`; a policy's conditions are a bit set, bit i being row i. */
export const RETRY_ON = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;

export type RetryCondition = (typeof RETRY_ON)[number];

/** The bit of a condition. */
export function retryBit(condition: RetryCondition): number {
  return 1 << RETRY_ON.indexOf(condition);
}

/** Reads a request header's list of conditions; words that are none mean nothing there. */
export function readRetryOn(list: string): number {
  let bits = 0;
  for (const word of list.split(',')) bits |= bitOfWord(word.trim());
  return bits;
}

function bitOfWord(word: string): number {
  const index = RETRY_ON.findIndex((known) => known === word);
  return index < 0 ? 0 : 1 << index;
}

/** Words of Envoy's that can only come true over protocols Tulle does not speak upstream: allowed, without effect. */
const WITHOUT_EFFECT: readonly string[] = ['http3-post-connect-failure'];

/** Reads a configuration's comma-separated list of conditions. A word that is none is a ConfigError at `path`. */
export function parseRetryOn(list: string, path: string): number {
  let bits = 0;
  for (const part of list.split(',')) {
    const word = part.trim();
    if (word === '' || WITHOUT_EFFECT.includes(word)) continue;
    const bit = bitOfWord(word);
    if (bit === 0) throw new ConfigError(path, `${word} is no condition that Tulle knows; one of ${RETRY_ON.join(', ')} is needed`);
    bits |= bit;
  }
  return bits;
}

/** Envoy's defaults of `retry_back_off`, and of its ceiling as a multiple of the base. */
const BASE_INTERVAL_MS = 25;
const MAX_INTERVALS = 10;
const PREVIOUS_HOSTS = 'envoy.retry_host_predicates.previous_hosts';

function compileResponseTest(matchers: readonly HeaderMatcher[], path: string): ((head: ResponseHead) => boolean) | undefined {
  if (matchers.length === 0) return undefined;
  const tests = matchers.map((matcher, i) => compileHeaderMatcher(matcher, `${path}[${i}]`));
  return ({ headers }) => {
    const head = { method: '', path: '', authority: '', scheme: '', protocol: 'HTTP/1.1', headers, contentLength: 0 } as const;
    return tests.some((test) => test(head));
  };
}

function readBackOff(policy: RetryPolicyProto, path: string): { readonly baseIntervalMs: number; readonly maxIntervalMs: number } {
  const baseIntervalMs = Math.max(1, positiveDurationMs(policy.retryBackOff?.baseInterval, BASE_INTERVAL_MS, `${path}.base_interval`));
  const maxIntervalMs = positiveDurationMs(policy.retryBackOff?.maxInterval, baseIntervalMs * MAX_INTERVALS, `${path}.max_interval`);
  if (maxIntervalMs < baseIntervalMs) throw new ConfigError(`${path}.max_interval`, 'is below base_interval');
  return { baseIntervalMs, maxIntervalMs };
}

/** Reads a retry policy; undefined where there is none. `path` is the policy's own. */
export function compileRetryPolicy(policy: RetryPolicyProto | undefined, path: string): RetryPolicy | undefined {
  if (policy === undefined) return undefined;
  for (const [i, { name }] of policy.retryHostPredicate.entries()) {
    if (name !== PREVIOUS_HOSTS) throw new ConfigError(`${path}.retry_host_predicate[${i}]`, `${name} is not supported by Tulle`);
  }
  const isRetriableResponse = compileResponseTest(policy.retriableHeaders, `${path}.retriable_headers`);
  const requestTests = policy.retriableRequestHeaders.map((matcher, i) =>
    compileHeaderMatcher(matcher, `${path}.retriable_request_headers[${i}]`),
  );
  return {
    maxRetries: policy.numRetries ?? 1,
    retryOn: parseRetryOn(policy.retryOn, `${path}.retry_on`),
    retriableStatusCodes: new Set(policy.retriableStatusCodes),
    perTryTimeoutMs: durationMs(policy.perTryTimeout, 0),
    perTryIdleTimeoutMs: durationMs(policy.perTryIdleTimeout, 0),
    ...readBackOff(policy, `${path}.retry_back_off`),
    ...(isRetriableResponse === undefined ? {} : { isRetriableResponse }),
    ...(requestTests.length === 0 ? {} : { isRetriableRequest: (head) => requestTests.some((test) => test(head)) }),
    hostSelectionAttempts: Number(policy.hostSelectionRetryMaxAttempts) || 1,
    avoidsPreviousHosts: policy.retryHostPredicate.length > 0,
  };
}
