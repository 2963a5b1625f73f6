/**
 * The labels of Istio's standard metrics that stay the same for all requests between two workloads. Source: Istio,
 * "Standard metrics". What is not known is `unknown`; a revision that is not known is `latest`.
 */
import { UNKNOWN } from '../../core/label-words.ts';
import { parseSpiffeId } from '../../core/spiffe.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { metadataAt } from './metadata-path.ts';
import type { PeerMetadata } from './peer-metadata.ts';
import type { Labels } from './stats.ts';

export type Reporter = 'source' | 'destination';

/** The service that a request or connection was for; '' where that is not known. */
export interface Service {
  readonly host: string;
  readonly name: string;
  /** Where the service itself is, which its workloads need not be; '' where its cluster does not say. */
  readonly namespace: string;
}

export interface EdgeFacts {
  readonly reporter: Reporter;
  readonly local: PeerMetadata;
  readonly peer: PeerMetadata | undefined;
  /** Identities that certificates proved; '' without. */
  readonly peerPrincipal: string;
  readonly localPrincipal: string;
  readonly service: Service;
}

/** Clusters that stand for no service: their names are said instead. */
const SPECIAL_CLUSTERS: ReadonlySet<string> = new Set([
  'BlackHoleCluster',
  'PassthroughCluster',
  'InboundPassthroughCluster',
  'InboundPassthroughClusterIpv4',
  'InboundPassthroughClusterIpv6',
]);

/** The first service of a cluster's `filter_metadata.istio.services`. */
function serviceOfCluster({ metadata }: Cluster): Service | undefined {
  const host = metadataAt(metadata, ['istio', 'services', '0', 'host']);
  if (typeof host !== 'string') return undefined;
  const name = metadataAt(metadata, ['istio', 'services', '0', 'name']);
  const namespace = metadataAt(metadata, ['istio', 'services', '0', 'namespace']);
  return {
    host,
    name: typeof name === 'string' ? name : (host.split('.', 1)[0] ?? host),
    namespace: typeof namespace === 'string' ? namespace : '',
  };
}

/** The destination service. `host` is the request's where it may stand in for a service, else ''. */
export function destinationService(routeName: string, clusterName: string, cluster: Cluster | undefined, host: string): Service {
  if (routeName === 'block_all') return { host, name: 'BlackHoleCluster', namespace: '' };
  if (routeName === 'allow_any') return { host, name: 'PassthroughCluster', namespace: '' };
  if (SPECIAL_CLUSTERS.has(clusterName)) return { host, name: clusterName, namespace: '' };
  return (cluster && serviceOfCluster(cluster)) ?? { host, name: host, namespace: '' };
}

/** One side of an edge under its prefix, `source_` or `destination_`. */
function workloadLabels(side: Reporter, peer: PeerMetadata | undefined, namespace: string, principal: string): Record<string, string> {
  return {
    [`${side}_workload`]: peer?.workload || UNKNOWN,
    [`${side}_workload_namespace`]: namespace || UNKNOWN,
    [`${side}_principal`]: principal || UNKNOWN,
    [`${side}_app`]: peer?.app || UNKNOWN,
    [`${side}_version`]: peer?.version || UNKNOWN,
    [`${side}_cluster`]: peer?.clusterId || UNKNOWN,
    [`${side}_canonical_service`]: peer?.canonicalService || UNKNOWN,
    [`${side}_canonical_revision`]: peer?.canonicalRevision || 'latest',
  };
}

/** All labels of an edge but those of single requests. */
export function edgeLabels({ reporter, local, peer, peerPrincipal, localPrincipal, service }: EdgeFacts): Labels {
  // what a certificate proves goes before what a header says
  const peerNamespace = parseSpiffeId(peerPrincipal)?.namespace ?? peer?.namespace ?? '';
  const own = workloadLabels(reporter, local, local.namespace, localPrincipal);
  const other = workloadLabels(reporter === 'source' ? 'destination' : 'source', peer, peerNamespace, peerPrincipal);
  const fallback = reporter === 'destination' ? local.canonicalService : '';
  const policy = peerPrincipal !== '' && localPrincipal !== '' ? 'mutual_tls' : 'none';
  return {
    reporter,
    ...(reporter === 'source' ? { ...own, ...other } : { ...other, ...own }),
    destination_service: service.host || fallback || UNKNOWN,
    destination_service_name: service.name || fallback || UNKNOWN,
    destination_service_namespace: (reporter === 'source' ? service.namespace || peerNamespace : local.namespace) || UNKNOWN,
    connection_security_policy: reporter === 'source' ? UNKNOWN : policy,
  };
}
