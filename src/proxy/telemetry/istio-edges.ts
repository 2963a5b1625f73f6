/**
 * Finds the labels of a stream's edge (between which workloads, to which service) by identity: the peer's object, the
 * cluster, the names. A request costs a few comparisons where the one before went the same way, else one look-up more;
 * strings are put together once an edge.
 */
import type { LocalNode } from '../http/filter.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Cluster, ClusterManager } from '../cluster/cluster.ts';
import { BAGGAGE_STATE, peerOfBaggage } from './baggage.ts';
import { destinationService, edgeLabels, type Reporter } from './istio-labels.ts';
import { metadataOfEndpoint, metadataOfNode, type PeerMetadata } from './peer-metadata.ts';
import { peerOf } from './peer-exchange.ts';
import type { Labels } from './stats.ts';
import { tcpPeerOf } from './tcp-peers.ts';

/** Edges kept for one peer; beyond it they are looked up anew. Only hosts that clients choose can make so many. */
const MAX_EDGES = 64;

/** What a filter keeps for an edge: its labels, and the series that it made of them. */
export interface Edge<Series> {
  readonly labels: Labels;
  readonly series: Series;
}

interface Entry<Series> {
  /** Who the peer is: its metadata as it was told, or the host, whose metadata is decoded for a new entry alone. */
  readonly who: object;
  readonly cluster: Cluster | undefined;
  readonly clusterName: string;
  readonly routeName: string;
  readonly host: string;
  readonly peerPrincipal: string;
  readonly localPrincipal: string;
  readonly edge: Edge<Series>;
}

const NOBODY: object = {};

/** Istio's name for our own identity where a connection came through a tunnel. */
const LOCAL_PRINCIPAL = 'io.istio.local_principal';

/** Who is behind the tunnel that a connection came through. */
function peerOfTunnel({ connection }: StreamInfo): PeerMetadata | undefined {
  return connection.filterState === undefined ? undefined : peerOfBaggage(connection.filterState.get(BAGGAGE_STATE));
}

/** The reporter of a listener's direction: who accepts for a workload is the destination's. */
export function reporterOf(direction: 'inbound' | 'outbound' | 'unspecified'): Reporter {
  return direction === 'inbound' ? 'destination' : 'source';
}

export interface EdgeOptions<Series> {
  readonly node: LocalNode;
  readonly reporter: Reporter;
  readonly ignoresHostHeader: boolean;
  /** Where what a route names is looked up. */
  readonly clusters?: Pick<ClusterManager, 'get'>;
  /** Makes what is kept for a new edge. */
  series(labels: Labels): Series;
}

/** Where a stream went, or would have gone where a filter answered it. */
interface Way {
  readonly cluster: Cluster | undefined;
  readonly clusterName: string;
  readonly routeName: string;
}

/** As Envoy has it: the route says which cluster before filters run. Ours looks it up once the router asks. */
function wayOf(info: StreamInfo, clusters: EdgeOptions<unknown>['clusters']): Way {
  const { cluster, clusterName, routeName } = info;
  if (cluster !== undefined || clusterName === '' || clusters === undefined) return info;
  return { cluster: clusters.get(clusterName), clusterName, routeName };
}

/** Whether it is the edge of a stream, of the same peer. */
function matches<Series>(entry: Entry<Series>, way: Way, host: string, peerSan: string, localSan: string): boolean {
  return (
    entry.cluster === way.cluster &&
    entry.clusterName === way.clusterName &&
    entry.routeName === way.routeName &&
    entry.host === host &&
    entry.peerPrincipal === peerSan &&
    entry.localPrincipal === localSan
  );
}

/** Prepares the look-up for one filter. */
export function createEdges<Series>(options: EdgeOptions<Series>): (info: StreamInfo) => Edge<Series> {
  const { reporter, ignoresHostHeader } = options;
  const local = metadataOfNode(options.node);
  const byPeer = new WeakMap<object, Entry<Series>[]>();
  /** That of the stream before. */
  let last: Entry<Series> | undefined;
  return (info) => {
    const isSource = reporter === 'source';
    const told = peerOf(info) ?? tcpPeerOf(info, isSource ? 'upstream' : 'downstream') ?? (isSource ? undefined : peerOfTunnel(info));
    const who = told ?? (isSource ? info.upstream : undefined) ?? NOBODY;
    const tls = isSource ? info.upstreamTls : info.connection.tls;
    const peerPrincipal = tls?.uriSans[0] ?? (isSource ? '' : info.connection.principal);
    const localPrincipal = tls?.localUriSans[0] ?? (isSource ? '' : (info.connection.filterState?.get(LOCAL_PRINCIPAL) ?? ''));
    const host = ignoresHostHeader ? '' : (info.request?.authority ?? '');
    const way = wayOf(info, options.clusters);
    if (last?.who === who && matches(last, way, host, peerPrincipal, localPrincipal)) return last.edge;
    let entries = byPeer.get(who);
    if (entries === undefined) byPeer.set(who, (entries = []));
    for (const entry of entries) if (matches(entry, way, host, peerPrincipal, localPrincipal)) return (last = entry).edge;

    const peer = told ?? (isSource && info.upstream !== undefined ? metadataOfEndpoint(info.upstream.metadata) : undefined);
    const { cluster, clusterName, routeName } = way;
    const service = destinationService(routeName, clusterName, cluster, host);
    const labels = edgeLabels({ reporter, local, peer, peerPrincipal, localPrincipal, service });
    const edge = { labels, series: options.series(labels) };
    if (entries.length >= MAX_EDGES) entries.length = 0;
    entries.push((last = { who, cluster, clusterName, routeName, host, peerPrincipal, localPrincipal, edge }));
    return edge;
  };
}
