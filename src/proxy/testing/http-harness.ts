/** A connection manager on a loopback port, with clusters made of given ports: for tests with real sockets. */
import { once } from 'node:events';
import net from 'node:net';
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { portOf } from '../../net/testing/port-of.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { acceptConnection, connectTcp } from '../../net/socket-connection.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import {
  RouteActionSchema,
  type RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Cluster, ClusterManager, Host, Limits, Outcome, PickContext } from '../cluster/cluster.ts';
import { drainPool } from '../cluster/host-pools.ts';
import { type HttpSettings, readHttpSettings } from '../cluster/http-options.ts';
import type { DownstreamConnection, PeerTls } from '../listener/connection.ts';
import type { NetworkScope } from '../network/filter.ts';
import { httpConnectionManager } from '../network/http-connection-manager.ts';
import { tcpStreamInfo } from '../network/tcp-stream-info.ts';
import type { RouteSource } from '../router/route.ts';
import type { StatsRegistry } from '../telemetry/registry.ts';

interface TestHost extends Host {
  readonly outcomes: Outcome[];
}

function testHost(port: number): TestHost {
  const outcomes: Outcome[] = [];
  return {
    address: { host: '127.0.0.1', port },
    key: `127.0.0.1:${port}`,
    hostname: '',
    weight: 1,
    isHealthy: true,
    isDraining: false,
    activeRequests: 0,
    activeConnections: 0,
    metadata: {},
    transport: {
      isTls: false,
      connect: (host, options, handlers) => connectTcp(host.address, options, handlers),
    },
    requestsTotal: { value: 0 },
    pool: undefined,
    outcomes,
    report: (outcome) => void outcomes.push(outcome),
  };
}

/** A cluster whose hosts are taken in turn, those to be avoided last. */
export interface TestCluster extends Cluster {
  readonly hosts: readonly TestHost[];
}

const HTTP_SETTINGS = readHttpSettings(create(ClusterSchema), '');

/** What a test wants otherwise in a cluster. */
export type ClusterChanges = Partial<Cluster & Limits & HttpSettings>;

export function testCluster(name: string, ports: readonly number[], stats: StatsRegistry, changes: ClusterChanges = {}): TestCluster {
  const scope = stats.scope(`cluster.${name}`);
  const hosts = ports.map(testHost);
  let next = 0;
  return {
    name,
    metadata: {},
    connectTimeoutMs: 1000,
    limits: {
      maxConnections: Infinity,
      maxPools: Infinity,
      pools: { value: 0 },
      maxPendingRequests: Infinity,
      maxRequests: Infinity,
      maxRetries: 3,
      retryBudget: undefined,
      connections: scope.gauge('upstream_cx_active'),
      pending: scope.gauge('upstream_rq_pending_active'),
      requests: scope.gauge('upstream_rq_active'),
      retries: scope.gauge('upstream_rq_retry_active'),
      ...changes,
    },
    http: { ...HTTP_SETTINGS, idleTimeoutMs: 0, http1: { ...HTTP_SETTINGS.http1, passesTrailers: true }, ...changes },
    sourceAddresses: [],
    stats: scope,
    isWarm: true,
    ...changes,
    hosts,
    pick: ({ avoid }: PickContext) => {
      for (let i = 0; i < hosts.length; i++) {
        const host = hosts[next++ % hosts.length];
        if (host !== undefined && !avoid.includes(host)) return host;
      }
      return hosts[next++ % Math.max(1, hosts.length)];
    },
  };
}

/** The clusters of a test; `late` ones arrive only when they are asked for. */
export function testClusters(clusters: readonly Cluster[], late: readonly Cluster[] = []): ClusterManager {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  return {
    get: (name) => byName.get(name),
    request(name, _timeoutMs, callback) {
      setImmediate(() => callback(late.find((cluster) => cluster.name === name)));
    },
    forEach: (visit) => byName.forEach((cluster) => visit(cluster)),
  };
}

export type HcmInit = MessageInitShape<typeof HttpConnectionManagerSchema>;

/** Adds the router as the last filter, and what else every configuration needs. */
export function completed(message: HttpConnectionManager): HttpConnectionManager {
  if (message.statPrefix === '') message.statPrefix = 'test';
  message.httpFilters.push(httpFilter('envoy.filters.http.router', RouterSchema, {}));
  return message;
}

/** A filter of the chain with its configuration. */
export function httpFilter<S extends DescMessage>(name: string, schema: S, init: MessageInitShape<S>): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: anyPack(schema, create(schema, init)) } });
}

type RouteInit = MessageInitShape<typeof RouteSchema>;

