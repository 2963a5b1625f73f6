/**
 * Many proxies in one process: each a connection with one delta ADS stream that asks as Envoy does (clusters, their
 * endpoints, listeners, their routes) and answers everything. Started by control.ts, which speaks to it by messages.
 */
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from '../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { DeltaDiscoveryRequestSchema } from '../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '../src/xds/types.ts';
import { addressOf, type MeshSize, namespaceOf } from './control-mesh.ts';
import { anyValue, eachResource, framed, messageReader, readResponse } from './control-wire.ts';

/** What control.ts asks for. */
export type Command =
  | { readonly connect: { readonly port: number; readonly proxies: number; readonly size: MeshSize } }
  /** Tell when `count` streams got the resource `name`, or all that came by `withinMs`. */
  | { readonly watch: { readonly typeUrl: string; readonly name: string; readonly count: number; readonly withinMs: number } };

/** What it is told: milliseconds since the epoch. */
export type Report =
  | { readonly synced: { readonly firstMs: number; readonly lastMs: number; readonly bytes: number; readonly resources: number } }
  | { readonly arrived: readonly number[] };

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const WINDOW_BYTES = 16 << 20;

const nowMs = (): number => performance.timeOrigin + performance.now();

/** What a cluster or listener leads to, read once for all proxies: by type, name and content. */
const references = new Map<string, { readonly value: Buffer; readonly names: readonly string[] }>();

function clusterReferences(value: Buffer): string[] {
  const { name, clusterDiscoveryType, edsClusterConfig } = fromBinary(ClusterSchema, value);
  const isEds = clusterDiscoveryType.case === 'type' && clusterDiscoveryType.value === Cluster_DiscoveryType.EDS;
  return isEds ? [edsClusterConfig?.serviceName || name] : [];
}

function listenerReferences(value: Buffer): string[] {
  const { filterChains, defaultFilterChain } = fromBinary(ListenerSchema, value);
  const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
  return chains
    .flatMap(({ filters }) => filters)
    .flatMap(({ configType }) => {
      if (configType.case !== 'typedConfig') return [];
      const manager = anyUnpack(configType.value, HttpConnectionManagerSchema);
      return manager?.routeSpecifier.case === 'rds' ? [manager.routeSpecifier.value.routeConfigName] : [];
    });
}

function referencesOf(typeUrl: string, name: string, any: Buffer): readonly string[] {
  const key = `${typeUrl} ${name}`;
  const known = references.get(key);
  if (known?.value.equals(any) === true) return known.names;
  const value = anyValue(any);
  const names = typeUrl === CLUSTER_TYPE ? clusterReferences(value) : listenerReferences(value);
  references.set(key, { value: Buffer.from(any), names });
  return names;
}

let watching: { typeUrl: string; name: string; count: number; arrived: number[]; done: () => void } | undefined;

function noteArrival(typeUrl: string, name: string): void {
  if (watching?.typeUrl !== typeUrl || watching.name !== name) return;
  watching.arrived.push(nowMs());
  if (watching.arrived.length >= watching.count) watching.done();
}

/** One proxy's stream. */
class Client {
  bytes = 0;
  resources = 0;
  readonly #stream: http2.ClientHttp2Stream;
  readonly #asked = new Map<string, Set<string>>();
  readonly #onSynced: () => void;
  #waitingForRoutes: Set<string> | undefined;

