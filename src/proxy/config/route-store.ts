/** Route tables by RDS name, asked for as long as some listener uses them; a new one waits for the clusters it names. */
import type { AdsResource } from '../../xds/client.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { ROUTE_TYPE } from '../../xds/types.ts';
import { ConfigError } from '../../core/errors.ts';
import type { RouteSource, RouteTable } from '../router/route.ts';
import type { BuiltRouteTable } from '../router/route-table.ts';
import type { ClusterStore } from './cluster-store.ts';
import type { Arrival, ResourceLog } from './resource-log.ts';
import { applyEach, sameBytes, type Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

export interface RouteStoreOptions {
  build(config: RouteConfiguration, path: string): BuiltRouteTable;
  readonly clusters: Pick<ClusterStore, 'refer'>;
  readonly subscriptions: Subscriptions;
  readonly resources: ResourceLog;
}

interface Entry {
  users: number;
  current: RouteTable | undefined;
  /** The newest table, in force or about to be. */
  newest: RouteTable | undefined;
  bytes: Uint8Array | undefined;
  readonly waiting: Set<() => void>;
}

/** A table whose new clusters take longer than this goes into force without them. */
const CLUSTER_WAIT_MS = 5000;

export class RouteStore {
  readonly #options: RouteStoreOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: RouteStoreOptions) {
    this.#options = options;
  }

  /** A table by name; the first user asks the server for it. Each call is one use, to be released. */
  use(name: string): RouteSource {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { users: 0, current: undefined, newest: undefined, bytes: undefined, waiting: new Set() };
      this.#entries.set(name, entry);
      this.#options.subscriptions.subscribe(ROUTE_TYPE, [name]);
    }
    entry.users++;
    const used = entry;
    return { current: () => used.current };
  }

  /** One use is over. The last one ends the subscription. */
  release(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || --entry.users > 0) return;
    this.#entries.delete(name);
    this.#options.subscriptions.unsubscribe(ROUTE_TYPE, [name]);
    this.#options.clusters.refer(`route ${name}`, new Set(), 0, () => {});
    this.#options.resources.remove(ROUTE_TYPE, name);
  }

  /** Calls back once the table is there; at once where it is. */
  whenReady(name: string, callback: () => void): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.current !== undefined) callback();
    else entry.waiting.add(callback);
  }

  /** Takes over a response of RDS. Throws ConfigError naming what is refused; former tables stay. */
  receive(resources: readonly AdsResource[]): void {
    applyEach(resources, (resource) => {
      const entry = this.#entries.get(resource.name);
      if (entry === undefined || sameBytes(entry.bytes, resource.any)) return;
      this.#take(entry, resource);
    });
  }

  #take(entry: Entry, resource: AdsResource): void {
    const message = decodeResource(resource.any, RouteConfigurationSchema, '');
    const arrival: Arrival = { ...resource, schema: RouteConfigurationSchema, message, isStatic: false };
    let table: BuiltRouteTable;
    try {
      table = this.#options.build(message, '');
    } catch (error) {
      if (error instanceof ConfigError) this.#options.resources.put(arrival, 'refused', error.message);
      throw error;
    }
    entry.bytes = resource.any;
    entry.newest = table;
    this.#options.resources.put(arrival, 'warming');
    this.#options.clusters.refer(`route ${resource.name}`, table.clusters, CLUSTER_WAIT_MS, () => {
      if (entry.newest !== table || this.#entries.get(resource.name) !== entry) return;
      entry.current = table;
      this.#options.resources.activate(ROUTE_TYPE, resource.name);
      for (const callback of entry.waiting) callback();
      entry.waiting.clear();
    });
  }
}
