/** Takes one redirect of an upstream by itself. Envoy: InternalRedirectPolicy. */
import type { ResponseHead } from '../../wire/http/message.ts';
import type { Downstream } from './downstream.ts';
import { followRedirect, type InternalRedirect } from './internal-redirect.ts';

/**
 * Turns a request, whose route is named `from`, to where `head` sends it. False where the redirect is the client's to
 * follow, the request being as it was.
 */
export function stepTo(down: Downstream, from: string, policy: InternalRedirect, head: ResponseHead): boolean {
  const { request } = down;
  const taken = [...(down.routesTaken ?? []), from];
  const target = followRedirect(policy, head, request, taken.length - 1);
  if (target === undefined) return false;
  const { path, authority, scheme } = request;
  Object.assign(request, { path: target.path, authority: target.authority, scheme: target.scheme });
  down.refreshRoute();
  const { route } = down;
  const step = {
    routes: taken,
    target: route?.name ?? '',
    isFromTls: down.connection.tls !== undefined,
    isToTls: target.scheme === 'https',
  };
  if (route === undefined || !policy.allows(step)) {
    Object.assign(request, { path, authority, scheme });
    down.refreshRoute();
    return false;
  }
  down.routesTaken = taken;
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
  return true;
}
