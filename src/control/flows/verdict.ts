/** What became of a request or connection, from an entry's response flags, details and status. */
import { PLAINTEXT_REFUSED, type Verdict } from '../../model/flow.ts';
import type { ResponseFlags } from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';

type FlagField = Exclude<keyof ResponseFlags, '$typeName' | '$unknown' | 'unauthorizedDetails'>;

/** Short names as access logs have them. Source: Envoy, %RESPONSE_FLAGS%. */
const FLAGS: readonly (readonly [field: FlagField, name: string])[] = [
  ['failedLocalHealthcheck', 'LH'],
  ['noHealthyUpstream', 'UH'],
  ['upstreamRequestTimeout', 'UT'],
  ['localReset', 'LR'],
  ['upstreamRemoteReset', 'UR'],
  ['upstreamConnectionFailure', 'UF'],
  ['upstreamConnectionTermination', 'UC'],
  ['upstreamOverflow', 'UO'],
  ['noRouteFound', 'NR'],
  ['delayInjected', 'DI'],
  ['faultInjected', 'FI'],
  ['rateLimited', 'RL'],
  ['rateLimitServiceError', 'RLSE'],
  ['downstreamConnectionTermination', 'DC'],
  ['upstreamRetryLimitExceeded', 'URX'],
  ['streamIdleTimeout', 'SI'],
  ['invalidEnvoyRequestHeaders', 'IH'],
  ['downstreamProtocolError', 'DPE'],
  ['upstreamMaxStreamDurationReached', 'UMSDR'],
  ['responseFromCacheFilter', 'RFCF'],
  ['noFilterConfigFound', 'NFCF'],
  ['durationTimeout', 'DT'],
  ['upstreamProtocolError', 'UPE'],
  ['noClusterFound', 'NC'],
  ['overloadManager', 'OM'],
  ['dnsResolutionFailure', 'DF'],
  ['downstreamRemoteReset', 'DR'],
];

/** Flags of traffic that went well all the same. */
const HARMLESS: ReadonlySet<string> = new Set(['DI', 'RFCF', 'RLSE', 'LH']);
/** Flags of a policy that said no. */
const DENYING: ReadonlySet<string> = new Set(['UAEX', 'RL']);
/** Details of filters that said no; RBAC of connections writes its own where they end. */
const DENYING_DETAILS = /^(?:rbac_access_denied|jwt_authn_access_denied|ext_authz_denied|ext_authz_error|csrf_origin_mismatch)/;

/** The short names of an entry's flags. */
export function flagNames(flags: ResponseFlags | undefined): string[] {
  if (flags === undefined) return [];
  const names = FLAGS.filter(([field]) => flags[field]).map(([, name]) => name);
  return flags.unauthorizedDetails === undefined ? names : [...names, 'UAEX'];
}

/** What the verdict is decided by. */
export interface Outcome {
  readonly flags: readonly string[];
  /** Of the response's code, or of the connection's end. */
  readonly details: string;
  /** 0 where there was no answer; undefined for a connection. */
  readonly status: number | undefined;
}

/** Denied goes before failed: a policy that said no is no trouble. */
export function verdictOf({ flags, details, status }: Outcome): Verdict {
  if (DENYING_DETAILS.test(details) || details === PLAINTEXT_REFUSED || flags.some((flag) => DENYING.has(flag))) return 'denied';
  if (flags.some((flag) => !HARMLESS.has(flag))) return 'failed';
  if (status === undefined) return 'forwarded';
  const isOwnAnswer = details !== '' && details !== 'via_upstream' && details !== 'direct_response';
  return status === 0 || (isOwnAnswer && status >= 400) ? 'failed' : 'forwarded';
}
