/** From a cluster to its endpoints, and to whoever is behind them. */
import { formatAddress } from '../../net/address.ts';
import type { Host } from '../../proxy/cluster/cluster.ts';
import { readAddress } from '../../proxy/cluster/endpoints.ts';
import type { Hash64 } from '../../proxy/cluster/lb/hash64.ts';
import type { DownstreamConnection } from '../../proxy/listener/connection.ts';
import { criteriaOf } from '../../proxy/router/subset-criteria.ts';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { percent } from './chance.ts';
import { type Candidate, hostsOf } from './cluster-hosts.ts';
import { type Explanation, type Note, Trail, verdict } from './explanation.ts';
import type { HeldStream } from './held-stream.ts';
import type { Stop, Traffic } from './journey.ts';
import { addressOf, reach, wayText } from './reach.ts';
import { changesOf, sourceOf } from './source-of.ts';
import { type UpstreamWay, wayTo } from './upstream-tls.ts';
import { memberAt, nameOf } from './world.ts';

export interface ToCluster {
  readonly stop: Stop;
  readonly name: string;
  readonly traffic: Traffic;
  /** Undefined for bytes. */
  readonly stream: HeldStream | undefined;
  readonly hash: Hash64 | undefined;
  readonly connection: DownstreamConnection;
}

const NOTES_MAX = 20;

function healthOf({ isHealthy, isDegraded, healthFlags = [] }: Host): string {
  if (!isHealthy) return `unhealthy${healthFlags.length === 0 ? '' : ` (${healthFlags.join(', ')})`}`;
  return isDegraded === true ? 'degraded' : 'healthy';
}

/** An endpoint in a line: where, whose, its health, weight and locality, and how often it is chosen. */
function noteOf({ host, share }: Candidate, { stop }: ToCluster): Note {
  const address = addressOf(host);
  const member = memberAt(stop.journey.world, address.host, address.port);
  const whose = member === undefined ? '' : ` ${nameOf(member)}`;
  const priority = (host.priority ?? 0) === 0 ? '' : `, priority ${host.priority}`;
  const locality: unknown = Reflect.get(Reflect.get(host, 'endpoint') ?? {}, 'locality');
  const where = typeof locality === 'string' && locality.replaceAll('/', '') !== '' ? `, locality ${locality.replace(/\/+$/, '')}` : '';
  return { text: `${formatAddress(address)}${whose}: ${healthOf(host)}, weight ${host.weight}${priority}${where}, ${percent(share)}` };
}

/** Which DestinationRule a cluster was made with, as Istio's tools see it. */
export function destinationRule(cluster: Cluster, { journey }: Stop): Note[] {
  const path = cluster.metadata?.filterMetadata['istio']?.['config'];
  const [, namespace, name] = typeof path === 'string' ? (/\/namespaces\/([^/]+)\/destination-rule\/(.+)$/.exec(path) ?? []) : [];
  const origin = journey.world.mesh.destinationPolicies.find((policy) => policy.namespace === namespace && policy.name === name)?.origin;
  return origin === undefined ? [] : [{ text: `with DestinationRule ${namespace}/${name}`, source: origin }];
}

function noHost(to: ToCluster, trail: Trail): Explanation {
  const by = nameOf(to.stop.member);
  const why = `no healthy endpoint in the cluster ${to.name}`;
  if (to.traffic.kind === 'bytes')
    return trail.end(verdict({ outcome: 'closed', flag: 'UH', by, text: `closed by the proxy of ${by}: ${why}` }));
  return trail.end(verdict({ outcome: 'answered', status: 503, flag: 'UH', by, text: `503 UH by the proxy of ${by}: ${why}` }));
}

/** What only names are known of. */
function toNames({ stop, traffic }: ToCluster, cluster: Cluster, names: readonly string[], trail: Trail): Explanation {
  trail.add('endpoints', `the addresses of ${names.join(', ')}, which the proxy asks DNS for`);
  trail.add('tls', wayText({ from: stop, way: wayTo(cluster, { metadata: {} }), traffic }));
  return trail.end(verdict({ outcome: 'delivered', text: `delivered to ${names.join(', ')}, outside the mesh` }));
}

