/** Clusters of a service: one for each port, and for each port and subset; sniffed ports have a twin for opaque bytes. */
import { create, type JsonObject } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { Resolution, ServicePort } from '../../model/service.ts';
import type { ClientTls, Subset } from '../../model/traffic-policy.ts';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  ClusterSchema,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { TransportSocketSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { ProxyProtocolConfig_Version } from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { duration, extension, overAds } from './any.ts';
import { clientTlsSocket } from './client-tls.ts';
import {
  type AutoSni,
  h2UpgradePolicy,
  httpOptionsOf,
  outlierDetectionOf,
  setLoadBalancer,
  thresholdsOf,
  upstreamHttp,
  type UpstreamHttp,
} from './cluster-policy.ts';
import { type EffectivePolicy, effectivePolicy, type PortPolicy, portPolicy, sharedPolicy } from './destination-policy.ts';
import { localitiesOf } from './endpoints.ts';
import { ACCRUAL_NAMESPACE, accrualMetadata, accrualOutliers } from './failure-accrual.ts';
import { defaultRetryBudget, RETRY_BUDGET_NAMESPACE } from './retry-budget.ts';
import { internalSocket, ORIGINAL_DST, TUNNEL_MATCH } from './hbone.ts';
import { identitiesOf, originateListener, takesAutoMtls } from './hbone-outbound.ts';
import { lookUpCalled } from './dynamic-dns.ts';
import { setKeepalive } from './cluster-limits.ts';
import { memoised } from './memo.ts';
import { type NamedCluster, statName, withMeshDefaults } from './mesh-defaults.ts';
import { meshUpstreamSocket } from './mesh-tls.ts';
import { meshSni, opaqueCluster, outboundCluster } from './names.ts';
import { type Nearness, nearnessIn } from './nearness.ts';
import { istioConfigPath, metadataOf } from './provenance.ts';
import { type CompiledResource, resourceOf } from './resource.ts';
import type { Client, Scope } from './scope.ts';
import type { ServiceShape } from './shape.ts';

const DISCOVERY = {
  static: Cluster_DiscoveryType.EDS,
  dns: Cluster_DiscoveryType.STRICT_DNS,
  'dns-round-robin': Cluster_DiscoveryType.LOGICAL_DNS,
  // replaced by a type of its own
  'dynamic-dns': Cluster_DiscoveryType.STATIC,
  none: Cluster_DiscoveryType.ORIGINAL_DST,
} as const;

/** What mTLS clients offer; the server's proxy takes the first for HTTP and `istio` for bytes. */
const MESH_ALPN: Readonly<Record<UpstreamHttp, readonly string[]>> = {
  http1: ['istio-http/1.1', 'istio', 'http/1.1'],
  http2: ['istio-h2', 'istio', 'h2'],
  // Nothing that a server may pick: it then sniffs the version, as the client's request has it.
  client: ['istio-http/1.1', 'istio'],
  // The server's proxy takes the first of its own that is here: h2, then http/1.1.
  negotiated: ['istio-h2', 'istio-http/1.1', 'istio', 'h2', 'http/1.1'],
  opaque: ['istio'],
};

const CLIENT_ALPN: Readonly<Record<UpstreamHttp, readonly string[]>> = {
  http1: ['http/1.1'],
  http2: ['h2'],
  client: [],
  negotiated: ['h2', 'http/1.1'],
  opaque: [],
};

interface Target {
  readonly service: ServiceShape;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly effective: EffectivePolicy;
  readonly policy: PortPolicy;
  readonly settings: MeshSettings;
  readonly resolution: Resolution;
  /** The client carries HTTP/1.1 as HTTP/2, and TCP as tunnels, to other proxies of the mesh. */
  readonly isMultiplexing: boolean;
  readonly isIntercepted: boolean;
  /** Which hosts of DNS the client prefers. */
  readonly nearness: Nearness | undefined;
}

/**
 * How a client finds a service's endpoints. Whoever calls a headless service has chosen the endpoint, so that an
 * intercepted connection goes on to the address that it was dialled at.
 */
function resolutionFor({ isHeadless, resolution }: ServiceShape, isIntercepted: boolean): Resolution {
  return isHeadless && isIntercepted && resolution === 'static' ? 'none' : resolution;
}

/** Every outbound cluster of a service under a policy. */
const clustersOf = memoised(
  (
    service: ServiceShape,
    effective: EffectivePolicy,
    settings: MeshSettings,
    isIntercepted: boolean,
    isMultiplexing: boolean,
    resolver: Client | undefined,
  ): readonly CompiledResource[] => {
    const resolution = resolutionFor(service, isIntercepted);
    return service.ports.flatMap((port) =>
      [undefined, ...(resolution === 'dynamic-dns' ? [] : effective.subsets)].flatMap((subset) => {
        const policy = withMeshDefaults(portPolicy(effective, subset, port.number), settings);
        const nearness = resolver && nearnessIn({ client: resolver, settings }, policy);
        const target = { service, port, subset, effective, policy, settings, resolution, isMultiplexing, isIntercepted, nearness };
        const clusters = [clusterOf(target, httpOf(target))];
        if (port.protocol === 'auto') clusters.push(clusterOf(target, 'opaque'));
        return clusters.map((cluster) => resourceOf(ClusterSchema, cluster.name, cluster));
      }),
    );
  },
);

/** Hosts of DNS stand in the cluster, so that it depends on where the client is; those of others come by EDS. */
function isResolved({ resolution }: ServiceShape): boolean {
  return resolution === 'dns' || resolution === 'dns-round-robin';
}

/** True where some port's policy asks how near hosts are. */
function asksWhere({ ports }: ServiceShape, effective: EffectivePolicy, settings: MeshSettings): boolean {
  return ports.some(({ number }) =>
    [undefined, ...effective.subsets].some((subset) => {
      const { outlierDetection, loadBalancer } = withMeshDefaults(portPolicy(effective, subset, number), settings);
      const { isEnabled, distribute } = loadBalancer?.locality ?? settings.locality;
      return isEnabled && (outlierDetection !== undefined || distribute.length > 0);
    }),
  );
}

/** Clusters of every service that `scope` sees. */
export function outboundClusters(scope: Scope): CompiledResource[] {
  const { client, settings } = scope;
  return [...scope.services.values()].flatMap((service) =>
    clustersOf(
      service,
      sharedPolicy(service, effectivePolicy(scope, service)),
      settings,
      client.isIntercepted,
      client.userAgent === 'tulle',
      isResolved(service) && asksWhere(service, effectivePolicy(scope, service), settings) ? client : undefined,
    ),
  );
}

function namesOf({ service, port, subset }: Target): NamedCluster {
  const { hostname: host, name, namespace } = service;
  return { host, service: name, namespace, port: port.number, portName: port.name, targetPort: 0, subset: subset?.name ?? '' };
}

function clusterOf(target: Target, http: UpstreamHttp): Cluster {
  const { service, port, subset, policy, settings } = target;
  const edsName = outboundCluster(port.number, subset?.name ?? '', service.hostname);
  const name = http === 'opaque' && port.protocol === 'auto' ? opaqueCluster(edsName) : edsName;
  const pool = policy.connectionPool;
  const cluster = create(ClusterSchema, {
    name,
    altStatName: statName(settings.outboundStatName, namesOf(target), settings.domainSuffix) ?? `${name};`,
    clusterDiscoveryType: { case: 'type', value: DISCOVERY[target.resolution] },
    connectTimeout: duration(pool?.connectTimeoutMs ?? settings.connectTimeoutMs),
    circuitBreakers: { thresholds: [thresholdsOf(pool, policy.retryBudget)] },
    commonLbConfig: { healthyPanicThreshold: { value: policy.outlierDetection?.minHealthPercent ?? 0 } },
    typedExtensionProtocolOptions: httpOptionsOf(http, pool, autoSni(policy.tls, http)),
    metadata: metadataOf(subset?.origin ?? service.origin, istioMetadata(target), http === 'opaque' ? {} : resilienceMetadata(target)),
  });
  setDiscovery(cluster, target, edsName);
  setLoadBalancer(cluster, policy.loadBalancer);
  setKeepalive(cluster, pool);
  if (policy.outlierDetection !== undefined) cluster.outlierDetection = outlierDetectionOf(policy.outlierDetection);
  else if (service.failureAccrual !== undefined && http !== 'opaque') cluster.outlierDetection = accrualOutliers(service.failureAccrual);
  setTls(cluster, target, http);
  if (policy.proxyProtocol !== undefined) setProxyProtocol(cluster, policy.proxyProtocol);
  if (target.resolution === 'dynamic-dns') lookUpCalled(cluster, policy.tls !== undefined && autoSni(policy.tls, http) !== 'checked');
  return cluster;
}

/**
 * What Envoy has no words for: failure accrual that a Service asks for, which a DestinationRule's outlier detection goes
 * before, and for our own proxy the default budget of retries.
 */
function resilienceMetadata({ service, policy, isMultiplexing }: Target): Record<string, JsonObject> {
  const accrual = policy.outlierDetection === undefined ? service.failureAccrual : undefined;
  const budget = isMultiplexing ? defaultRetryBudget(policy) : undefined;
  return {
    ...(accrual && { [ACCRUAL_NAMESPACE]: accrualMetadata(accrual) }),
    ...(budget && { [RETRY_BUDGET_NAMESPACE]: budget }),
  };
}

/**
 * What is spoken to a port. Our own proxy takes HTTP/2 from whoever takes it behind the mesh's mTLS, and HTTP/1.1 from the
 * rest: their applications get HTTP/1.1 all the same, for that is what the cluster of the port there speaks.
 */
function httpOf({ port, policy, isMultiplexing, service, settings }: Target): UpstreamHttp {
  const upgrade = h2UpgradePolicy(policy.connectionPool, settings.h2UpgradePolicy);
  const http = upstreamHttp(port.protocol, policy.connectionPool, upgrade);
  if (!isMultiplexing || http !== 'http1' || upgrade === 'DO_NOT_UPGRADE') return http;
  const isMutual = policy.tls?.mode === 'ISTIO_MUTUAL' || (policy.tls === undefined && takesAutoMtls(service, settings));
  return isMutual ? 'negotiated' : http;
}

/** SIMPLE and MUTUAL without a name send the request's authority, and hold the certificate to it where they check one. */
function autoSni(tls: ClientTls | undefined, http: UpstreamHttp): AutoSni {
  if (http === 'opaque' || (tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') || tls.sni !== '') return 'none';
  return tls.subjectAltNames.length === 0 && !tls.insecureSkipVerify ? 'checked' : 'sent';
}

function istioMetadata({ service, subset, effective }: Target): JsonObject {
  const config = effective.origin && istioConfigPath(effective.origin);
  return {
    ...(config !== undefined && { config }),
    ...(service.isExternal && { external: true }),
    services: [{ host: service.hostname, name: service.name, namespace: service.namespace }],
    ...(subset && { subset: subset.name }),
  };
}

function setDiscovery(cluster: Cluster, { service, port, subset, resolution, nearness, settings }: Target, edsName: string): void {
  if (resolution === 'static') {
    cluster.edsClusterConfig = {
      $typeName: 'envoy.config.cluster.v3.Cluster.EdsClusterConfig',
      edsConfig: overAds(),
      serviceName: edsName,
    };
  } else if (resolution === 'dns' || resolution === 'dns-round-robin') {
    const endpoints = localitiesOf(service.pinned, port, subset?.labels ?? {}, { takesMtls: () => true }, nearness);
    cluster.loadAssignment = create(ClusterLoadAssignmentSchema, { clusterName: cluster.name, endpoints });
    cluster.dnsRefreshRate = duration(settings.dnsRefreshMs);
    cluster.respectDnsTtl = true;
    cluster.dnsLookupFamily = Cluster_DnsLookupFamily.V4_PREFERRED;
  }
}

function setTls(cluster: Cluster, target: Target, http: UpstreamHttp): void {
  const { service, port, subset, policy, settings, isMultiplexing, isIntercepted } = target;
  const tls = policy.tls;
  const sni = tls?.sni || meshSni(port.number, subset?.name ?? '', service.hostname);
  const meshSocket = () => meshUpstreamSocket(MESH_ALPN[http], identitiesOf(service, policy), sni);
  const client = { userAgent: isMultiplexing ? ('tulle' as const) : ('other' as const), isIntercepted };
  const tunnel = originateListener(client, settings, service, port, policy) === undefined ? [] : [TUNNEL];
  if (tls?.mode === 'ISTIO_MUTUAL') {
    cluster.transportSocket = meshSocket();
    cluster.transportSocketMatches = tunnel;
  } else if (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL')
    cluster.transportSocket = clientTlsSocket(tls, service.subjectAltNames, CLIENT_ALPN[http], settings.tlsDefaults);
  else if (tls === undefined && takesAutoMtls(service, settings)) {
    // the balancer of dialled addresses has no endpoints whose metadata could tell which of them take mTLS
    if (cluster.clusterDiscoveryType.value === Cluster_DiscoveryType.ORIGINAL_DST) {
      if (service.isAllMeshed) cluster.transportSocket = meshSocket();
      return;
    }
    cluster.transportSocketMatches = [
      ...tunnel,
      socketMatch('tlsMode-istio', { tlsMode: 'istio' }, meshSocket()),
      socketMatch('tlsMode-disabled', {}, RAW),
    ];
  }
}

/** Every way to speak to endpoints begins with a PROXY protocol header. */
function setProxyProtocol(cluster: Cluster, version: 'V1' | 'V2'): void {
  cluster.transportSocket = proxyProtocolSocket(cluster.transportSocket ?? RAW, version);
  for (const match of cluster.transportSocketMatches) {
    if (match.transportSocket !== undefined) match.transportSocket = proxyProtocolSocket(match.transportSocket, version);
  }
  if (cluster.transportSocketMatches.length > 0) cluster.transportSocket = undefined;
}

function proxyProtocolSocket(transportSocket: TransportSocket, version: 'V1' | 'V2'): TransportSocket {
  const config = { version: version === 'V1' ? ProxyProtocolConfig_Version.V1 : ProxyProtocolConfig_Version.V2 };
  return create(
    TransportSocketSchema,
    extension('envoy.transport_sockets.upstream_proxy_protocol', ProxyProtocolUpstreamTransportSchema, { config, transportSocket }),
  );
}

const RAW = create(TransportSocketSchema, extension('envoy.transport_sockets.raw_buffer', RawBufferSchema, {}));

const TUNNEL = socketMatch('hbone', TUNNEL_MATCH, internalSocket([ORIGINAL_DST]));

function socketMatch(name: string, match: JsonObject, transportSocket: TransportSocket) {
  return { $typeName: 'envoy.config.cluster.v3.Cluster.TransportSocketMatch' as const, name, match, transportSocket };
}
