/**
 * Virtual clusters: requests of a virtual host that are counted together by what their heads say, whatever their routes.
 * They decide nothing. Envoy: VirtualCluster, "HTTP routing: virtual clusters".
 */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { VirtualCluster as VirtualClusterProto } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { compileHeaderMatcher, type HeadTest } from './matchers.ts';
import { type CountedAs, type RequestStats, requestStats, UNCOUNTED } from './request-stats.ts';
import type { RouteEntry } from './route.ts';

interface VirtualCluster {
  readonly counted: CountedAs;
  readonly tests: readonly HeadTest[];
}

/** The virtual clusters of a virtual host, in their order. */
export interface VirtualClusters {
  readonly named: readonly VirtualCluster[];
  /** Of requests that none of them takes. */
  readonly other: CountedAs;
}

function compileOne({ name, headers }: VirtualClusterProto, virtualHostName: string, path: string): VirtualCluster {
  if (name === '') throw new ConfigError(`${path}.name`, 'is empty');
  if (headers.length === 0) throw new ConfigError(`${path}.headers`, 'is empty');
  return {
    counted: { virtualHostName, kind: 'vcluster', name },
    tests: headers.map((header, i) => compileHeaderMatcher(header, `${path}.headers[${i}]`)),
  };
}

/** Prepares a virtual host's; undefined where it has none. `path` is the list's. Throws ConfigError naming the field. */
export function compileVirtualClusters(
  all: readonly VirtualClusterProto[],
  virtualHostName: string,
  path: string,
): VirtualClusters | undefined {
  if (all.length === 0) return undefined;
  return {
    named: all.map((each, i) => compileOne(each, virtualHostName, `${path}[${i}]`)),
    other: { virtualHostName, kind: 'vcluster', name: 'other' },
  };
}

/** Every name under which a virtual host's requests are counted. */
export function countedIn(clusters: VirtualClusters | undefined, entries: readonly RouteEntry[]): readonly CountedAs[] {
  const ofRoutes = entries.flatMap(({ counted }) => counted ?? []);
  return clusters === undefined ? ofRoutes : [...clusters.named.map(({ counted }) => counted), clusters.other, ...ofRoutes];
}

/** The first virtual cluster that takes a request; undefined where it is one of the others. */
function virtualClusterOf({ named }: VirtualClusters, head: RequestHead): CountedAs | undefined {
  return named.find(({ tests }) => tests.every((test) => test(head)))?.counted;
}

/**
 * Where a request is counted besides its cluster, as its head is before the router changes it. `info` is told the name of
 * its virtual cluster; the others have none, as with Envoy. `root` is the proxy's scope.
 */
export function statsOfRequest(
  root: StatsScope,
  { counted, virtualClusters }: RouteEntry,
  head: RequestHead,
  info: Pick<StreamInfo, 'virtualClusterName'>,
): readonly RequestStats[] {
  if (virtualClusters === undefined) return counted === undefined ? UNCOUNTED : [requestStats(root, counted)];
  const found = virtualClusterOf(virtualClusters, head);
  info.virtualClusterName = found?.name;
  const ofCluster = requestStats(root, found ?? virtualClusters.other);
  return counted === undefined ? [ofCluster] : [ofCluster, requestStats(root, counted)];
}
