/**
 * What a request asks for by x-envoy-* fields, over what its route says. Source: Envoy, "Router", HTTP headers
 * consumed. The connection manager has taken these fields out of requests from outside.
 */
import type { RequestHead } from '../../wire/http/message.ts';
import { responseTimeoutMs } from './grpc-timeout.ts';
import { isGrpcRequest } from './grpc-request.ts';
import { parseRetryOn } from './retry-policy.ts';
import type { RetryPolicy, RouteAction } from './route.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/** What holds for one request. */
export interface RequestPolicy {
  /** 0: none. */
  readonly timeoutMs: number;
  readonly perTryTimeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  /** An attempt that reaches its own timeout goes on beside the next one. */
  readonly hedgesPerTry: boolean;
  /** Looked at only where the route's timeouts depend on it. */
  readonly isGrpc: boolean;
  /** How long an attempt may take with its response, 0 without bound; absent: as its cluster says. */
  readonly streamMs?: number;
  /** A timeout is answered by 204, which a caller can tell from an answer of the upstream. */
  readonly hasEmptyTimeout?: boolean;
}

/** Fields by which a caller steers the router, where they end. */
export const STEERING_FIELDS: readonly string[] = [
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-stream-duration-ms',
  'x-envoy-hedge-on-per-try-timeout',
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
  avoidsPreviousHosts: 'unless hashed',
};

/** Responses with one of these fields, beside those of the policy. */
function withFields(list: string, { isRetriableResponse }: RetryPolicy): NonNullable<RetryPolicy['isRetriableResponse']> {
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  return (head) => names.some((name) => head.headers.has(name)) || isRetriableResponse?.(head) === true;
}

function readRetry(request: RequestHead, policy: RetryPolicy | undefined): RetryPolicy | undefined {
  const { headers } = request;
  const words = [headers.get('x-envoy-retry-on'), headers.get('x-envoy-retry-grpc-on')].filter((word) => word !== undefined);
  const maxRetries = readNumber(headers.get('x-envoy-max-retries'));
  const codes = headers.get('x-envoy-retriable-status-codes');
  const names = headers.get('x-envoy-retriable-header-names');
  if (words.length === 0 && maxRetries === undefined && codes === undefined && names === undefined) return policy;
  const base = policy ?? PLAIN_RETRY;
  const asked = (codes ?? '').split(',').map((code) => readNumber(code.trim()) ?? 0);
  return {
    ...base,
    retryOn: base.retryOn | parseRetryOn(words.join(',')).bits,
    maxRetries: maxRetries ?? base.maxRetries,
    retriableStatusCodes: codes === undefined ? base.retriableStatusCodes : new Set([...base.retriableStatusCodes, ...asked]),
    ...(names !== undefined && { isRetriableResponse: withFields(names, base) }),
  };
}

function ofRoute(request: RequestHead, action: ClusterAction): RequestPolicy {
  const { timeouts, timeoutMs, retry, hedge } = action;
  const isGrpc = timeouts.oldGrpcMaxMs !== undefined && isGrpcRequest(request);
  return {
    timeoutMs: isGrpc ? responseTimeoutMs(timeouts, timeoutMs, request, isGrpc) : timeoutMs,
    perTryTimeoutMs: retry?.perTryTimeoutMs ?? 0,
    retry,
    hedgesPerTry: hedge?.onPerTryTimeout ?? false,
    isGrpc,
  };
}

/** What a request from inside the mesh asks for; its fields are taken away. */
function asAsked(request: RequestHead, policy: RequestPolicy): RequestPolicy {
  const { headers } = request;
  const hedges = headers.get('x-envoy-hedge-on-per-try-timeout');
  const streamMs = readNumber(headers.get('x-envoy-upstream-stream-duration-ms'));
  const asked: RequestPolicy = {
    ...policy,
    ...(streamMs !== undefined && { streamMs }),
    hasEmptyTimeout: headers.has('x-envoy-upstream-rq-timeout-alt-response'),
    timeoutMs: readNumber(headers.get('x-envoy-upstream-rq-timeout-ms')) ?? policy.timeoutMs,
    perTryTimeoutMs: readNumber(headers.get('x-envoy-upstream-rq-per-try-timeout-ms')) ?? policy.perTryTimeoutMs,
    retry: readRetry(request, policy.retry),
    hedgesPerTry: hedges === undefined ? policy.hedgesPerTry : hedges === 'true',
  };
  for (const name of STEERING_FIELDS) headers.remove(name);
  return asked;
}

/** The policy of the route that a request has taken, and over it what the request says, where it may (`isInternal`). */
export function readRequestPolicy(request: RequestHead, action: ClusterAction, isInternal: boolean): RequestPolicy {
  const route = ofRoute(request, action);
  const policy = isInternal ? asAsked(request, route) : route;
  const { timeoutMs, perTryTimeoutMs, retry } = policy;
  // A try that may take longer than the whole is no limit.
  const isBounded = timeoutMs === 0 || perTryTimeoutMs < timeoutMs;
  const isRetriable = retry?.isRetriableRequest?.(request) !== false;
  if (isBounded && isRetriable) return policy;
  return { ...policy, perTryTimeoutMs: isBounded ? perTryTimeoutMs : 0, retry: isRetriable ? retry : undefined };
}
