/** Whether and when a request is tried again. Source: Envoy, "Router", x-envoy-retry-on and x-envoy-retry-grpc-on. */
import { fieldName } from '../../wire/http/headers.ts';
import type { ResponseHead } from '../../wire/http/message.ts';
import { retryBit } from './retry-policy.ts';
import type { RetryPolicy } from './route.ts';

const FIVE_XX = retryBit('5xx');
const GATEWAY_ERROR = retryBit('gateway-error');
const RESET = retryBit('reset');
const RESET_BEFORE_REQUEST = retryBit('reset-before-request');
const CONNECT_FAILURE = retryBit('connect-failure');
const RETRIABLE_4XX = retryBit('retriable-4xx');
const REFUSED_STREAM = retryBit('refused-stream');
const STATUS_CODES = retryBit('retriable-status-codes');
const RETRIABLE_HEADERS = retryBit('retriable-headers');
const RATELIMITED = retryBit('envoy-ratelimited');

/** gRPC statuses that have a word, by their number. */
const GRPC_BITS: Readonly<Record<string, number>> = {
  '1': retryBit('cancelled'),
  '4': retryBit('deadline-exceeded'),
  '8': retryBit('resource-exhausted'),
  '13': retryBit('internal'),
  '14': retryBit('unavailable'),
};
const ANY_GRPC = Object.values(GRPC_BITS).reduce((all, bit) => all | bit, 0);

const RATE_LIMITED = fieldName('x-envoy-ratelimited');
const GRPC_STATUS = fieldName('grpc-status');

function isRetriableStatus(policy: RetryPolicy, status: number): boolean {
  const { retryOn } = policy;
  if (status >= 500 && status <= 599 && (retryOn & FIVE_XX) !== 0) return true;
  if (status >= 502 && status <= 504 && (retryOn & GATEWAY_ERROR) !== 0) return true;
  if (status === 409 && (retryOn & RETRIABLE_4XX) !== 0) return true;
  return (retryOn & STATUS_CODES) !== 0 && policy.retriableStatusCodes.has(status);
}

/** Whether a response with this head is to be thrown away and asked for again. */
export function isRetriableResponse(policy: RetryPolicy, head: ResponseHead): boolean {
  // A rate-limited answer is retried only where the policy says so in as many words.
  if (head.headers.has(RATE_LIMITED)) return (policy.retryOn & RATELIMITED) !== 0;
  if (isRetriableStatus(policy, head.status)) return true;
  if ((policy.retryOn & RETRIABLE_HEADERS) !== 0 && policy.isRetriableResponse?.(head) === true) return true;
  if ((policy.retryOn & ANY_GRPC) === 0) return false;
  return (policy.retryOn & (GRPC_BITS[head.headers.get(GRPC_STATUS) ?? ''] ?? 0)) !== 0;
}

/** How an attempt died without a complete response head. */
export type ResetReason =
  | 'connection failure'
  | 'connection timeout'
  | 'connection termination'
  | 'remote reset'
  | 'refused stream'
  | 'protocol error'
  | 'overflow'
  | 'per-try timeout';

/** Whether a request whose attempt died so is tried again. `wasSent`: any byte of it had been written. */
export function isRetriableReset(policy: RetryPolicy, reason: ResetReason, wasSent: boolean): boolean {
  const { retryOn } = policy;
  if (reason === 'overflow') return false;
  if ((retryOn & RESET) !== 0) return true;
  if (!wasSent && (retryOn & RESET_BEFORE_REQUEST) !== 0) return true;
  if ((retryOn & (FIVE_XX | GATEWAY_ERROR)) !== 0) return true;
  if (reason === 'connection failure' || reason === 'connection timeout') return (retryOn & CONNECT_FAILURE) !== 0;
  return reason === 'refused stream' && (retryOn & REFUSED_STREAM) !== 0;
}

/**
 * How long to wait before retry `attempt` (from 1): uniform in [0, (2^attempt - 1) * base), at most `maxIntervalMs`.
 * `random` is in [0, 1).
 */
export function backOffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const ceiling = Math.min(policy.maxIntervalMs, (2 ** Math.min(attempt, 30) - 1) * policy.baseIntervalMs);
  return Math.floor(random * ceiling);
}
