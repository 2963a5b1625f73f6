/** Copies of requests to other clusters, whose answers nobody reads. Source: Envoy, RouteAction.RequestMirrorPolicy. */
import type { Random } from '../../core/clock.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { MirrorChoice } from './route.ts';
import { sendAside, type SideScope } from './side-request.ts';

/** Envoy marks a mirrored request in its authority: `host-shadow`, before the port. */
function shadowAuthority(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.endsWith(']')) return `${authority}-shadow`;
  return `${authority.slice(0, colon)}-shadow${authority.slice(colon)}`;
}

/** Those of a route's mirrors that get this request; undefined for none. */
export function chooseMirrors(mirrors: readonly MirrorChoice[], random: Random): readonly MirrorChoice[] | undefined {
  if (mirrors.length === 0) return undefined;
  const chosen = mirrors.filter(({ fraction }) => random() < fraction.value);
  return chosen.length === 0 ? undefined : chosen;
}

/** Sends a request whose body is known in whole to each of the mirrors' clusters. `timeoutMs`: the route's; 0 for none. */
export function sendMirrors(
  mirrors: readonly MirrorChoice[],
  request: RequestHead & { readonly headers: HeaderBlock },
  body: readonly Uint8Array[],
  timeoutMs: number,
  scope: SideScope,
): void {
  const { method, path, scheme } = request;
  for (const mirror of mirrors) {
    const name = mirror.cluster(request);
    if (name === '') continue;
    const host = mirror.host === '' ? request.authority : mirror.host;
    const authority = mirror.marksHost ? shadowAuthority(host) : host;
    const headers = request.headers.clone();
    sendAside(name, { method, path, authority, scheme, headers, body, timeoutMs, maxBodyBytes: 0 }, scope, () => {});
  }
}
