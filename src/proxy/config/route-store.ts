/**
 * Route tables by RDS name, asked for as long as some listener uses them; a new one waits for the clusters it names.
 * A table with `vhds` also has the virtual hosts that come by themselves, an open one (`open-route-table.ts`) those of
 * the hosts that were called.
 */
import { create } from '@bufbuild/protobuf';
import type { AdsResource } from '../../xds/client.ts';
import { VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '../../xds/types.ts';
import { ConfigError } from '../../core/errors.ts';
import { declareStats } from '../router/request-stats.ts';
import type { RouteSource, RouteTable } from '../router/route.ts';
import type { BuiltRouteTable } from '../router/route-table.ts';
import { isOpenTable, type OpenRouteTable } from '../router/open-route-table.ts';
import { AskedHosts } from './asked-hosts.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { ClusterStore } from './cluster-store.ts';
import { OnDemandHosts, tableOfHost } from './on-demand-hosts.ts';
import { readLogged, type ResourceLog } from './resource-log.ts';
import { applyEach, sameBytes, type Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

export interface RouteStoreOptions {
  build(config: RouteConfiguration, path: string): BuiltRouteTable;
  buildOpen(config: RouteConfiguration): OpenRouteTable;
  readonly clusters: Pick<ClusterStore, 'refer' | 'expect' | 'areActive' | 'prepare'>;
  readonly subscriptions: Subscriptions;
  readonly resources: ResourceLog;
  readonly stats: StatsScope;
}

interface Entry {
  readonly name: string;
  users: number;
  current: RouteTable | undefined;
  /** The newest table, in force or about to be. */
  newest: RouteTable | undefined;
  config: RouteConfiguration | undefined;
  bytes: Uint8Array | undefined;
  /** Undefined for a table without `vhds`, and for an open one. */
  hosts: OnDemandHosts | undefined;
  /** Undefined but for an open table. */
  asked: AskedHosts | undefined;
  readonly waiting: Set<() => void>;
  /** What is to be done once the newest table is in force. */
  readonly onForce: (() => void)[];
  /** Forgets the names that the table in force counts under. */
  dropStats: () => void;
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
      entry = {
        name,
        users: 0,
        current: undefined,
        newest: undefined,
        config: undefined,
        bytes: undefined,
        hosts: undefined,
        asked: undefined,
        waiting: new Set(),
        onForce: [],
        dropStats: () => {},
      };
      this.#entries.set(name, entry);
      this.#options.subscriptions.subscribe(ROUTE_TYPE, [name]);
    }
    entry.users++;
    const used = entry;
    return {
      current: () => used.current,
      request: ({ authority }, callback) => used.hosts?.request(authority, callback) ?? false,
      awaits: (head, callback) => used.asked?.awaits(head, callback) ?? false,
    };
  }

  /** One use is over. The last one ends the subscription. */
  release(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || --entry.users > 0) return;
    this.#entries.delete(name);
    this.#options.subscriptions.unsubscribe(ROUTE_TYPE, [name]);
    entry.hosts?.close();
    entry.asked?.close();
    entry.dropStats();
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
      if (entry === undefined) return;
      if (sameBytes(entry.bytes, resource.any)) return this.#options.resources.again(ROUTE_TYPE, resource.name);
      this.#take(entry, resource);
    });
  }

  /** Takes over a response of VHDS. Throws ConfigError naming what is refused; former virtual hosts stay. */
  receiveHosts(resources: readonly AdsResource[], removed: readonly string[]): void {
    const isAsked = (name: string): boolean => this.#entries.get(tableOfHost(name))?.asked !== undefined;
    this.#receiveAsked(
      resources.filter(({ name }) => isAsked(name)),
      removed.filter(isAsked),
    );
    applyEach(
      resources.filter(({ name }) => !isAsked(name)),
      (resource) => readLogged(this.#options.resources, resource, VirtualHostSchema, () => this.#takeHosts(resource.name, [resource], [])),
    );
    for (const [table, names] of Map.groupBy(removed, tableOfHost)) this.#takeHosts(`${table}/`, [], names);
  }

  #receiveAsked(resources: readonly AdsResource[], removed: readonly string[]): void {
    const tables = new Set([...resources.map(({ name }) => name), ...removed].map(tableOfHost));
    for (const table of tables) {
      const isOf = (name: string): boolean => tableOfHost(name) === table;
      this.#entries.get(table)?.asked?.receive(
        resources.filter(({ name }) => isOf(name)),
        removed.filter(isOf),
      );
    }
  }

  #take(entry: Entry, resource: AdsResource): void {
    const { message, table } = readLogged(this.#options.resources, resource, RouteConfigurationSchema, () => this.#read(entry, resource));
    entry.bytes = resource.any;
    entry.config = message;
    this.#options.resources.put({ ...resource, schema: RouteConfigurationSchema, message, isStatic: false }, 'warming');
    this.#followHosts(entry, message);
    this.#putInForce(entry, table, () => this.#options.resources.activate(ROUTE_TYPE, resource.name));
  }

  #read(entry: Entry, resource: AdsResource): { readonly message: RouteConfiguration; readonly table: BuiltRouteTable } {
    const message = decodeResource(resource.any, RouteConfigurationSchema, '');
    return { message, table: isOpenTable(message) ? this.#open(entry, message) : this.#build(message, entry.hosts) };
  }

  /** An open table is in force at once, for virtual hosts go on to come and go in it: what they lead to comes on demand as they do. */
  #open(entry: Entry, config: RouteConfiguration): OpenRouteTable {
    this.#checkSource(config);
    const table = this.#options.buildOpen(config);
    if (entry.asked === undefined) entry.asked = new AskedHosts(table, this.#options);
    else entry.asked.moveTo(table);
    entry.current = table;
    return table;
  }

  #checkSource({ vhds }: RouteConfiguration): void {
    if (vhds !== undefined && vhds.configSource?.configSourceSpecifier.case !== 'ads')
      throw new ConfigError('vhds.config_source', 'only ads is supported by Tulle');
  }

  /** A table of the configuration's own virtual hosts and those that came by themselves. */
  #build(config: RouteConfiguration, hosts: Pick<OnDemandHosts, 'hosts'> | undefined): BuiltRouteTable {
    if (config.vhds === undefined) return this.#options.build(config, '');
    this.#checkSource(config);
    const virtualHosts = [...config.virtualHosts, ...(hosts?.hosts ?? [])];
    return this.#options.build(create(RouteConfigurationSchema, { ...config, vhds: undefined, virtualHosts }), '');
  }

  #followHosts(entry: Entry, config: RouteConfiguration): void {
    const isOpen = isOpenTable(config);
    if (!isOpen) {
      entry.asked?.close();
      entry.asked = undefined;
    }
    if (config.vhds !== undefined && !isOpen) entry.hosts ??= new OnDemandHosts(entry.name, this.#options.subscriptions);
    else {
      entry.hosts?.close();
      entry.hosts = undefined;
    }
  }

  #takeHosts(name: string, resources: readonly AdsResource[], removed: readonly string[]): void {
    const entry = this.#entries.get(tableOfHost(name));
    if (entry?.hosts === undefined || entry.config === undefined) return;
    const { hosts, config } = entry;
    const changed = hosts.changed(resources, removed);
    const table = this.#build(config, { hosts: changed.values() });
    hosts.commit(changed);
    for (const resource of resources) this.#logHost(resource);
    for (const gone of removed) this.#options.resources.remove(VIRTUAL_HOST_TYPE, gone);
    const names = resources.flatMap((resource) => [resource.name, ...(resource.aliases ?? [])]);
    this.#putInForce(entry, table, () => hosts.settle(names, removed));
  }

  #logHost(resource: AdsResource): void {
    const message = decodeResource(resource.any, VirtualHostSchema, '');
    this.#options.resources.put({ ...resource, schema: VirtualHostSchema, message, isStatic: false }, 'active');
  }

  /**
   * Puts a table in force once its clusters are there; where another one serves meanwhile, also those that nobody has heard of
   * yet, for they may come after it. A newer table takes the place of one that waits.
   */
  #putInForce(entry: Entry, table: BuiltRouteTable, onForce: () => void): void {
    entry.newest = table;
    entry.onForce.push(onForce);
    const { clusters } = this.#options;
    const isNewest = (): boolean => entry.newest === table && this.#entries.get(entry.name) === entry;
    if (entry.current === undefined || entry.asked !== undefined) this.#refer(entry, table, isNewest);
    else clusters.expect(table.clusters, CLUSTER_WAIT_MS, () => isNewest() && this.#refer(entry, table, isNewest));
  }

  /** What the former table counted under goes, but for what this one does too. */
  #count(entry: Entry, table: BuiltRouteTable): void {
    const dropFormer = entry.dropStats;
    entry.dropStats = declareStats(this.#options.stats, table.counted);
    dropFormer();
  }

  #refer(entry: Entry, table: BuiltRouteTable, isNewest: () => boolean): void {
    this.#options.clusters.refer(`route ${entry.name}`, table.clusters, CLUSTER_WAIT_MS, () => {
      if (!isNewest()) return;
      this.#count(entry, table);
      entry.current = table;
      for (const callback of entry.onForce.splice(0)) callback();
      for (const callback of entry.waiting) callback();
      entry.waiting.clear();
    });
  }
}
