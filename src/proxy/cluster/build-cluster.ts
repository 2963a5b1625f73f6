import { ConfigError } from '../../core/errors.ts';
import {
  type Cluster as ClusterProto,
  UpstreamConnectionOptions_FirstAddressFamilyVersion as FirstFamily,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { positiveDurationMs } from '../config/durations.ts';
import type { ClusterScope, MutableCluster } from './mutable-cluster.ts';
import { type ClusterSettings, RuntimeCluster } from './runtime-cluster.ts';
import { hasAccrual } from '../health/accrual-settings.ts';
import { createHealthWatch } from '../health/health-watch.ts';
import { readDiscovery } from './discovery/index.ts';
import { readHttpSettings } from './http-options.ts';
import { readBalancing } from './lb/index.ts';
import { readLimits } from './limits.ts';
import { readOutlierSettings } from './outlier-settings.ts';
import { systemResolver } from './dns/resolver.ts';
import { readRetryRate, RetryRate } from './retry-rate.ts';
import { readSourceAddresses } from './source-address.ts';
import { buildTransports, type Transports } from './transports.ts';
import { readUpstreamFilters } from './upstream-exchange.ts';

export type { ClusterScope, MutableCluster } from './mutable-cluster.ts';

const CONNECT_TIMEOUT_MS = 5000;

const FIRST_FAMILIES = new Map<FirstFamily, 4 | 6 | 'any'>([
  [FirstFamily.DEFAULT, 'any'],
  [FirstFamily.V4, 4],
  [FirstFamily.V6, 6],
]);

function readAddressOrder(config: ClusterProto, path: string): ClusterSettings['addressOrder'] {
  const order = config.upstreamConnectionOptions?.happyEyeballsConfig;
  const firstFamily = FIRST_FAMILIES.get(order?.firstAddressFamilyVersion ?? FirstFamily.DEFAULT);
  if (firstFamily === undefined) {
    const at = `${path}.upstream_connection_options.happy_eyeballs_config.first_address_family_version`;
    throw new ConfigError(at, `${order?.firstAddressFamilyVersion} is not supported by Tulle: only V4 and V6 are`);
  }
  return { firstFamily: firstFamily === 'any' ? undefined : firstFamily, firstCount: Math.max(1, order?.firstAddressFamilyCount ?? 1) };
}

/**
 * Builds a cluster; `path` is its resource's. Throws ConfigError for what cannot be obeyed. STATIC and ORIGINAL_DST
 * clusters are warm at once where their secrets are there, the others when their endpoints have come.
 */
export function buildCluster(config: ClusterProto, path: string, scope: ClusterScope): MutableCluster {
  if (config.name === '') throw new ConfigError(`${path}.name`, 'is empty');
  const discovery = readDiscovery(config, path);
  const read = readHttpSettings(config, path);
  const http = discovery.refineHttp?.(read) ?? read;
  const settings: Omit<ClusterSettings, 'limits'> = {
    name: config.name,
    metadata: config.metadata?.filterMetadata ?? {},
    connectTimeoutMs: positiveDurationMs(config.connectTimeout, CONNECT_TIMEOUT_MS, `${path}.connect_timeout`),
    http,
    sourceAddresses: readSourceAddresses(config, path),
    balancing: readBalancing(config, path),
    // what other proxies do instead of accrual
    outlier: hasAccrual(config)
      ? undefined
      : config.outlierDetection && readOutlierSettings(config.outlierDetection, `${path}.outlier_detection`),
    discovery,
    addressOrder: readAddressOrder(config, path),
    renewsOnChange: config.commonLbConfig?.closeConnectionsOnHostSetChange ?? false,
    keepsChecked: config.healthChecks.length > 0 && !config.ignoreHealthOnHostRemoval,
    watchHealth: (health) => createHealthWatch(config, path, health),
  };
  const stats = scope.stats.scope(`cluster.${config.name}`);
  let transports: Transports | undefined;
  try {
    const rate = readRetryRate(settings.metadata, path);
    const limits = readLimits(config.circuitBreakers, path, stats, {
      name: config.name,
      retryRate: rate && new RetryRate(rate),
      clock: scope.clock,
    });
    const { secrets, findInternal } = scope;
    transports = buildTransports(config, path, {
      stats,
      secrets,
      findInternal,
      ...http,
      wrap: readUpstreamFilters(config.filters, path, scope),
    });
    return new RuntimeCluster({ ...settings, limits }, transports, { ...scope, stats, resolver: scope.resolver ?? systemResolver });
  } catch (error) {
    transports?.close();
    stats.drop();
    throw error;
  }
}
