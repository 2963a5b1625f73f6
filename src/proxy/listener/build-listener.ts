import net from 'node:net';
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { formatAddress, type NetAddress } from '../../net/address.ts';
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { FilterChainMatchSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener as ListenerProto, Listener_DrainType as DrainType } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { readAddress } from '../cluster/endpoints.ts';
import type { NetworkScope } from '../network/filter.ts';
import { createAccessLogs } from '../telemetry/access-log.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { compileChainMatches } from './chain-match.ts';
import { parseFilterChain, type ParsedChain } from './filter-chain.ts';
import { readListenerFilters } from './listener-filters.ts';
import type { ListenerScope, RuntimeListener } from './listener-scope.ts';
import { type BindAddress, BoundListener, type ListenerSettings } from './bound-listener.ts';

export type { ListenerScope, RuntimeListener } from './listener-scope.ts';

const BACKLOG = 4096;

const DIRECTIONS = new Map<number, NetworkScope['direction']>([
  [TrafficDirection.INBOUND, 'inbound'],
  [TrafficDirection.OUTBOUND, 'outbound'],
]);

function readBind(address: Address | undefined, path: string): BindAddress {
  const wanted = readAddress(address, path);
  if (!wanted.host.startsWith('/') && net.isIP(wanted.host) === 0) {
    throw new ConfigError(`${path}.socket_address.address`, `${wanted.host} is not an IP address`);
  }
  const isDualStack = address?.address.case === 'socketAddress' && address.address.value.ipv4Compat;
  return { address: wanted, isDualStack, path };
}

/** Envoy's name of a listener in statistics. */
function statScopeOf({ statPrefix, name }: ListenerProto, isInternal: boolean, address: NetAddress | undefined): string {
  if (statPrefix !== '') return `listener.${statPrefix}`;
  if (isInternal) return `listener.envoy_internal_${name}`;
  return `listener.${address === undefined ? 'none' : formatAddress(address).replaceAll(':', '_')}`;
}

function refuse(config: ListenerProto, path: string): void {
  if (config.connectionBalanceConfig?.balanceType.case === 'extendBalance') {
    throw new ConfigError(`${path}.connection_balance_config.extend_balance`, 'is not supported');
  }
  if (config.filterChains.length === 0 && config.defaultFilterChain === undefined) {
    throw new ConfigError(`${path}.filter_chains`, 'no filter chain is given');
  }
}

function refuseTls({ defaultFilterChain }: ListenerProto, chains: readonly ParsedChain[], path: string): void {
  const index = chains.findIndex(({ tls }) => tls !== undefined);
  const at = index >= 0 ? `filter_chains[${index}]` : 'default_filter_chain';
  if (index >= 0 || defaultFilterChain?.transportSocket?.name === 'envoy.transport_sockets.tls')
    throw new ConfigError(`${path}.${at}.transport_socket`, 'TLS on internal listeners is not supported by Tulle; raw_buffer is');
}

/** Whether a listener takes connections within the process only, which leaves out all that sockets have. */
function readInternal(config: ListenerProto, path: string): boolean {
  if (config.listenerSpecifier.case !== 'internalListener') return false;
  if (config.name === '') throw new ConfigError(`${path}.name`, 'is empty: endpoints name internal listeners by it');
  if (config.address !== undefined) throw new ConfigError(`${path}.address`, 'an internal listener has no address');
  if (config.additionalAddresses.length > 0) throw new ConfigError(`${path}.additional_addresses`, 'an internal listener has no address');
  if (config.useOriginalDst ?? false) throw new ConfigError(`${path}.use_original_dst`, 'an internal listener hands nothing over');
  return true;
}

/**
 * Builds a listener, which accepts nothing before `start`; `path` is its resource's. Throws ConfigError for what cannot
 * be obeyed.
 */
export function buildListener(config: ListenerProto, path: string, scope: ListenerScope): RuntimeListener {
  return readListener(config, path, scope, (settings, stats) => new BoundListener(settings, { ...scope, listenerStats: stats }));
}

/** Throws ConfigError for what `buildListener` could not obey. Gives the listener's addresses. */
export function checkListener(config: ListenerProto, path: string, scope: ListenerScope): readonly NetAddress[] {
  return readListener(config, path, scope, ({ binds, chains, defaultChain }, stats) => {
    for (const chain of [...chains, ...(defaultChain === undefined ? [] : [defaultChain])]) chain.tls?.close();
    stats.drop();
    return binds.map(({ address }) => address);
  });
}

/** Reads what a listener is to be, and makes something of it. */
function readListener<T>(
  config: ListenerProto,
  path: string,
  scope: ListenerScope,
  make: (settings: ListenerSettings, stats: StatsScope) => T,
): T {
  refuse(config, path);
  const isInternal = readInternal(config, path);
  const binds = [
    ...(isInternal ? [] : [readBind(config.address, `${path}.address`)]),
    ...config.additionalAddresses.map((each, i) => readBind(each.address, `${path}.additional_addresses[${i}].address`)),
  ];
  const stats = scope.stats.scope(statScopeOf(config, isInternal, binds[0]?.address));
  const parsed: ParsedChain[] = [];
  try {
    const chainScope = { stats, secrets: scope.secrets, filters: scope.filters, listener: config.name };
    for (const [i, chain] of config.filterChains.entries()) parsed.push(parseFilterChain(chain, `${path}.filter_chains[${i}]`, chainScope));
    if (isInternal) refuseTls(config, parsed, path);
    const chains = [...parsed];
    const fallback = config.defaultFilterChain && parseFilterChain(config.defaultFilterChain, `${path}.default_filter_chain`, chainScope);
    if (fallback !== undefined) parsed.push(fallback);
    const settings: ListenerSettings = {
      name: config.name,
      binds,
      isInternal,
      bindsToPort: config.bindToPort ?? config.deprecatedV1?.bindToPort ?? true,
      backlog: config.tcpBacklogSize ?? BACKLOG,
      bufferLimitBytes: config.perConnectionBufferLimitBytes,
      handsOff: config.useOriginalDst ?? false,
      filters: readListenerFilters(config, path),
      direction: DIRECTIONS.get(config.trafficDirection) ?? 'unspecified',
      drainsOnFailure: config.drainType === DrainType.DEFAULT,
      bypassesOverload: config.bypassOverloadManager,
      ignoresConnectionLimit: config.ignoreGlobalConnLimit,
      metadata: config.metadata?.filterMetadata ?? {},
      match: compileChainMatches(
        config.filterChains.map((chain) => chain.filterChainMatch ?? create(FilterChainMatchSchema)),
        path,
      ),
      chains,
      defaultChain: fallback,
      accessLog: createAccessLogs(config.accessLog, `${path}.access_log`, scope.logSink, scope.random, {
        ...scope,
        direction: DIRECTIONS.get(config.trafficDirection) ?? 'unspecified',
        listenerMetadata: config.metadata?.filterMetadata ?? {},
      }),
    };
    return make(settings, stats);
  } catch (error) {
    for (const chain of parsed) chain.tls?.close();
    stats.drop();
    throw error;
  }
}
