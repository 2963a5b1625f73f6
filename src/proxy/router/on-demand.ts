/**
 * Requests that wait for their route: for a virtual host or a scope's table that is asked for when it is needed. Envoy:
 * `envoy.filters.http.on_demand` with VHDS and SRDS.
 */
import { CONTINUE, type HttpFilterHandlers, type HttpStream, STOP } from '../http/filter.ts';
import type { RouteSource } from './route.ts';

/** How long a request waits for its route; it goes on without one then (404). */
const ROUTE_WAIT_MS = 5000;

/** The on-demand filter over a connection manager's routes, in its place in the chain. */
export function createOnDemand(routes: RouteSource): HttpFilterHandlers {
  const waiting = new WeakSet<HttpStream>();
  const resume = (stream: HttpStream): void => {
    if (!waiting.delete(stream)) return;
    stream.refreshRoute();
    stream.resumeRequest();
  };
  return {
    onRequestHeaders(stream) {
      if (stream.route !== undefined || routes.request === undefined) return CONTINUE;
      let isNow = true;
      let isThere = false;
      const isAsked = routes.request(stream.request, () => {
        if (isNow) isThere = true;
        else resume(stream);
      });
      isNow = false;
      if (!isAsked) return CONTINUE;
      if (isThere) {
        stream.refreshRoute();
        return CONTINUE;
      }
      waiting.add(stream);
      stream.after(ROUTE_WAIT_MS, () => resume(stream));
      return STOP;
    },
    onComplete(stream) {
      waiting.delete(stream);
    },
  };
}
