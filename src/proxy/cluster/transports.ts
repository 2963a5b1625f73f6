import type { Any } from '@bufbuild/protobuf/wkt';
import { systemClock } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import { type KeepAlive, SYSTEM_KEEP_ALIVE } from '../../net/keep-alive.ts';
import { internalListenerOf } from '../../net/address.ts';
import { connectTcp } from '../../net/socket-connection.ts';
import type { Cluster as ClusterProto } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { InternalUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { SecretStore } from '../config/secret-store.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { timersOf } from '../timers.ts';
import { TlsTransport } from '../tls/upstream.ts';
import type { ConnectOptions, Host, Transport, TransportHandlers } from './cluster.ts';
import { FailureCloser } from './failure-closer.ts';
import { changing, passingOn } from './connecting.ts';
import { tryingAll } from './happy-eyeballs.ts';
import { connectInternal, type FindInternal, NOTHING_PASSED } from './internal-dial.ts';
import { internalUpstream } from './internal-upstream.ts';
import { proxyProtocolUpstream } from './proxy-protocol-upstream.ts';
import { chooseTransport, type TransportMatch } from './transport-match.ts';
import type { WrapTransport } from './upstream-exchange.ts';

interface TransportScope {
  /** The cluster's. */
  readonly stats: StatsScope;
  readonly secrets: SecretStore;
  /** `auto_sni`: defined where requests name the server; a host's name stands in where there is no request. */
  readonly serverNameOf: unknown;
  /** True: a certificate must be for the server name that was sent. */
  readonly checksSni: boolean;
  /** Where connections to internal listeners go; absent: there are none. */
  readonly findInternal?: FindInternal | undefined;
  /** What the cluster's network filters make of each way; absent: it has none. */
  readonly wrap?: WrapTransport;
}

/** All ways to the hosts of a cluster. */
export interface Transports {
  /** The way to an endpoint with this `filter_metadata`. */
  choose(metadata: Readonly<Record<string, unknown>>): Transport;
  /** True once every secret that is needed has arrived. */
  readonly isReady: boolean;
  /** Calls back whenever `isReady` may have changed. */
  onReady(callback: () => void): void;
  /** Active checks or outlier detection have taken a host out. */
  hostFailed(host: Host): void;
  /** Stops watching secrets; connections that exist go on. */
  close(): void;
}

/** Sends something before the connection is handed over. */
function prefaced(preface: NonNullable<ConnectOptions['preface']>, handlers: TransportHandlers): TransportHandlers {
  return passingOn(handlers, (connection) => {
    connection.writeBytes(preface(connection.local, connection.remote), false);
    return connection;
  });
}

/** One timer of Node's for the connections of all clusters. */
const deadlines = timersOf(systemClock);

/** Plain TCP, or a connection within the process. */
function plainTransport(keepAlive: KeepAlive | undefined, find: FindInternal): Transport {
  return {
    isTls: false,
    connect(host: Host, { timeoutMs, bind, preface, address = host.address }: ConnectOptions, handlers: TransportHandlers) {
      if (internalListenerOf(address) !== undefined) return connectInternal(find, address, NOTHING_PASSED, timeoutMs, handlers);
      const begin = preface === undefined ? handlers : prefaced(preface, handlers);
      connectTcp(address, { timeoutMs, keepAlive, bind, deadlines }, begin);
    },
  };
}

function readKeepAlive(config: ClusterProto): KeepAlive | undefined {
  const settings = config.upstreamConnectionOptions?.tcpKeepalive;
  if (settings === undefined) return undefined;
  const { keepaliveTime, keepaliveInterval, keepaliveProbes } = settings;
  return {
    idleMs: keepaliveTime === undefined ? SYSTEM_KEEP_ALIVE.idleMs : keepaliveTime * 1000,
    intervalMs: keepaliveInterval === undefined ? SYSTEM_KEEP_ALIVE.intervalMs : keepaliveInterval * 1000,
    probes: keepaliveProbes ?? SYSTEM_KEEP_ALIVE.probes,
  };
}

/** Connections that hold back their writers above so many bytes: `per_connection_buffer_limit_bytes`. */
function limitedTo(bytes: number, inner: Transport): Transport {
  return changing(inner, (connection) => {
    connection.limitBuffer?.(bytes);
    return connection;
  });
}

type BuildSocket = (socket: TransportSocket | undefined, at: string) => Transport;

/** Builds sockets by what they are, those within others too; adds those of TLS to `secured`. Throws ConfigError. */
function socketBuilder(config: ClusterProto, scope: TransportScope, secured: TlsTransport[]): BuildSocket {
  const { stats, secrets, checksSni } = scope;
  const keepAlive = readKeepAlive(config);
  const findInternal = scope.findInternal ?? (() => undefined);
  const plain = plainTransport(keepAlive, findInternal);
  const secure = (any: Any | undefined, path: string): Transport => {
    const transport = new TlsTransport(decodeTyped(any, UpstreamTlsContextSchema, path), path, {
      stats,
      secrets,
      usesHostname: scope.serverNameOf !== undefined,
      checksSni,
      keepAlive,
      usedBy: `cluster.${config.name}`,
    });
    secured.push(transport);
    return transport;
  };
  const build: BuildSocket = (socket, at) => {
    const any = socket?.configType.value;
    if (socket === undefined || (any === undefined && socket.name === 'envoy.transport_sockets.raw_buffer')) return plain;
    const type = any === undefined ? '' : typeNameOf(any);
    const path = `${at}.typed_config`;
    switch (type) {
      case RawBufferSchema.typeName:
        return plain;
      case UpstreamTlsContextSchema.typeName:
        return secure(any, path);
      case InternalUpstreamTransportSchema.typeName: {
        const message = decodeTyped(any, InternalUpstreamTransportSchema, path);
        const inner = build(message.transportSocket, `${path}.transport_socket`);
        return internalUpstream(message, path, inner, config.metadata?.filterMetadata ?? {}, findInternal);
      }
      case ProxyProtocolUpstreamTransportSchema.typeName: {
        const message = decodeTyped(any, ProxyProtocolUpstreamTransportSchema, path);
        if (message.transportSocket === undefined) throw new ConfigError(`${path}.transport_socket`, 'is missing');
        return proxyProtocolUpstream(message, path, build(message.transportSocket, `${path}.transport_socket`));
      }
      default:
        throw new ConfigError(
          path,
          `${type || 'nothing'}: only raw_buffer, tls, internal_upstream and upstream_proxy_protocol are supported`,
        );
    }
  };
  return build;
}

/**
 * Builds the transports of a cluster: `transport_socket` and `transport_socket_matches`. `path` is the cluster's.
 * Throws ConfigError for sockets that Tulle does not have.
 */
export function buildTransports(config: ClusterProto, path: string, scope: TransportScope): Transports {
  const secured: TlsTransport[] = [];
  const build = socketBuilder(config, scope, secured);
  const fallback = build(config.transportSocket, `${path}.transport_socket`);
  const matches = config.transportSocketMatches.map((match, i): TransportMatch => {
    const transport = build(match.transportSocket, `${path}.transport_socket_matches[${i}].transport_socket`);
    return { name: match.name, match: match.match ?? {}, transport };
  });
  // one for each, so that hosts can tell by identity whether their transport is the same
  const closer = config.closeConnectionsOnHostHealthFailure ? new FailureCloser() : undefined;
  const limitBytes = config.perConnectionBufferLimitBytes;
  const outer = (inner: Transport): Transport => {
    const filtered = scope.wrap?.(inner) ?? inner;
    const limited = limitBytes === undefined ? filtered : limitedTo(limitBytes, filtered);
    return closer?.watching(tryingAll(limited)) ?? tryingAll(limited);
  };
  const trying = new Map([fallback, ...matches.map(({ transport }) => transport)].map((inner) => [inner, outer(inner)]));
  return {
    choose(metadata) {
      const inner = chooseTransport(matches, metadata, fallback);
      return trying.get(inner) ?? inner;
    },
    get isReady() {
      return secured.every((transport) => transport.isReady);
    },
    onReady(callback) {
      for (const transport of secured) transport.onReady(callback);
    },
    hostFailed: (host) => closer?.hostFailed(host),
    close() {
      for (const transport of secured) transport.close();
    },
  };
}
