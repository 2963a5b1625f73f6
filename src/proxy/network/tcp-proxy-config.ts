import { ConfigError } from '../../core/errors.ts';
import type { AccessLog } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { TcpProxy } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { durationMs } from '../config/durations.ts';
import { readTunneling, type TunnelSettings } from './tunnel-config.ts';

/** TcpProxy, read and checked. */
export interface TcpProxyConfig {
  readonly statPrefix: string;
  /** The cluster for a number in [0, 1). */
  chooseCluster(random: number): string;
  /** 0: none. */
  readonly idleTimeoutMs: number;
  /** 0: none. */
  readonly maxDurationMs: number;
  readonly maxConnectAttempts: number;
  /** True: the client's address is what consistent hashing goes by. */
  readonly hashesSource: boolean;
  /** Where a missing cluster is asked for, and how long it is waited for; undefined: it is not. */
  readonly onDemandMs: number | undefined;
  /** Connections are tunnels; undefined: they are direct. */
  readonly tunneling: TunnelSettings | undefined;
  readonly accessLog: readonly AccessLog[];
  /** Of the filter's configuration, for errors that show later. */
  readonly path: string;
}

const IDLE_MS = 3_600_000;
const ON_DEMAND_MS = 60_000;

function readClusters(config: TcpProxy, path: string): (random: number) => string {
  const { case: kind, value } = config.clusterSpecifier;
  if (kind === 'cluster') return () => value;
  if (kind === undefined) throw new ConfigError(path, 'cluster or weighted_clusters is missing');
  const { clusters } = value;
  const total = clusters.reduce((sum, each) => sum + each.weight, 0);
  const first = clusters[0];
  if (first === undefined || total === 0) throw new ConfigError(`${path}.weighted_clusters`, 'no cluster has a weight above 0');
  return (random) => {
    let left = random * total;
    for (const each of clusters) {
      left -= each.weight;
      if (left < 0) return each.name;
    }
    return first.name;
  };
}

/** Reads a TcpProxy; `path` is its own. */
export function readTcpProxy(config: TcpProxy, path: string): TcpProxyConfig {
  const wrongHash = config.hashPolicy.findIndex((policy) => policy.policySpecifier.case !== 'sourceIp');
  if (wrongHash >= 0) throw new ConfigError(`${path}.hash_policy[${wrongHash}]`, 'only source_ip is supported');
  const attempts = config.maxConnectAttempts ?? 1;
  if (attempts === 0) throw new ConfigError(`${path}.max_connect_attempts`, '0 is below 1');
  return {
    statPrefix: config.statPrefix,
    chooseCluster: readClusters(config, path),
    idleTimeoutMs: durationMs(config.idleTimeout, IDLE_MS),
    maxDurationMs: durationMs(config.maxDownstreamConnectionDuration, 0),
    maxConnectAttempts: attempts,
    hashesSource: config.hashPolicy.length > 0,
    onDemandMs: config.onDemand && durationMs(config.onDemand.timeout, ON_DEMAND_MS),
    tunneling: config.tunnelingConfig && readTunneling(config.tunnelingConfig, `${path}.tunneling_config`),
    accessLog: config.accessLog,
    path,
  };
}
