/**
 * Many proxies in one process: each a connection with one delta ADS stream that answers everything. They ask as Envoy
 * does (clusters, their endpoints, listeners, their routes), or as our own sidecars do (listeners, their routes; of five
 * services that they call the virtual host, the cluster and its endpoints). Started by control.ts, which speaks to it by
 * messages.
 *
 * They share two cores with the control plane that is measured, where real proxies have their own: so they speak HTTP/2
 * by our codec, and read of a response what tells them what to ask for next.
 */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '../src/xds/types.ts';
import { addressOf, hostOf, type MeshSize, namespaceOf, SERVICE_PORT, virtualHostOf } from './control-mesh.ts';
import { type Known, knownOf, nameSet } from './control-references.ts';
import { DeltaStream, type Request } from './control-stream.ts';

/** What control.ts asks for. */
export type Command =
  | { readonly connect: { readonly port: number; readonly proxies: number; readonly size: MeshSize; readonly isOnDemand: boolean } }
  /** Tell when `count` streams got the resource `name`, or all that came by `withinMs`. */
  | { readonly watch: { readonly typeUrl: string; readonly name: string; readonly count: number; readonly withinMs: number } };

/** What it is told: milliseconds since the epoch. */
export type Report =
  | { readonly synced: { readonly firstMs: number; readonly lastMs: number; readonly bytes: number; readonly resources: number } }
  | { readonly arrived: readonly number[] };

const nowMs = (): number => performance.timeOrigin + performance.now();

let watching: { typeUrl: string; name: string; count: number; arrived: number[]; done: () => void } | undefined;

function noteArrival({ typeUrl, name }: Known): void {
  if (watching?.typeUrl !== typeUrl || watching.name !== name) return;
  watching.arrived.push(nowMs());
  if (watching.arrived.length >= watching.count) watching.done();
}

/** What a client on demand calls: the services that are changed, and three of its own. */
function calledBy(number: number, { services }: MeshSize): number[] {
  return [...new Set([0, services >> 1, ...[1, 2, 3].map((more) => (number + more) % services)])];
}

/** One proxy. */
class Client {
  resources = 0;
  readonly stream: DeltaStream;
  readonly #asked = new Map<string, ReadonlySet<string>>();
  readonly #onSynced: () => void;
  /** The resource of this response that came last, and names that its resources lead to. */
  #last: Known | undefined;
  #found: string[] = [];
  #waitingForRoutes: Set<string> | undefined;
  /** Services that it calls, of which alone it asks for more; undefined where it asks for everything. */
  readonly #called: readonly number[] | undefined;
  #isSynced = false;

  constructor(port: number, node: JsonObject, id: string, called: readonly number[] | undefined, onSynced: () => void) {
    this.#onSynced = onSynced;
    this.#called = called;
    this.stream = new DeltaStream(port, id, this);
    if (called === undefined) this.#send({ typeUrl: CLUSTER_TYPE, node: { id, metadata: node, userAgentName: 'envoy' } });
    else this.#listen({ id, metadata: { ...node, TULLE: { onDemand: true } }, userAgentName: 'tulle' });
  }

  /** Of endpoints, which are most, nobody asks for names but while a change is awaited. */
  wantsResources(typeUrl: string): boolean {
    return typeUrl !== ENDPOINT_TYPE || watching?.typeUrl === ENDPOINT_TYPE;
  }

  onResource(bytes: Uint8Array): void {
    const known = knownOf(bytes, this.#last);
    this.#last = known;
    if (known.refersTo.length > 0) this.#found.push(...known.refersTo);
    if (known.typeUrl === ROUTE_TYPE) this.#waitingForRoutes?.delete(known.name);
    if (watching !== undefined) noteArrival(known);
  }

  onResponse(typeUrl: string, nonce: string, resources: number): void {
    this.#last = undefined;
    this.#send({ typeUrl, responseNonce: nonce });
    this.resources += resources;
    const found = this.#found;
    this.#found = [];
    if (this.#called === undefined) this.#next(typeUrl, found);
    else this.#nextOf(this.#called, typeUrl, found);
  }

  #send(request: Request): void {
    this.stream.send(request);
  }

  /** Asks for what came to be known; Envoy begins with listeners when clusters are warm. */
  #next(typeUrl: string, found: readonly string[]): void {
    if (typeUrl === CLUSTER_TYPE && !this.#ask(ENDPOINT_TYPE, found)) this.#listen();
    if (typeUrl === ENDPOINT_TYPE) this.#listen();
    if (typeUrl === LISTENER_TYPE) {
      this.#waitingForRoutes ??= new Set(found);
      if (!this.#ask(ROUTE_TYPE, found)) this.#synced();
    }
    if (typeUrl === ROUTE_TYPE && this.#waitingForRoutes?.size === 0) this.#synced();
  }

  /** What a request to each of the called services makes our proxy ask for: table, virtual host, cluster, endpoints. */
  #nextOf(called: readonly number[], typeUrl: string, found: readonly string[]): void {
    const clusters = (): string[] => called.map((service) => `outbound|${SERVICE_PORT}||${hostOf(service)}`);
    if (typeUrl === LISTENER_TYPE) this.#ask(ROUTE_TYPE, found);
    if (typeUrl === ROUTE_TYPE) this.#ask(VIRTUAL_HOST_TYPE, called.map(virtualHostOf));
    if (typeUrl === VIRTUAL_HOST_TYPE) this.#ask(CLUSTER_TYPE, clusters());
    if (typeUrl === CLUSTER_TYPE) this.#ask(ENDPOINT_TYPE, clusters());
    if (typeUrl === ENDPOINT_TYPE) this.#synced();
  }

  #listen(node?: Request['node']): void {
    if (this.#asked.has(LISTENER_TYPE)) return;
    this.#asked.set(LISTENER_TYPE, new Set());
    this.#send({ typeUrl: LISTENER_TYPE, ...(node !== undefined && { node }) });
  }

  /** False where there is nothing new to ask for. */
  #ask(typeUrl: string, found: readonly string[]): boolean {
    const asked = this.#asked.get(typeUrl);
    const fresh = nameSet(asked === undefined ? found : found.filter((name) => !asked.has(name)));
    if (fresh.size === 0) return false;
    this.#asked.set(typeUrl, asked === undefined ? fresh : new Set([...asked, ...fresh]));
    this.stream.ask(typeUrl, fresh);
    return true;
  }

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

async function connectAll({ port, proxies, size, isOnDemand }: Extract<Command, { connect: unknown }>['connect']): Promise<Report> {
  while (!(await listens(port))) await sleep(10);
  const times: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const onSynced = (): void => {
    times.push(nowMs());
    if (times.length === proxies) resolve();
  };
  const clients = Array.from({ length: proxies }, (_, number) => {
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
    return new Client(port, node, id, isOnDemand ? calledBy(number, size) : undefined, onSynced);
  });
  await promise;
  const sum = (figure: (client: Client) => number): number => clients.reduce((total, client) => total + figure(client), 0);
  const resources = sum((client) => client.resources);
  return { synced: { firstMs: Math.min(...times), lastMs: Math.max(...times), bytes: sum(({ stream }) => stream.bytes), resources } };
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
  const answer = 'connect' in command ? connectAll(command.connect) : watchFor(command.watch);
  void answer.then((report) => process.send?.(report));
});
