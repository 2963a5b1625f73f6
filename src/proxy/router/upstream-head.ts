/** What the router changes in the heads that pass through it. Source: Envoy, "Router", HTTP headers. */
import { fieldName } from '../../wire/http/headers.ts';
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';
import type { Host } from '../cluster/cluster.ts';
import type { Downstream } from './downstream.ts';
import { expectedTimeout } from './grpc-timeout.ts';
import type { RequestPolicy } from './request-policy.ts';
import type { RouteAction, RouteEntry } from './route.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/** Rewrites path and host, and leaves word of what they were, unless `isQuiet`. */
function rewriteTarget(request: RequestHead, rewrite: NonNullable<ClusterAction['rewrite']>, isQuiet: boolean): void {
  const { path, authority, headers } = request;
  rewrite(request);
  if (isQuiet) return;
  if (request.path !== path) headers.set('x-envoy-original-path', path);
  if (request.authority !== authority) headers.set('x-envoy-original-host', authority);
}

/** Makes the changes to a request that hold for every attempt. `isQuiet`: no x-envoy-* fields are added. */
export function prepareRequest(down: Downstream, entry: RouteEntry, rewrite: ClusterAction['rewrite'], isQuiet: boolean): void {
  const { request } = down;
  entry.headers?.applyRequest(down, request);
  down.choice?.headers?.applyRequest(down, request);
  if (rewrite !== undefined) rewriteTarget(request, rewrite, isQuiet);
}

/** `auto_host_rewrite`: the host becomes the endpoint's name, where it has one. `client` is what it was before. */
export function rewriteToEndpoint(request: RequestHead, host: Host, action: ClusterAction, client: string, isQuiet: boolean): void {
  if (!action.rewritesHostToEndpoint || host.hostname === '' || request.authority === host.hostname) return;
  const { headers } = request;
  const isFirst = request.authority === client;
  if (isFirst && action.appendsForwardedHost) {
    const former = headers.get('x-forwarded-host');
    headers.set('x-forwarded-host', former === undefined ? client : `${former},${client}`);
  }
  if (isFirst && !isQuiet) headers.set('x-envoy-original-host', client);
  request.authority = host.hostname;
}

const EXPECTED_MS = fieldName('x-envoy-expected-rq-timeout-ms');
const SERVICE_MS = fieldName('x-envoy-upstream-service-time');

/** Tells the host how long its answer is waited for, `elapsedMs` after the wait began. */
export function tellTimeout(request: RequestHead, action: ClusterAction, policy: RequestPolicy, elapsedMs: number): void {
  const { timeoutMs, perTryTimeoutMs, isGrpc, hedgesPerTry } = policy;
  const told = expectedTimeout(action.timeouts, timeoutMs, perTryTimeoutMs, elapsedMs, isGrpc, hedgesPerTry);
  if (told.expectedMs !== undefined) request.headers.setPlain(EXPECTED_MS, String(told.expectedMs));
  if (told.grpcTimeout !== undefined) request.headers.set('grpc-timeout', told.grpcTimeout);
}

/** Whether a host has changed to what the client asked for: an upgrade, or a tunnel by CONNECT. */
export function isAccepted({ method }: RequestHead, status: number): boolean {
  return status === 101 || (method === 'CONNECT' && status >= 200 && status < 300);
}

/** Adds the router's own fields to a response. `serviceMs` below 0: not known, and not told. */
export function decorateResponse(head: ResponseHead, entry: RouteEntry, serviceMs: number, attempts: number): void {
  if (serviceMs >= 0) head.headers.setPlain(SERVICE_MS, String(Math.round(serviceMs)));
  if (entry.answersAttemptCount === true) head.headers.set('x-envoy-attempt-count', String(attempts));
}