/** A connection manager's configuration with one virtual host for every domain. */
export function routesOf(routes: readonly RouteInit[], host: Partial<VirtualHost> = {}): HttpConnectionManager {
  const virtualHost = create(VirtualHostSchema, { name: 'v', domains: ['*'], routes: [...routes] });
  Object.assign(virtualHost, host);
  const value = create(RouteConfigurationSchema, { name: 'r', virtualHosts: [virtualHost] });
  return create(HttpConnectionManagerSchema, { routeSpecifier: { case: 'routeConfig', value } });
}

/** A route to a cluster. */
export function routeTo(cluster: string, action: MessageInitShape<typeof RouteActionSchema> = {}, prefix = '/'): RouteInit {
  const value = create(RouteActionSchema, { ...action, clusterSpecifier: { case: 'cluster', value: cluster } });
  return { match: { pathSpecifier: { case: 'prefix', value: prefix } }, action: { case: 'route', value } };
}

export interface Proxy {
  readonly port: number;
  readonly stats: StatsRegistry;
  /** Lines of access logs that go to /dev/stdout. */
  readonly logLines: string[];
  setDraining(isDraining: boolean): void;
  close(): Promise<void>;
}

let nextId = 0;

/** Starts a connection manager. `tls` is what its clients are said to have shown; `routes` what comes by RDS. */
export async function startProxy(
  message: HttpConnectionManager,
  clusters: ClusterManager,
  stats: StatsRegistry,
  tls?: PeerTls,
  routes: RouteSource = { current: () => undefined },
): Promise<Proxy> {
  let isDraining = false;
  const logLines: string[] = [];
  const scope: NetworkScope = {
    stats,
    clusters,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    logSink: { target: () => ({ write: (line: string) => void logLines.push(line) }) },
    node: { id: 'test', cluster: 'test', metadata: {} },
    direction: 'unspecified',
    listenerMetadata: {},
    routes: () => routes,
    isDraining: () => isDraining,
  };
  const handler = httpConnectionManager.create(httpConnectionManager.parse(completed(message), 'hcm'), scope);
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const connection = acceptConnection(socket);
    const downstream: DownstreamConnection = {
      id: nextId++,
      remote: connection.remote,
      local: connection.local,
      isRedirected: false,
      requestedServerName: '',
      tls,
      principal: tls?.uriSans[0] ?? '',
      direction: 'unspecified',
      listenerName: 'test',
      filterChainName: '',
      memo: new Map(),
    };
    handler(connection, downstream, tcpStreamInfo(downstream, systemClock));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server),
    stats,
    logLines,
    setDraining: (draining) => void (isDraining = draining),
    async close() {
      clusters.forEach((cluster) => cluster.hosts.forEach(drainPool));
      server.close();
      await once(server, 'close');
    },
  };
}

/** A raw server: `serve` gets each connection's socket; closing ends what is open. */
export async function startOrigin(serve: (socket: net.Socket) => void): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers each request of at most one packet's head (no bodies) by what `answer` makes of its text; '' to say nothing. */
export function answering(answer: (head: string, socket: net.Socket) => string): (socket: net.Socket) => void {
  return (socket) => {
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (;;) {
        const end = text.indexOf('\r\n\r\n');
        const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
        if (end < 0 || text.length < end + 4 + length) return;
        const message = text.slice(0, end + 4 + length);
        text = text.slice(end + 4 + length);
        const reply = answer(message, socket);
        if (reply !== '') socket.write(reply, 'latin1');
      }
    });
  };
}

/** A response with a body of known length. */
export function response(status: number, body: string, headers = ''): string {
  return `HTTP/1.1 ${status} X\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
}

export interface TestClient {
  readonly socket: net.Socket;
  send(text: string): void;
  /** Waits until what was received matches, and gives it. */
  until(pattern: RegExp): Promise<string>;
  /** Waits until the other side has closed, and gives all that was received. */
  closed(): Promise<string>;
  /** Forgets what was received. */
  clear(): void;
}

export async function connectClient(port: number): Promise<TestClient> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  let text = '';
  let isClosed = false;
  const waiters = new Set<() => void>();
  const wake = (): void => waiters.forEach((waiter) => waiter());
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    wake();
  });
  socket.on('error', () => {});
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      isClosed = true;
      wake();
    });
  }
  const waitFor = (isDone: () => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (!isDone()) {
          if (isClosed) reject(new Error(`closed after ${JSON.stringify(text)}`));
          return;
        }
        waiters.delete(check);
        resolve(text);
      };
      waiters.add(check);
      check();
    });
  return {
    socket,
    send: (bytes) => void socket.write(bytes, 'latin1'),
    until: (pattern) => waitFor(() => pattern.test(text)),
    closed: () => waitFor(() => isClosed),
    clear: () => void (text = ''),
  };
}

/** One request on a connection of its own: `connection: close` is added. Gives the whole response. */
export async function ask(port: number, request: string): Promise<string> {
  const client = await connectClient(port);
  client.send(request.replace('\r\n', '\r\nconnection: close\r\n'));
  const text = await client.closed();
  client.socket.destroy();
  return text;
}
