/** Blocks of a DestinationRule as fields of a cluster: balancing, circuit breakers, outlier detection, HTTP options. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import type { ConnectionPool, LoadBalancer, OutlierDetection, SimpleBalancer, Warmup } from '../../model/traffic-policy.ts';
import type { Protocol } from '../../model/service.ts';
import { CircuitBreakers_ThresholdsSchema } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { type Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  type OutlierDetection as OutlierDetectionMessage,
  OutlierDetectionSchema,
} from '../../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import type { Http2ProtocolOptionsSchema } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { duration, durationOf } from './any.ts';
import type { PortPolicy } from './destination-policy.ts';

const UNLIMITED = 0xffff_ffff;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** How requests are spoken to a cluster: one version, the client's, what ALPN chooses, or bytes only. */
export type UpstreamHttp = 'http1' | 'http2' | 'client' | 'negotiated' | 'opaque';

type H2UpgradePolicy = ConnectionPool['h2UpgradePolicy'];

/** Whether HTTP/1.1 is sent on as HTTP/2: what `pool` says, else the mesh. */
export function h2UpgradePolicy(pool: ConnectionPool | undefined, ofMesh: H2UpgradePolicy): H2UpgradePolicy {
  return pool === undefined || pool.h2UpgradePolicy === 'DEFAULT' ? ofMesh : pool.h2UpgradePolicy;
}

/** The version for `protocol` under `pool`; `upgrade` is what `h2UpgradePolicy` says. */
export function upstreamHttp(protocol: Protocol, pool: ConnectionPool | undefined, upgrade: H2UpgradePolicy): UpstreamHttp {
  if (protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web') return 'http2';
  if (protocol === 'auto') return 'client';
  if (protocol !== 'http') return 'opaque';
  if (pool?.useClientProtocol === true) return 'client';
  return upgrade === 'UPGRADE' ? 'http2' : 'http1';
}

const SIMPLE: Readonly<Record<SimpleBalancer, Cluster_LbPolicy>> = {
  LEAST_REQUEST: Cluster_LbPolicy.LEAST_REQUEST,
  ROUND_ROBIN: Cluster_LbPolicy.ROUND_ROBIN,
  RANDOM: Cluster_LbPolicy.RANDOM,
  PASSTHROUGH: Cluster_LbPolicy.CLUSTER_PROVIDED,
};

/** Localities get traffic by their weights where a rule says which are preferred. */
function setLocality(cluster: Cluster, { locality }: LoadBalancer): void {
  if (locality?.isEnabled !== true || cluster.commonLbConfig === undefined) return;
  cluster.commonLbConfig.localityConfigSpecifier = {
    case: 'localityWeightedLbConfig',
    value: { $typeName: 'envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig' },
  };
}

/** Sets the balancing policy on `cluster`; PASSTHROUGH makes it ORIGINAL_DST. */
export function setLoadBalancer(cluster: Cluster, balancer: LoadBalancer | undefined): void {
  if (cluster.clusterDiscoveryType.value === Cluster_DiscoveryType.ORIGINAL_DST) {
    cluster.lbPolicy = Cluster_LbPolicy.CLUSTER_PROVIDED;
    return;
  }
  if (balancer !== undefined) setLocality(cluster, balancer);
  if (balancer?.kind === 'consistent-hash') {
    const size = BigInt(balancer.size);
    const isRing = balancer.algorithm === 'ring-hash';
    cluster.lbPolicy = isRing ? Cluster_LbPolicy.RING_HASH : Cluster_LbPolicy.MAGLEV;
    cluster.lbConfig = isRing
      ? {
          case: 'ringHashLbConfig',
          value: { $typeName: 'envoy.config.cluster.v3.Cluster.RingHashLbConfig', minimumRingSize: size, hashFunction: 0 },
        }
      : { case: 'maglevLbConfig', value: { $typeName: 'envoy.config.cluster.v3.Cluster.MaglevLbConfig', tableSize: size } };
    return;
  }
  setSimpleBalancer(cluster, balancer?.policy ?? 'LEAST_REQUEST', balancer?.warmup);
}

function setSimpleBalancer(cluster: Cluster, policy: SimpleBalancer, warmup: Warmup | undefined): void {
  cluster.lbPolicy = SIMPLE[policy];
  if (policy === 'PASSTHROUGH') {
    cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST };
    cluster.edsClusterConfig = undefined;
    cluster.loadAssignment = undefined;
  }
  if (warmup === undefined) return;
  const slowStartConfig = {
    $typeName: 'envoy.config.cluster.v3.Cluster.SlowStartConfig' as const,
    slowStartWindow: duration(warmup.durationMs),
    minWeightPercent: { $typeName: 'envoy.type.v3.Percent' as const, value: warmup.minimumPercent },
    ...(warmup.aggression !== 1 && {
      aggression: { $typeName: 'envoy.config.core.v3.RuntimeDouble' as const, defaultValue: warmup.aggression, runtimeKey: '' },
    }),
  };
  if (policy === 'LEAST_REQUEST') {
    cluster.lbConfig = {
      case: 'leastRequestLbConfig',
      value: { $typeName: 'envoy.config.cluster.v3.Cluster.LeastRequestLbConfig', slowStartConfig },
    };
  } else if (policy === 'ROUND_ROBIN') {
    cluster.lbConfig = {
      case: 'roundRobinLbConfig',
      value: { $typeName: 'envoy.config.cluster.v3.Cluster.RoundRobinLbConfig', slowStartConfig },
    };
  }
}

