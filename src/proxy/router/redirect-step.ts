/** Takes one redirect of an upstream by itself. Envoy: InternalRedirectPolicy; filters do not see the request again. */
import type { ResponseHead } from '../../wire/http/message.ts';
import type { Downstream } from './downstream.ts';
import { followRedirect, type InternalRedirect } from './internal-redirect.ts';
import type { RouteEntry } from './route.ts';

/**
 * Turns a request to where `head` sends it, and gives the route that it has then; undefined where the redirect is the
 * client's to follow, the request being as it was. `taken` are the names of the routes so far.
 */
export function stepTo(down: Downstream, policy: InternalRedirect, head: ResponseHead, taken: readonly string[]): RouteEntry | undefined {
  const { request } = down;
  const target = followRedirect(policy, head, request, taken.length - 1);
  if (target === undefined) return undefined;
  const { path, authority, scheme, method, contentLength } = request;
  Object.assign(request, { path: target.path, authority: target.authority, scheme: target.scheme });
  down.refreshRoute();
  const { route } = down;
  const step = {
    routes: taken,
    target: route?.name ?? '',
    isFromTls: down.connection.tls !== undefined,
    isToTls: target.scheme === 'https',
  };
  if (route?.action.kind !== 'cluster' || !policy.allows(step)) {
    Object.assign(request, { path, authority, scheme, method, contentLength });
    down.refreshRoute();
    return undefined;
  }
  const { headers } = request;
  headers.set('x-envoy-original-url', target.originalUrl);
  for (const name of policy.headersToCopy) {
    headers.remove(name);
    for (const value of head.headers.getAll(name)) headers.add(name, value);
  }
  if (target.becomesGet) {
    Object.assign(request, { method: 'GET', contentLength: 0 });
    headers.remove('content-length');
    headers.remove('content-type');
  }
  return route;
}