interface Group {
  readonly candidate: Candidate;
  readonly way: UpstreamWay;
  share: number;
}

/** Endpoints that are alike to explain: of one workload, reached in one way. */
function groupsOf(cluster: Cluster, candidates: readonly Candidate[], { stop }: ToCluster): Group[] {
  const groups = new Map<string, Group>();
  for (const candidate of candidates) {
    if (candidate.share === 0) continue;
    const { host, port } = addressOf(candidate.host);
    const way = wayTo(cluster, candidate.host);
    const member = memberAt(stop.journey.world, host, port);
    const key = `${member === undefined ? `${host}:${port}` : nameOf(member)} ${way.name}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { candidate, way, share: candidate.share });
    else known.share += candidate.share;
  }
  return [...groups.values()];
}

function tellHosts(to: ToCluster, candidates: readonly Candidate[], trail: Trail): void {
  const notes = candidates.slice(0, NOTES_MAX).map((candidate) => noteOf(candidate, to));
  if (candidates.length > NOTES_MAX) notes.push({ text: `and ${candidates.length - NOTES_MAX} more` });
  trail.add(
    'endpoints',
    candidates.length === 0 ? 'none' : candidates.length === 1 ? 'one' : `${candidates.length}, of which the balancer chooses`,
    { notes },
  );
}

/** The host that a cluster of dynamic hosts looks up; undefined for others. */
function calledHost({ clusterDiscoveryType: type }: Cluster, traffic: Traffic): string | undefined {
  if (type.case !== 'clusterType' || type.value.name !== 'envoy.clusters.dynamic_forward_proxy') return undefined;
  return traffic.kind === 'http' ? traffic.request.authority.replace(/:\d+$/, '') : traffic.serverName;
}

/** Where a Sidecar says that the application listens; undefined where it is the address that was dialled. */
function endpointText({ loadAssignment, name }: Cluster): string | undefined {
  const identifier = loadAssignment?.endpoints[0]?.lbEndpoints[0]?.hostIdentifier;
  return identifier?.case === 'endpoint' ? `at ${formatAddress(readAddress(identifier.value.address, name))}` : undefined;
}

/** Goes on to the endpoints of a cluster. At the server's proxy that is the application. */
export async function toCluster(to: ToCluster, trail: Trail): Promise<Explanation> {
  const { stop, name, traffic, stream, hash, connection } = to;
  const cluster = stop.config.cluster(name);
  if (cluster === undefined) return noHost(to, trail);
  if (trail.side === 'server') {
    const by = nameOf(stop.member);
    const source = sourceOf(cluster.metadata);
    const where = (source?.kind === 'Sidecar' ? endpointText(cluster) : undefined) ?? `on port ${connection.local.port}`;
    trail.add('application', `${by}, ${where}`, { source });
    return trail.end(verdict({ outcome: 'delivered', by, text: `delivered to ${by}, whose application answers` }));
  }
  trail.add('cluster', name, {
    source: sourceOf(cluster.metadata),
    notes: [...destinationRule(cluster, stop), ...changesOf(cluster.metadata)],
  });
  const called = calledHost(cluster, traffic);
  if (called !== undefined) return toNames(to, cluster, [called], trail);
  const { candidates, names } = hostsOf(stop.config, name, {
    hash,
    originalDestination: connection.isRedirected ? connection.local : undefined,
    info: stream?.info,
    criteria: stream === undefined ? undefined : criteriaOf(stream),
  });
  if (names.length > 0) return toNames(to, cluster, names, trail);
  tellHosts(to, candidates, trail);
  const groups = groupsOf(cluster, candidates, to);
  const total = groups.reduce((sum, { share }) => sum + share, 0);
  if (total === 0) return noHost(to, trail);
  const branches = groups.map(async ({ candidate, way, share }) => {
    const explanation = await reach({ from: stop, host: candidate.host, way, traffic }, new Trail(trail.side));
    return { share: share / total, when: `the balancer chooses ${formatAddress(addressOf(candidate.host))}`, explanation };
  });
  return trail.fork(await Promise.all(branches));
}