/** Circuit breakers: everything not limited is unlimited, which Envoy's own defaults (1024) are not. */
export function thresholdsOf(pool: ConnectionPool | undefined, budget: PortPolicy['retryBudget']) {
  return create(CircuitBreakers_ThresholdsSchema, {
    maxConnections: pool?.maxConnections ?? UNLIMITED,
    maxPendingRequests: pool?.http1MaxPendingRequests ?? UNLIMITED,
    maxRequests: pool?.http2MaxRequests ?? UNLIMITED,
    maxRetries: pool?.maxRetries ?? UNLIMITED,
    ...(budget && {
      retryBudget: {
        budgetPercent: { value: budget.percent },
        minRetryConcurrency: budget.minRetryConcurrency,
        ...(budget.intervalMs !== undefined && { budgetInterval: duration(budget.intervalMs) }),
      },
    }),
  });
}

/** Outlier detection with Istio's defaults: five 5xx in a row; success rates never eject. */
export function outlierDetectionOf(outlier: OutlierDetection): OutlierDetectionMessage {
  const { consecutive5xxErrors: fives = 5, consecutiveGatewayErrors: gateway, consecutiveLocalOriginFailures: local } = outlier;
  const message = create(OutlierDetectionSchema, {
    interval: duration(outlier.intervalMs),
    baseEjectionTime: duration(outlier.baseEjectionTimeMs),
    maxEjectionPercent: outlier.maxEjectionPercent,
    enforcingSuccessRate: 0,
    enforcingConsecutive5xx: fives > 0 ? 100 : 0,
    splitExternalLocalOriginErrors: outlier.splitExternalLocalOriginErrors,
  });
  if (fives > 0) message.consecutive5xx = fives;
  if (gateway !== undefined) {
    message.enforcingConsecutiveGatewayFailure = gateway > 0 ? 100 : 0;
    if (gateway > 0) message.consecutiveGatewayFailure = gateway;
  }
  if (!outlier.splitExternalLocalOriginErrors) return message;
  message.enforcingLocalOriginSuccessRate = 0;
  message.enforcingConsecutiveLocalOriginFailure = local === 0 ? 0 : 100;
  if (local !== undefined && local > 0) message.consecutiveLocalOriginFailure = local;
  return message;
}

type Http2Options = MessageInitShape<typeof Http2ProtocolOptionsSchema>;

function http2OptionsOf(pool: ConnectionPool | undefined): Http2Options {
  const { maxConcurrentStreams, http2KeepAlive: pings } = pool ?? {};
  return {
    ...(maxConcurrentStreams !== undefined && { maxConcurrentStreams }),
    ...(pings !== undefined && {
      connectionKeepalive: {
        ...(pings.intervalMs !== undefined && { interval: durationOf(pings.intervalMs) }),
        timeout: durationOf(pings.timeoutMs),
      },
    }),
  };
}

type Versions = NonNullable<MessageInitShape<typeof HttpProtocolOptionsSchema>['upstreamProtocolOptions']>;

function versionsOf(http: UpstreamHttp, http2ProtocolOptions: Http2Options): Versions {
  if (http === 'client') return { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions } };
  if (http === 'negotiated') return { case: 'autoConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions } };
  const isHttp2 = http === 'http2';
  return {
    case: 'explicitHttpConfig',
    value: {
      protocolConfig: isHttp2 ? { case: 'http2ProtocolOptions', value: http2ProtocolOptions } : { case: 'httpProtocolOptions', value: {} },
    },
  };
}

/** Whether the server name of TLS is the request's authority, and whether the certificate is held to it. */
export type AutoSni = 'none' | 'sent' | 'checked';

/** HTTP options of a cluster, or undefined where Envoy's defaults (HTTP/1.1) are what is wanted. */
export function httpOptionsOf(http: UpstreamHttp, pool: ConnectionPool | undefined, autoSni: AutoSni = 'none'): Record<string, Any> {
  const { maxRequestsPerConnection: maxRequests = 0, maxConnectionDurationMs } = pool ?? {};
  const idleMs = pool?.httpIdleTimeoutMs ?? pool?.tcpIdleTimeoutMs;
  const hasCommon = idleMs !== undefined || maxRequests > 0 || maxConnectionDurationMs !== undefined;
  if (http === 'opaque' || (http === 'http1' && !hasCommon && autoSni === 'none')) return {};
  const options = create(HttpProtocolOptionsSchema, {
    ...(hasCommon && {
      commonHttpProtocolOptions: {
        ...(idleMs !== undefined && { idleTimeout: duration(idleMs) }),
        ...(maxConnectionDurationMs !== undefined && { maxConnectionDuration: durationOf(maxConnectionDurationMs) }),
        ...(maxRequests > 0 && { maxRequestsPerConnection: maxRequests }),
      },
    }),
    ...(autoSni !== 'none' && { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: autoSni === 'checked' } }),
    upstreamProtocolOptions: versionsOf(http, http2OptionsOf(pool)),
  });
  return { [HTTP_OPTIONS]: anyPack(HttpProtocolOptionsSchema, options) };
}
