/** Listeners, clusters and secrets put together for tests, and TCP clients and servers on loopback. */
import { once } from 'node:events';
import net from 'node:net';
import { createRegistry, fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { systemClock } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { ClusterSchema } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { FileAccessLogSchema } from '../../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { HttpInspectorSchema } from '../../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { OriginalDstSchema } from '../../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { ProxyProtocolSchema } from '../../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from '../../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { ConnectionLimitSchema } from '../../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { ConfigSchema as DirectResponseSchema } from '../../../xds/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { RBACSchema } from '../../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { ExtAuthzSchema } from '../../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { EchoSchema } from '../../../xds/gen/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import { LocalRateLimitSchema } from '../../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { ConfigSchema as NetworkStateSchema } from '../../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { SniClusterSchema } from '../../../xds/gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.ts';
import { TcpProxySchema } from '../../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { buildCluster, type MutableCluster } from '../../cluster/build-cluster.ts';
import type { KeyPair, SecretStore, TicketKeys, TrustBundle, Watched } from '../../config/secret-store.ts';
import { tcpProxy } from '../../network/tcp-proxy.ts';
import { createStats } from '../../telemetry/registry.ts';
import { buildListener, type ListenerScope, type RuntimeListener } from '../build-listener.ts';
import { ownSockets } from '../listen-sockets.ts';
import { ListenerDirectory } from '../listener-directory.ts';

const registry = createRegistry(
  TcpProxySchema,
  ConnectionLimitSchema,
  ExtAuthzSchema,
  RBACSchema,
  DirectResponseSchema,
  EchoSchema,
  LocalRateLimitSchema,
  NetworkStateSchema,
  SniClusterSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  TlsInspectorSchema,
  HttpInspectorSchema,
  OriginalDstSchema,
  ProxyProtocolSchema,
  ProxyProtocolUpstreamTransportSchema,
  FileAccessLogSchema,
  HttpProtocolOptionsSchema,
);

/** A value that tests set. */
interface Settable<Value> extends Watched<Value> {
  set(value: Value): void;
}

function settable<Value>(): Settable<Value> {
  let value: Value | undefined;
  const callbacks = new Set<() => void>();
  return {
    current: () => value,
    watch(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    set(next) {
      value = next;
      for (const callback of callbacks) callback();
    },
  };
}

interface TestSecrets extends SecretStore {
  keyPair(name: string): Settable<KeyPair>;
  trust(name: string): Settable<TrustBundle>;
  ticketKeys(name: string): Settable<TicketKeys>;
}

function createSecrets(): TestSecrets {
  const byName = <Value>() => {
    const values = new Map<string, Settable<Value>>();
    return (name: string): Settable<Value> => {
      const value = values.get(name) ?? settable<Value>();
      values.set(name, value);
      return value;
    };
  };
  return { keyPair: byName<KeyPair>(), trust: byName<TrustBundle>(), ticketKeys: byName<TicketKeys>() };
}

/** The `typed_config` of a message in JSON. */
export function typed(schema: { readonly typeName: string }, value: JsonObject = {}): JsonObject {
  return { '@type': `type.googleapis.com/${schema.typeName}`, ...value };
}

/** A filter chain with a TCP proxy to `cluster`, or to the clusters that `proxy` names. */
export function tcpChain(cluster: string | undefined, changes: JsonObject = {}, proxy: JsonObject = {}): JsonObject {
  const config = typed(TcpProxySchema, { statPrefix: 'test', ...(cluster === undefined ? {} : { cluster }), ...proxy });
  return { name: `to-${cluster ?? 'many'}`, filters: [{ name: 'tcp', typedConfig: config }], ...changes };
}

export const LOOPBACK: JsonObject = { socketAddress: { address: '127.0.0.1', portValue: 0 } };

export interface TestProxy {
  readonly stats: ReturnType<typeof createStats>;
  readonly secrets: TestSecrets;
  readonly directory: ListenerDirectory;
  /** Lines of access logs. */
  readonly log: string[];
  cluster(name: string, config: JsonObject): MutableCluster;
  /** A STATIC cluster of hosts on loopback. */
  tcpCluster(name: string, ports: readonly number[], changes?: JsonObject): MutableCluster;
  listener(config: JsonObject, changes?: Partial<ListenerScope>): RuntimeListener;
  /** The value of a counter or gauge by its full name. */
  stat(name: string): number;
  close(): Promise<void>;
}

export function createTestProxy(): TestProxy {
  const stats = createStats();
  const secrets = createSecrets();
  const directory = new ListenerDirectory();
  const clusters = new Map<string, MutableCluster>();
  const listeners: RuntimeListener[] = [];
  const log: string[] = [];
  const shared = { stats, secrets, clock: systemClock, random: Math.random, log: silentLog };
  const scope: ListenerScope = {
    ...shared,
    clusters: {
      get: (name) => clusters.get(name),
      request: (name, _timeoutMs, callback) => callback(clusters.get(name)),
      forEach: (visit) => clusters.forEach((cluster) => visit(cluster)),
    },
    logSink: { target: () => ({ write: (line) => log.push(line) }) },
    node: { id: 'test', cluster: 'test', metadata: {} },
    routes: () => ({ current: () => undefined }),
    filters: [tcpProxy],
    sockets: ownSockets,
    drain: { strategy: 'immediate', timeMs: 1000 },
    handOff: (destination) => directory.find(destination),
  };
  const proxy: TestProxy = {
    stats,
    secrets,
    directory,
    log,
    cluster(name, config) {
      const built = buildCluster(fromJson(ClusterSchema, { name, ...config }, { registry }), name, shared);
      clusters.set(name, built);
      return built;
    },
    tcpCluster(name, ports, changes = {}) {
      const lbEndpoints: JsonValue = ports.map((portValue) => ({
        endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue } } },
      }));
      return proxy.cluster(name, { loadAssignment: { endpoints: [{ lbEndpoints }] }, ...changes });
    },
    listener(config, changes = {}) {
      const message = fromJson(ListenerSchema, { name: 'test', address: LOOPBACK, ...config }, { registry });
      const built = buildListener(message, 'listener', { ...scope, ...changes });
      listeners.push(built);
      return built;
    },
    stat(name) {
      let found = 0;
      stats.forEach((stat) => {
        if (stat.name !== name) return;
        if (stat.value.kind === 'counter') found = stat.value.counter.value;
        else if (stat.value.kind === 'gauge') found = stat.value.gauge.value;
      });
      return found;
    },
    async close() {
      await Promise.all(listeners.map((listener) => listener.close()));
      for (const cluster of clusters.values()) cluster.close();
    },
  };
  return proxy;
}

/** The port that a listener got. */
export function portOf(listener: RuntimeListener): number {
  const [bound] = listener.boundAddresses;
  if (bound === undefined) throw new Error('the listener is not bound');
  return bound.port;
}

/** A server on loopback, with how to stop it. */
export interface TestServer {
  readonly port: number;
  close(): void;
}

export async function serve(onSocket: (socket: net.Socket) => void): Promise<TestServer> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Gives back what it gets, and ends when its client does. */
export async function echoServer(): Promise<TestServer> {
  return await serve((socket) => socket.pipe(socket));
}

/** Everything that a socket gives until it ends or breaks. */
export async function readAll(socket: net.Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  await new Promise((resolve) => {
    socket.once('end', resolve);
    socket.once('close', resolve);
  });
  return Buffer.concat(chunks).toString('latin1');
}

/** Sends `text`, half-closes, and gives what comes back. */
export async function exchange(port: number, text: string): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  socket.end(text);
  const answer = await readAll(socket);
  socket.destroy();
  return answer;
}