  constructor(session: http2.ClientHttp2Session, node: JsonObject, id: string, onSynced: () => void) {
    this.#onSynced = onSynced;
    const headers = { ':method': 'POST', ':path': PATH, te: 'trailers', 'content-type': 'application/grpc' };
    this.#stream = session.request(headers, { endStream: false });
    const read = messageReader((message) => this.#receive(message));
    this.#stream.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      read(chunk);
    });
    this.#stream.on('response', (response) => {
      if (response['grpc-status'] !== undefined)
        console.error(`stream of ${id} refused:`, response['grpc-status'], response['grpc-message']);
    });
    this.#stream.on('trailers', (trailers) => console.error(`stream of ${id} ended:`, trailers['grpc-status'], trailers['grpc-message']));
    this.#stream.on('error', (error) => console.error(`stream of ${id} failed:`, error.message));
    this.#send({ typeUrl: CLUSTER_TYPE, node: { id, metadata: node, userAgentName: 'envoy' } });
  }

  #send(request: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1]): void {
    this.#stream.write(framed(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request))));
  }

  #receive(message: Buffer): void {
    const found = new Set<string>();
    const { typeUrl, nonce, resources } = readResponse(message);
    const refers = typeUrl === CLUSTER_TYPE || typeUrl === LISTENER_TYPE;
    // of endpoints, which are most, nobody asks for names but while a change is awaited
    if (refers || typeUrl === ROUTE_TYPE || watching?.typeUrl === typeUrl) {
      eachResource(message, (name, value) => {
        if (refers) for (const to of referencesOf(typeUrl, name, value)) found.add(to);
        else this.#waitingForRoutes?.delete(name);
        noteArrival(typeUrl, name);
      });
    }
    this.#send({ typeUrl, responseNonce: nonce });
    this.resources += resources;
    this.#next(typeUrl, found);
  }

  /** Asks for what came to be known; Envoy begins with listeners when clusters are warm. */
  #next(typeUrl: string, found: ReadonlySet<string>): void {
    if (typeUrl === CLUSTER_TYPE && !this.#ask(ENDPOINT_TYPE, found)) this.#listen();
    if (typeUrl === ENDPOINT_TYPE) this.#listen();
    if (typeUrl === LISTENER_TYPE) {
      this.#waitingForRoutes ??= new Set(found);
      if (!this.#ask(ROUTE_TYPE, found)) this.#synced();
    }
    if (typeUrl === ROUTE_TYPE && this.#waitingForRoutes?.size === 0) this.#synced();
  }

  #listen(): void {
    if (this.#asked.has(LISTENER_TYPE)) return;
    this.#asked.set(LISTENER_TYPE, new Set());
    this.#send({ typeUrl: LISTENER_TYPE });
  }

  /** False where there is nothing new to ask for. */
  #ask(typeUrl: string, found: ReadonlySet<string>): boolean {
    const asked = this.#asked.get(typeUrl) ?? new Set();
    const fresh = [...found].filter((name) => !asked.has(name));
    for (const name of fresh) asked.add(name);
    this.#asked.set(typeUrl, asked);
    if (fresh.length > 0) this.#send({ typeUrl, resourceNamesSubscribe: fresh });
    return fresh.length > 0;
  }

  #isSynced = false;

  #synced(): void {
    if (!this.#isSynced) this.#onSynced();
    this.#isSynced = true;
  }
}

async function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function connectAll(port: number, proxies: number, size: MeshSize): Promise<Report> {
  while (!(await listens(port))) await sleep(10);
  const times: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const onSynced = (): void => {
    times.push(nowMs());
    if (times.length === proxies) resolve();
  };
  const clients = Array.from({ length: proxies }, (_, number) => {
    const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: WINDOW_BYTES } });
    session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    session.on('error', (error) => console.error('a connection failed:', error.message));
    const namespace = namespaceOf(number, size);
    // the first endpoint of a service each, as long as there are services
    const ip = number < size.services ? addressOf(number, 0, 0) : `10.200.${number >> 8}.${number & 255}`;
    const id = `sidecar~${ip}~client-${number}.${namespace}~${namespace}.svc.cluster.local`;
    const node = {
      NAMESPACE: namespace,
      INSTANCE_IPS: ip,
      LABELS: { app: 'client' },
      WORKLOAD_NAME: `client-${number}`,
      CLUSTER_ID: 'Kubernetes',
    };
    return new Client(session, node, id, onSynced);
  });
  await promise;
  const sum = (figure: (client: Client) => number): number => clients.reduce((total, client) => total + figure(client), 0);
  const resources = sum((client) => client.resources);
  return { synced: { firstMs: Math.min(...times), lastMs: Math.max(...times), bytes: sum((client) => client.bytes), resources } };
}

async function watchFor({ withinMs, ...what }: Extract<Command, { watch: unknown }>['watch']): Promise<Report> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const mine = { ...what, arrived: [], done: resolve };
  watching = mine;
  const limit = setTimeout(resolve, withinMs);
  await promise;
  clearTimeout(limit);
  watching = undefined;
  return { arrived: mine.arrived };
}

process.on('message', (command: Command) => {
  const answer =
    'connect' in command ? connectAll(command.connect.port, command.connect.proxies, command.connect.size) : watchFor(command.watch);
  void answer.then((report) => process.send?.(report));
});
