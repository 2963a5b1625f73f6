/** What policies refuse, counted by who was refused and which policy did it: `tulle_denied_total`. */
import type { StreamInfo } from '../http/stream-info.ts';
import { flagBit } from '../http/stream-info.ts';
import type { Counter, Labels, StatsScope } from './stats.ts';

/** Details of filters that say no, with the reason's short name. Source: what the filters answer with. */
const REASONS: readonly (readonly [details: string, reason: string])[] = [
  ['rbac_access_denied', 'rbac'],
  ['jwt_authn_access_denied', 'jwt'],
  ['ext_authz_denied', 'ext_authz'],
  ['ext_authz_error', 'ext_authz'],
  ['local_rate_limited', 'rate_limit'],
  ['request_rate_limited', 'rate_limit'],
  ['csrf_origin_mismatch', 'csrf'],
];

const RATE_LIMITED = flagBit('RL');
const POLICY = /matched_policy\[(.*)\]/;

/** Why a policy of this proxy refused a request or connection; undefined where none did. */
export function denialReason({ responseCodeDetails, terminationDetails, flags, request }: StreamInfo): string | undefined {
  const details = request === undefined ? terminationDetails : responseCodeDetails;
  // what most end with
  if (details === 'via_upstream' || details === '') return (flags & RATE_LIMITED) === 0 ? undefined : 'rate_limit';
  return REASONS.find(([prefix]) => details.startsWith(prefix))?.[1];
}

/** The counter of a denial: `edge` says between whom. */
export function denialCounter(stats: StatsScope, edge: Labels, info: StreamInfo, protocol: string, reason: string): Counter {
  const details = info.request === undefined ? info.terminationDetails : info.responseCodeDetails;
  const policy = POLICY.exec(details)?.[1] ?? '';
  return stats.labelledCounter('tulle_denied_total', { ...edge, request_protocol: protocol, reason, policy });
}
