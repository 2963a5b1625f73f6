/** What of MeshConfig counts where a DestinationRule does not say, and statistics' names of clusters. */
import type { MeshSettings } from '../../model/mesh.ts';
import type { ConnectionPool } from '../../model/traffic-policy.ts';
import type { PortPolicy } from './destination-policy.ts';

/** A pool that says nothing. */
export const NO_LIMITS: ConnectionPool = {
  maxConnections: undefined,
  connectTimeoutMs: undefined,
  tcpKeepalive: undefined,
  maxConnectionDurationMs: undefined,
  tcpIdleTimeoutMs: undefined,
  http1MaxPendingRequests: undefined,
  http2MaxRequests: undefined,
  maxRequestsPerConnection: undefined,
  maxRetries: undefined,
  httpIdleTimeoutMs: undefined,
  h2UpgradePolicy: 'DEFAULT',
  useClientProtocol: false,
  maxConcurrentStreams: undefined,
  http2KeepAlive: undefined,
};

/** Limits, `pool` or the mesh's, with the mesh's probes of the operating system where the pool does not say each. */
export function poolIn({ defaultPool, tcpKeepalive }: MeshSettings, pool: ConnectionPool | undefined): ConnectionPool | undefined {
  const chosen = pool ?? defaultPool;
  if (tcpKeepalive === undefined) return chosen;
  const { probes, timeMs, intervalMs } = chosen?.tcpKeepalive ?? {};
  return {
    ...(chosen ?? NO_LIMITS),
    tcpKeepalive: {
      probes: probes ?? tcpKeepalive.probes,
      timeMs: timeMs ?? tcpKeepalive.timeMs,
      intervalMs: intervalMs ?? tcpKeepalive.intervalMs,
    },
  };
}

/** `policy` with the blocks that it lacks; the same object where the mesh adds nothing. */
export function withMeshDefaults(policy: PortPolicy, settings: MeshSettings): PortPolicy {
  const connectionPool = poolIn(settings, policy.connectionPool);
  const outlierDetection = policy.outlierDetection ?? settings.defaultOutlierDetection;
  const isSame = connectionPool === policy.connectionPool && outlierDetection === policy.outlierDetection;
  return isSame ? policy : { ...policy, connectionPool, outlierDetection };
}

/** Who a cluster is for, as patterns of names may tell. */
export interface NamedCluster {
  readonly host: string;
  /** Of a Service; else the host. */
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  readonly portName: string;
  readonly targetPort: number;
  readonly subset: string;
}

/**
 * `pattern` with what it names put in, behind the separator that Envoy ends a name at; undefined where there is no
 * pattern. `%SERVICE%` is `<name>.<namespace>` of a Service of the mesh's domain, else the host.
 */
export function statName(pattern: string, cluster: NamedCluster, domainSuffix: string): string | undefined {
  if (pattern === '') return undefined;
  const isOwn = cluster.host === `${cluster.service}.${cluster.namespace}.svc.${domainSuffix}`;
  const values = {
    SERVICE: isOwn ? `${cluster.service}.${cluster.namespace}` : cluster.host,
    SERVICE_NAME: isOwn ? cluster.service : cluster.host,
    SERVICE_FQDN: cluster.host,
    SUBSET_NAME: cluster.subset,
    TARGET_PORT: String(cluster.targetPort),
    SERVICE_PORT: String(cluster.port),
    SERVICE_PORT_NAME: cluster.portName,
  };
  let name = pattern;
  for (const [key, value] of Object.entries(values)) name = name.replaceAll(`%${key}%`, value);
  return `${name};`;
}
