import { ConfigError } from '../../core/errors.ts';
import type { Random } from '../../core/clock.ts';
import {
  type Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_LbPolicy as LbPolicy,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { positiveDurationMs } from '../config/durations.ts';
import type { ClusterScope, MutableCluster } from './mutable-cluster.ts';
import { type ClusterSettings, RuntimeCluster } from './runtime-cluster.ts';
import { readAssignment } from './endpoints.ts';
import { readHttpSettings } from './http-options.ts';
import { readPolicy } from './lb/index.ts';
import { readLimits } from './limits.ts';
import { readOutlierSettings } from './outlier-settings.ts';
import { systemResolver } from './resolver.ts';
import { readSourceAddresses } from './source-address.ts';
import { buildTransports } from './transports.ts';

export type { ClusterScope, MutableCluster } from './mutable-cluster.ts';

const CONNECT_TIMEOUT_MS = 5000;
const DNS_REFRESH_MS = 5000;
const CLEANUP_MS = 5000;
const PANIC_THRESHOLD_PERCENT = 50;

const TYPES = new Map<number, ClusterSettings['type']>([
  [DiscoveryType.STATIC, 'static'],
  [DiscoveryType.STRICT_DNS, 'dns'],
  [DiscoveryType.LOGICAL_DNS, 'dns'],
  [DiscoveryType.EDS, 'eds'],
  [DiscoveryType.ORIGINAL_DST, 'original-dst'],
]);

function readType(config: ClusterProto, path: string): ClusterSettings['type'] {
  const { case: kind, value } = config.clusterDiscoveryType;
  if (kind === 'clusterType') throw new ConfigError(`${path}.cluster_type`, `${value.name} is not supported`);
  const type = TYPES.get(value ?? DiscoveryType.STATIC);
  if (type === undefined) throw new ConfigError(`${path}.type`, `${String(value)} is not a supported discovery type`);
  if (type !== 'original-dst' && config.lbPolicy === LbPolicy.CLUSTER_PROVIDED && config.loadBalancingPolicy === undefined) {
    throw new ConfigError(`${path}.lb_policy`, 'CLUSTER_PROVIDED is for ORIGINAL_DST clusters');
  }
  return type;
}

function readDns(config: ClusterProto, path: string): ClusterSettings['dns'] {
  return {
    family: config.dnsLookupFamily,
    refreshMs: positiveDurationMs(config.dnsRefreshRate, DNS_REFRESH_MS, `${path}.dns_refresh_rate`),
    respectsTtl: config.respectDnsTtl,
    isLogical: config.clusterDiscoveryType.value === DiscoveryType.LOGICAL_DNS,
  };
}

function readBalancing(config: ClusterProto, path: string, random: Random): ClusterSettings['balancing'] {
  return {
    policy: readPolicy(config, path),
    random,
    panicThreshold: config.commonLbConfig?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT,
    isLocalityWeighted: config.commonLbConfig?.localityConfigSpecifier.case === 'localityWeightedLbConfig',
  };
}

function readPortOverride(config: ClusterProto): number | undefined {
  return config.lbConfig.case === 'originalDstLbConfig' ? config.lbConfig.value.upstreamPortOverride : undefined;
}

/**
 * Builds a cluster; `path` is its resource's. Throws ConfigError for what cannot be obeyed. STATIC and ORIGINAL_DST
 * clusters are warm at once where their secrets are there, the others when their endpoints have come.
 */
export function buildCluster(config: ClusterProto, path: string, scope: ClusterScope): MutableCluster {
  if (config.name === '') throw new ConfigError(`${path}.name`, 'is empty');
  const type = readType(config, path);
  const http = readHttpSettings(config, path);
  const settings: Omit<ClusterSettings, 'limits'> = {
    name: config.name,
    type,
    edsName: type === 'eds' ? config.edsClusterConfig?.serviceName || config.name : undefined,
    metadata: config.metadata?.filterMetadata ?? {},
    connectTimeoutMs: positiveDurationMs(config.connectTimeout, CONNECT_TIMEOUT_MS, `${path}.connect_timeout`),
    http,
    sourceAddresses: readSourceAddresses(config, path),
    balancing: readBalancing(config, path, scope.random),
    outlier: config.outlierDetection && readOutlierSettings(config.outlierDetection, `${path}.outlier_detection`),
    dns: readDns(config, path),
    portOverride: readPortOverride(config),
    cleanupMs: positiveDurationMs(config.cleanupInterval, CLEANUP_MS, `${path}.cleanup_interval`),
  };
  const assignment = config.loadAssignment && readAssignment(config.loadAssignment, `${path}.load_assignment`);
  const stats = scope.stats.scope(`cluster.${config.name}`);
  try {
    const limits = readLimits(config.circuitBreakers, path, stats);
    const transports = buildTransports(config, path, { stats, secrets: scope.secrets, ...http });
    return new RuntimeCluster({ ...settings, limits }, assignment, transports, {
      ...scope,
      stats,
      resolver: scope.resolver ?? systemResolver,
    });
  } catch (error) {
    stats.drop();
    throw error;
  }
}
