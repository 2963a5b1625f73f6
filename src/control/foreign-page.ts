/**
 * Pages of other sites, which a browser on this machine lets at what listens on loopback: by a form or a script, or by a
 * name of their own that resolves to 127.0.0.1 (DNS rebinding).
 */
import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from './listen-address.ts';

/** The Host header without its port; '' where there is none. */
function hostOf(request: IncomingMessage): string {
  const header = request.headers.host ?? '';
  return header.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

/** True where the browser says that another origin's page asks: another port of this machine is another origin. */
export function isForeign(request: IncomingMessage): boolean {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const isOthers = site === 'cross-site' || site === 'same-site';
  if (isOthers && request.headers['sec-fetch-mode'] !== 'navigate') return true;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== request.headers.host;
}

/** Why a call must not be answered that needs no credential; undefined where it may be. */
export function foreignReason(request: IncomingMessage): string | undefined {
  if (isForeign(request)) return 'a page of another site may not ask here';
  const host = hostOf(request);
  return isLoopbackHost(host) ? undefined : `this is served to loopback, not to the name "${host}"`;
}
