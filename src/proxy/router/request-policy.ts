/**
 * What a request asks for by x-envoy-* fields, over what its route says. Source: Envoy, "Router", HTTP headers
 * consumed. The connection manager has taken these fields out of requests from outside.
 */
import type { RequestHead } from '../../wire/http/message.ts';
import { parseRetryOn } from './retry-policy.ts';
import type { RetryPolicy } from './route.ts';

export interface RequestPolicy {
  readonly timeoutMs: number;
  readonly perTryTimeoutMs: number;
  readonly retry: RetryPolicy | undefined;
}

/** Fields that end at the router. */
const CONSUMED: readonly string[] = [
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
];

function readNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

const PLAIN_RETRY: RetryPolicy = {
  maxRetries: 1,
  retryOn: 0,
  retriableStatusCodes: new Set(),
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  baseIntervalMs: 25,
  maxIntervalMs: 250,
  hostSelectionAttempts: 1,
  avoidsPreviousHosts: false,
};

function readRetry(request: RequestHead, policy: RetryPolicy | undefined): RetryPolicy | undefined {
  const { headers } = request;
  const words = [headers.get('x-envoy-retry-on'), headers.get('x-envoy-retry-grpc-on')].filter((word) => word !== undefined);
  const maxRetries = readNumber(headers.get('x-envoy-max-retries'));
  const codes = headers.get('x-envoy-retriable-status-codes');
  if (words.length === 0 && maxRetries === undefined && codes === undefined) return policy;
  const base = policy ?? PLAIN_RETRY;
  const asked = (codes ?? '').split(',').map((code) => readNumber(code.trim()) ?? 0);
  return {
    ...base,
    retryOn: base.retryOn | parseRetryOn(words.join(',')).bits,
    maxRetries: maxRetries ?? base.maxRetries,
    retriableStatusCodes: codes === undefined ? base.retriableStatusCodes : new Set([...base.retriableStatusCodes, ...asked]),
  };
}

/** Reads the fields of a request from inside the mesh, and takes them away. */
export function readRequestPolicy(request: RequestHead, routeTimeoutMs: number, policy: RetryPolicy | undefined): RequestPolicy {
  const { headers } = request;
  const timeoutMs = readNumber(headers.get('x-envoy-upstream-rq-timeout-ms')) ?? routeTimeoutMs;
  const perTry = readNumber(headers.get('x-envoy-upstream-rq-per-try-timeout-ms')) ?? policy?.perTryTimeoutMs ?? 0;
  const retry = readRetry(request, policy);
  for (const name of CONSUMED) headers.remove(name);
  // A try that may take longer than the whole is no limit.
  return { timeoutMs, perTryTimeoutMs: timeoutMs > 0 && perTry >= timeoutMs ? 0 : perTry, retry };
}
