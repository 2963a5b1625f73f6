import { ConfigError } from '../../core/errors.ts';
import type { AccessLog } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { BackoffStrategy } from '../../xds/gen/envoy/config/core/v3/backoff_pb.ts';
import { type TcpProxy, UpstreamConnectMode } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { HashPolicy } from '../../xds/gen/envoy/type/v3/hash_policy_pb.ts';
import { durationMs } from '../config/durations.ts';
import { type Hash64, xxHash64 } from '../cluster/lb/hash64.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { type ClusterTarget, readClusters } from './tcp-clusters.ts';
import { readProxyTlvs, type TlvSettings } from './proxy-tlvs.ts';
import { readTunneling, type TunnelSettings } from './tunnel-config.ts';

/** How long to wait between attempts to connect. */
interface BackOff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** When access logs are written besides the end. */
interface LogTimes {
  readonly atStart: boolean;
  readonly whenConnected: boolean;
  /** 0: not at intervals. */
  readonly intervalMs: number;
}

/** TcpProxy, read and checked. */
export interface TcpProxyConfig {
  readonly statPrefix: string;
  /** The cluster for a number in [0, 1), and the connection's filter state. */
  chooseCluster(random: number, filterState?: ReadonlyMap<string, string>): ClusterTarget;
  /** 0: none. */
  readonly idleTimeoutMs: number;
  /** 0: none. */
  readonly maxDurationMs: number;
  /** How much longer than `maxDurationMs` it may be, by chance, as a share of it. */
  readonly maxDurationJitter: number;
  readonly maxConnectAttempts: number;
  readonly backOff: BackOff | undefined;
  /** What consistent hashing goes by; undefined: by nothing. */
  readonly hash: ((info: StreamInfo) => Hash64 | undefined) | undefined;
  /** Where a missing cluster is asked for, and how long it is waited for; undefined: it is not. */
  readonly onDemandMs: number | undefined;
  /** Bytes of the client that are kept before there is an upstream; undefined: the client is not read before. */
  readonly earlyBytesMax: number | undefined;
  /** The upstream is connected to when the client has said something. */
  readonly connectsOnData: boolean;
  /** Connections are closed while the listener drains, when bytes flow. */
  readonly closesOnDrain: boolean;
  /** Connections are tunnels; undefined: they are direct. */
  readonly tunneling: TunnelSettings | undefined;
  /** Fields for the PROXY protocol header upstream. */
  readonly tlvs: TlvSettings;
  readonly logs: LogTimes;
  readonly accessLog: readonly AccessLog[];
  /** Of the filter's configuration, for errors that show later. */
  readonly path: string;
}

const IDLE_MS = 3_600_000;
const ON_DEMAND_MS = 60_000;
/** Envoy: as many base intervals as the longest has where nothing is said. */
const BACK_OFF_GROWTH = 10;

function readBackOff(config: BackoffStrategy | undefined, path: string): BackOff | undefined {
  if (config === undefined) return undefined;
  if (config.baseInterval === undefined) throw new ConfigError(`${path}.base_interval`, 'is missing');
  const baseMs = durationMs(config.baseInterval, 0);
  if (baseMs < 1) throw new ConfigError(`${path}.base_interval`, 'is below 1 ms');
  const maxMs = durationMs(config.maxInterval, baseMs * BACK_OFF_GROWTH);
  if (maxMs < baseMs) throw new ConfigError(`${path}.max_interval`, 'is below base_interval');
  return { baseMs, maxMs };
}

function readLogs(config: TcpProxy, path: string): LogTimes {
  const { accessLogOptions: options } = config;
  if (options === undefined)
    return { atStart: false, whenConnected: config.flushAccessLogOnConnected, intervalMs: durationMs(config.accessLogFlushInterval, 0) };
  if (config.flushAccessLogOnConnected || config.accessLogFlushInterval !== undefined)
    throw new ConfigError(`${path}.access_log_options`, 'excludes flush_access_log_on_connected and access_log_flush_interval');
  return {
    atStart: options.flushAccessLogOnStart,
    whenConnected: options.flushAccessLogOnConnected,
    intervalMs: durationMs(options.accessLogFlushInterval, 0),
  };
}

function readHash(policies: readonly HashPolicy[], path: string): TcpProxyConfig['hash'] {
  if (policies.length > 1) throw new ConfigError(`${path}.hash_policy`, `${policies.length} policies are more than 1`);
  const specifier = policies[0]?.policySpecifier;
  switch (specifier?.case) {
    case 'sourceIp':
      return ({ connection }) => xxHash64(connection.remote.host);
    case 'filterState': {
      const { key } = specifier.value;
      return ({ filterState }) => {
        const value = filterState?.get(key);
        return value === undefined ? undefined : xxHash64(value);
      };
    }
    case undefined:
      if (policies.length > 0) throw new ConfigError(`${path}.hash_policy[0]`, 'names nothing to hash');
      return undefined;
  }
}

function readConnectMode(config: TcpProxy, path: string): Pick<TcpProxyConfig, 'earlyBytesMax' | 'connectsOnData'> {
  const mode = config.upstreamConnectMode;
  if (mode !== UpstreamConnectMode.IMMEDIATE && config.maxEarlyDataBytes === undefined)
    throw new ConfigError(`${path}.max_early_data_bytes`, 'is missing: upstream_connect_mode other than IMMEDIATE needs it');
  // ON_DOWNSTREAM_TLS_HANDSHAKE: filters of ours begin after the handshake, so that it is no different from IMMEDIATE
  return { earlyBytesMax: config.maxEarlyDataBytes, connectsOnData: mode === UpstreamConnectMode.ON_DOWNSTREAM_DATA };
}

/** Reads a TcpProxy; `path` is its own. */
export function readTcpProxy(config: TcpProxy, path: string): TcpProxyConfig {
  if (config.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
  const attempts = config.maxConnectAttempts ?? 1;
  if (attempts === 0) throw new ConfigError(`${path}.max_connect_attempts`, '0 is below 1');
  const maxDurationMs = durationMs(config.maxDownstreamConnectionDuration, 0);
  if (config.maxDownstreamConnectionDuration !== undefined && maxDurationMs < 1)
    throw new ConfigError(`${path}.max_downstream_connection_duration`, 'is below 1 ms');
  return {
    statPrefix: config.statPrefix,
    chooseCluster: readClusters(config, path),
    idleTimeoutMs: durationMs(config.idleTimeout, IDLE_MS),
    maxDurationMs,
    maxDurationJitter: (config.maxDownstreamConnectionDurationJitterPercentage?.value ?? 0) / 100,
    maxConnectAttempts: attempts,
    backOff: readBackOff(config.backoffOptions, `${path}.backoff_options`),
    hash: readHash(config.hashPolicy, path),
    onDemandMs: config.onDemand && durationMs(config.onDemand.timeout, ON_DEMAND_MS),
    ...readConnectMode(config, path),
    closesOnDrain: config.checkDrainClose ?? false,
    tunneling: config.tunnelingConfig && readTunneling(config.tunnelingConfig, `${path}.tunneling_config`),
    tlvs: readProxyTlvs(config, path),
    logs: readLogs(config, path),
    accessLog: config.accessLog,
    path,
  };
}
