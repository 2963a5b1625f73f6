/**
 * Cookies that the proxy makes for consistent hashing: a request without one gets one with its response, so that the
 * client comes back to the same host. Envoy: RouteAction.HashPolicy.Cookie with `ttl`.
 */
import { formatAddress } from '../../net/address.ts';
import type { Route, RouteAction_HashPolicy_Cookie as CookiePolicy } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { durationMs } from '../config/durations.ts';
import { xxHash64 } from '../cluster/lb/hash64.ts';
import type { HttpStream } from '../http/filter.ts';
import { cookieValue } from './cookies.ts';
import { chainMutations } from './header-mutations.ts';
import type { HeaderMutations } from './route.ts';

/** `set-cookie` fields that wait for the response of their request; only those of policies with a ttl ever stand here. */
const waiting = new WeakMap<HttpStream, Map<string, { readonly value: string; readonly field: string }>>();

/** As Envoy, of the addresses of both ends: the same client gets the same value until it has the cookie. */
function newValue({ connection }: HttpStream): string {
  const text = `${formatAddress(connection.remote)}${formatAddress(connection.local)}`;
  const { high, low } = xxHash64(text);
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');
}

function fieldOf(policy: CookiePolicy, value: string): string {
  const seconds = Math.floor(durationMs(policy.ttl, 0) / 1000);
  const age = seconds > 0 ? `; Max-Age=${seconds}` : '';
  const path = policy.path === '' ? '' : `; Path=${policy.path}`;
  const attributes = policy.attributes.map(({ name, value: own }) => (own === '' ? `; ${name}` : `; ${name}=${own}`)).join('');
  return `${policy.name}="${value}"${age}${path}${attributes}; HttpOnly`;
}

/** The cookie's value; with a ttl (0: for the client's session), one is made where the request has none. */
export function hashCookie(policy: CookiePolicy): (stream: HttpStream) => string | undefined {
  return (stream) => {
    const value = cookieValue(stream.request, policy.name);
    // an empty one counts as none
    if (value !== undefined && value !== '') return value;
    if (policy.ttl === undefined) return undefined;
    let fields = waiting.get(stream);
    if (fields === undefined) waiting.set(stream, (fields = new Map()));
    let made = fields.get(policy.name);
    if (made === undefined) {
      const own = newValue(stream);
      fields.set(policy.name, (made = { value: own, field: fieldOf(policy, own) }));
    }
    return made.value;
  };
}

const SET_COOKIES: HeaderMutations = {
  applyRequest() {},
  applyResponse(stream, head) {
    // a reply of our own binds a client to no host
    if (stream.info.firstUpstreamByteMs === 0) return;
    for (const { field } of waiting.get(stream)?.values() ?? []) head.headers.add('set-cookie', field);
  },
};

/** A route's own changes, and the cookies that its hash policies make. */
export function setCookieMutations(route: Route, own: HeaderMutations | undefined): HeaderMutations | undefined {
  const policies = route.action.case === 'route' ? route.action.value.hashPolicy : [];
  const makesCookies = policies.some(({ policySpecifier: { case: kind, value } }) => kind === 'cookie' && value.ttl !== undefined);
  return makesCookies ? chainMutations([SET_COOKIES, own]) : own;
}
