/** When names are resolved anew: fields of Cluster, DnsCluster and DnsCacheConfig that say the same. */
import type { Duration } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../../core/errors.ts';
import { Cluster_DnsLookupFamily as Family } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { durationMs, positiveDurationMs } from '../../config/durations.ts';
import type { RefreshSettings } from './name-watch.ts';
import type { AddressFamily } from './resolver.ts';

const REFRESH_MS = 5000;

const FAMILIES = new Map<Family, AddressFamily>([
  [Family.AUTO, 'auto'],
  [Family.V4_ONLY, 'v4'],
  [Family.V6_ONLY, 'v6'],
  [Family.V4_PREFERRED, 'v4-preferred'],
  [Family.ALL, 'all'],
]);

/** `dns_lookup_family`. */
export function readFamily(family: Family, path: string): AddressFamily {
  const known = FAMILIES.get(family);
  if (known === undefined) throw new ConfigError(`${path}.dns_lookup_family`, `${family} is not known`);
  return known;
}

/** The fields, which have these names wherever they stand. */
export interface RefreshFields {
  readonly dnsRefreshRate?: Duration | undefined;
  readonly dnsFailureRefreshRate?:
    | { readonly baseInterval?: Duration | undefined; readonly maxInterval?: Duration | undefined }
    | undefined;
  readonly dnsJitter?: Duration | undefined;
  readonly dnsMinRefreshRate?: Duration | undefined;
  readonly respectDnsTtl: boolean;
}

function readFailure({ dnsFailureRefreshRate: rate }: RefreshFields, path: string): RefreshSettings['failure'] {
  if (rate === undefined) return undefined;
  const at = `${path}.dns_failure_refresh_rate`;
  if (rate.baseInterval === undefined) throw new ConfigError(`${at}.base_interval`, 'is missing');
  const baseMs = positiveDurationMs(rate.baseInterval, 0, `${at}.base_interval`);
  const maxMs = positiveDurationMs(rate.maxInterval, 10 * baseMs, `${at}.max_interval`);
  if (maxMs < baseMs) throw new ConfigError(`${at}.max_interval`, `${maxMs / 1000} s is below base_interval`);
  return { baseMs, maxMs };
}

/** Reads the fields; `path` is what they stand in. */
export function readRefresh(fields: RefreshFields, family: AddressFamily, path: string): RefreshSettings {
  return {
    family,
    refreshMs: positiveDurationMs(fields.dnsRefreshRate, REFRESH_MS, `${path}.dns_refresh_rate`),
    minRefreshMs: durationMs(fields.dnsMinRefreshRate, 0),
    respectsTtl: fields.respectDnsTtl,
    jitterMs: durationMs(fields.dnsJitter, 0),
    failure: readFailure(fields, path),
  };
}
