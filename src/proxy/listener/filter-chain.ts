import { ConfigError } from '../../core/errors.ts';
import type { FilterChain as FilterChainProto } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { DownstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { durationMs } from '../config/durations.ts';
import type { SecretStore } from '../config/secret-store.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import { parseNetworkFilters, type ParsedFilter } from '../network/build-filters.ts';
import type { NetworkFilter, NetworkHandler } from '../network/filter.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { DownstreamTls } from '../tls/downstream.ts';
import type { DrainState } from './drain-state.ts';

/** A filter chain that connections run through. */
export interface FilterChain {
  readonly name: string;
  /** Undefined: plain. */
  readonly tls: DownstreamTls | undefined;
  readonly handlers: readonly NetworkHandler[];
  /** Whether its connections are to end. */
  readonly drain: DrainState;
}

/** A filter chain, read and checked; its filters are made once the listener is. */
export interface ParsedChain {
  readonly name: string;
  readonly tls: DownstreamTls | undefined;
  readonly filters: readonly ParsedFilter[];
}

export interface ChainScope {
  /** The listener's. */
  readonly stats: StatsScope;
  readonly secrets: SecretStore;
  readonly filters: readonly NetworkFilter[];
  /** The listener's name, for lists of certificates. */
  readonly listener: string;
}

function readTransport(chain: FilterChainProto, path: string, scope: ChainScope): DownstreamTls | undefined {
  const socket = chain.transportSocket;
  const any = socket?.configType.value;
  const at = `${path}.transport_socket.typed_config`;
  if (socket === undefined || (any === undefined && socket.name === 'envoy.transport_sockets.raw_buffer')) return undefined;
  const type = any === undefined ? '' : typeNameOf(any);
  if (type === RawBufferSchema.typeName) return undefined;
  if (type !== DownstreamTlsContextSchema.typeName)
    throw new ConfigError(at, `${type || 'nothing'}: only raw_buffer and tls are supported`);
  const handshakeMs = durationMs(chain.transportSocketConnectTimeout, 0);
  return new DownstreamTls(decodeTyped(any, DownstreamTlsContextSchema, at), at, {
    stats: scope.stats,
    secrets: scope.secrets,
    handshakeMs,
    usedBy: `listener.${scope.listener}`,
  });
}

/** Reads a filter chain; `path` is its own. */
export function parseFilterChain(chain: FilterChainProto, path: string, scope: ChainScope): ParsedChain {
  return { name: chain.name, filters: parseNetworkFilters(chain.filters, scope.filters, path), tls: readTransport(chain, path, scope) };
}
