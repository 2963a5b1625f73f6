/** What the router changes in the heads that pass through it. Source: Envoy, "Router", HTTP headers. */
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';
import type { Downstream } from './downstream.ts';
import type { RouteAction, RouteEntry } from './route.ts';

type Rewrite = Extract<RouteAction, { kind: 'cluster' }>['rewrite'];

/** Rewrites path and host, and leaves word of what they were, unless `isQuiet`. */
function rewriteTarget(request: RequestHead, rewrite: NonNullable<Rewrite>, isQuiet: boolean): void {
  const { path, authority, headers } = request;
  rewrite(request);
  if (isQuiet) return;
  if (request.path !== path) headers.set('x-envoy-original-path', path);
  if (request.authority !== authority) headers.set('x-envoy-original-host', authority);
}

/** Makes the changes to a request that hold for every attempt. `isQuiet`: no x-envoy-* fields are added. */
export function prepareRequest(down: Downstream, entry: RouteEntry, rewrite: Rewrite, isQuiet: boolean): void {
  const { request } = down;
  entry.headers?.applyRequest(down, request);
  down.choice?.headers?.applyRequest(down, request);
  if (rewrite !== undefined) rewriteTarget(request, rewrite, isQuiet);
}

/** Tells the host how long its answer is waited for: the shorter of the two, either 0 for no bound. */
export function setExpectedTimeout(request: RequestHead, perTryTimeoutMs: number, timeoutMs: number, elapsedMs: number): void {
  const leftMs = timeoutMs > 0 ? timeoutMs - elapsedMs : Infinity;
  const expectedMs = Math.max(0, Math.min(perTryTimeoutMs > 0 ? perTryTimeoutMs : Infinity, leftMs));
  if (expectedMs < Infinity) request.headers.set('x-envoy-expected-rq-timeout-ms', String(Math.round(expectedMs)));
}

/** Adds the router's own fields to a response. `serviceMs` below 0: not known, and not told. */
export function decorateResponse(head: ResponseHead, entry: RouteEntry, serviceMs: number, attempts: number): void {
  if (serviceMs >= 0) head.headers.set('x-envoy-upstream-service-time', String(Math.round(serviceMs)));
  if (entry.answersAttemptCount === true) head.headers.set('x-envoy-attempt-count', String(attempts));
}
