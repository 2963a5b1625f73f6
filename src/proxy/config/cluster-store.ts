/**
 * Clusters in force, and those on their way: a new or changed cluster warms (endpoints, secrets) beside the former
 * one and then takes its place in one step. Envoy: "Cluster warming".
 *
 *   arrives ──▶ warming ──(endpoints and secrets are there, or the wait is over)──▶ active ──▶ replaced, removed
 */
import { timerMs } from '../../core/timer-limit.ts';
import type { Log } from '../../core/log.ts';
import { ConfigError } from '../../core/errors.ts';
import type { AdsResource } from '../../xds/client.ts';
import { type Cluster as ClusterProto, ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { CLUSTER_TYPE } from '../../xds/types.ts';
import type { MutableCluster } from '../cluster/mutable-cluster.ts';
import type { Cluster, ClusterManager } from '../cluster/cluster.ts';
import type { DnsCaches } from '../cluster/dns/dns-caches.ts';
import { durationMs } from './durations.ts';
import type { EndpointStore } from './endpoint-store.ts';
import { type Arrival, readLogged, type ResourceLog } from './resource-log.ts';
import { applyEach, INITIAL_FETCH_TIMEOUT_MS, sameBytes, type Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

export interface ClusterStoreOptions {
  /**
   * Static: nothing comes; named: only what is requested; wildcard: the server sends all, and what is requested besides;
   * on demand: whatever traffic needs is requested.
   */
  readonly mode: 'static' | 'named' | 'wildcard' | 'on-demand';
  build(config: ClusterProto, path: string): MutableCluster;
  readonly subscriptions: Subscriptions;
  readonly endpoints: EndpointStore;
  readonly resources: ResourceLog;
  readonly log: Log;
  /** Names that dynamic hosts are made of; absent: there are none. */
  readonly dnsCaches?: DnsCaches;
  /** The proxy's own zone; absent: none is known. */
  readonly ownZone?: string;
}

interface Warming {
  readonly cluster: MutableCluster;
  readonly timer: NodeJS.Timeout | undefined;
}

interface Entry {
  active: MutableCluster | undefined;
  warming: Warming | undefined;
  /** Bytes of the newest version that was taken over. */
  bytes: Uint8Array | undefined;
  isStatic: boolean;
  /** The server has it no more, but route tables name it still: the end of its time. */
  leaving: NodeJS.Timeout | undefined;
  /** The server has said that there is none. */
  isMissing: boolean;
  /** What to do once the cluster is active, missing, or waited for long enough. */
  waiting: Set<() => void>;
}

/** Clusters that something waits for. */
interface Preparing {
  readonly names: ReadonlySet<string>;
  readonly timer: NodeJS.Timeout;
  /** Runs while there is none of one of the names. */
  missing: NodeJS.Timeout | undefined;
  readonly callback: () => void;
}

function initialFetchMs(config: ClusterProto): number {
  return durationMs(config.edsClusterConfig?.edsConfig?.initialFetchTimeout, INITIAL_FETCH_TIMEOUT_MS);
}

/** How long traffic waits for a cluster that it was the first to ask for. Envoy: `OnDemandCds.timeout`. */
const ON_DEMAND_MS = 5000;
/** How much later than what names it a cluster may come, and than its removal what names it no more. */
const MISSING_MS = 2000;
/** How long a cluster that the server has no more stays for route tables that name it. */
const LEAVING_MS = 5000;

export class ClusterStore implements ClusterManager {
  readonly #options: ClusterStoreOptions;
  readonly #entries = new Map<string, Entry>();
  /** Who names clusters (route tables), so that those that traffic asked for can be left again. */
  readonly #referrers = new Map<string, ReadonlySet<string>>();
  /** Asked for by traffic. */
  readonly #usedByName = new Set<string>();
  readonly #preparing = new Set<Preparing>();
  #hasFirst: boolean;
  #onFirst: (() => void)[] = [];

  readonly dnsCaches?: DnsCaches;
  readonly ownZone: string;

  constructor(options: ClusterStoreOptions) {
    this.#options = options;
    this.ownZone = options.ownZone ?? '';
    if (options.dnsCaches !== undefined) this.dnsCaches = options.dnsCaches;
    this.#hasFirst = options.mode !== 'wildcard';
  }

  get(name: string): Cluster | undefined {
    const active = this.#entries.get(name)?.active;
    if (active === undefined && this.#options.mode === 'on-demand' && name !== '') this.#useByName(name);
    return active;
  }

  request(name: string, timeoutMs: number, callback: (cluster: Cluster | undefined) => void): void {
    if (this.#options.mode !== 'static') this.#useByName(name);
    this.#whenSettled(name, timeoutMs, () => callback(this.#entries.get(name)?.active));
  }

  get onDemandMs(): number {
    return this.#options.mode === 'on-demand' ? ON_DEMAND_MS : 0;
  }

  forEach(visit: (cluster: Cluster) => void): void {
    for (const { active } of this.#entries.values()) if (active !== undefined) visit(active);
  }

  /** True where some cluster has arrived and is not active yet. */
  get isWarming(): boolean {
    for (const { warming } of this.#entries.values()) if (warming !== undefined) return true;
    return false;
  }

  /** Adds a cluster of the bootstrap. Throws ConfigError. */
  addStatic(config: ClusterProto, path: string): void {
    if (this.#entries.has(config.name)) throw new ConfigError(`${path}.name`, `"${config.name}" stands twice`);
    const arrival: Arrival = {
      name: config.name,
      typeUrl: CLUSTER_TYPE,
      version: '',
      schema: ClusterSchema,
      message: config,
      isStatic: true,
    };
    this.#warm(this.#entry(config.name), this.#options.build(config, path), initialFetchMs(config), arrival);
    this.#entry(config.name).isStatic = true;
  }

  /** Takes over a response of CDS. Throws ConfigError naming what is refused. */
  receive(resources: readonly AdsResource[], removed: readonly string[]): void {
    try {
      applyEach(resources, (resource) => this.#upsert(resource));
    } finally {
      for (const name of removed) this.#dismiss(name);
      this.#first();
    }
  }

  /** Calls back when every cluster known now is active, after the first response of the server; at most after `timeoutMs`. */
  whenInitialized(timeoutMs: number, callback: () => void): void {
    const settle = (): void => this.#whenAllSettled([...this.#entries.keys()], timeoutMs, callback);
    if (this.#hasFirst) {
      settle();
      return;
    }
    let isDone = false;
    const once = (): void => {
      if (!isDone) settle();
      isDone = true;
    };
    this.#onFirst.push(once);
    setTimeout(once, timeoutMs).unref();
  }

  /**
   * Somebody's configuration names these clusters. Calls back when each of those known here is active or known to be
   * missing, at most after `timeoutMs`. Clusters that were asked for on demand are left once nobody names them.
   */
  refer(referrer: string, names: ReadonlySet<string>, timeoutMs: number, callback: () => void): void {
    const former = this.#referrers.get(referrer) ?? new Set<string>();
    // what was named before is in use until what is named now is
    const both = new Set([...former, ...names]);
    this.#referrers.set(referrer, both);
    this.#whenAllSettled([...names], timeoutMs, () => {
      callback();
      if (this.#referrers.get(referrer) !== both) return;
      if (names.size === 0) this.#referrers.delete(referrer);
      else this.#referrers.set(referrer, names);
      this.#leave(former);
    });
  }

  /** True where each of these is active: requests can be sent there now. */
  areActive(names: ReadonlySet<string>): boolean {
    return [...names].every((name) => this.#entries.get(name)?.active !== undefined);
  }

  /** Traffic is about to need these clusters: as `expect`, and they are asked for where clusters come on demand. */
  prepare(names: ReadonlySet<string>, timeoutMs: number, callback: () => void): void {
    for (const name of names) if (this.#options.mode === 'on-demand') this.#useByName(name);
    this.#expect(names, timeoutMs, callback);
  }

  /**
   * Calls back when all of these clusters are active, at most after `timeoutMs`, and not long after it is known that there is
   * none of a name: what comes of one type may be ahead of what comes of another. At once where the server does not send all.
   */
  expect(names: ReadonlySet<string>, timeoutMs: number, callback: () => void): void {
    if (this.#options.mode === 'wildcard') this.#expect(names, timeoutMs, callback);
    else callback();
  }

  #expect(names: ReadonlySet<string>, timeoutMs: number, callback: () => void): void {
    if (this.areActive(names)) return callback();
    const preparing: Preparing = {
      names,
      timer: setTimeout(() => this.#prepared(preparing), timeoutMs).unref(),
      missing: undefined,
      callback,
    };
    this.#preparing.add(preparing);
    this.#checkMissing(preparing);
  }

  #isMissing(name: string): boolean {
    return this.#entries.get(name)?.isMissing ?? true;
  }

  #checkMissing(preparing: Preparing): void {
    if (preparing.missing !== undefined || ![...preparing.names].some((name) => this.#isMissing(name))) return;
    preparing.missing = setTimeout(() => {
      preparing.missing = undefined;
      if ([...preparing.names].some((name) => this.#isMissing(name))) this.#prepared(preparing);
    }, MISSING_MS).unref();
  }

  #prepared(preparing: Preparing): void {
    clearTimeout(preparing.timer);
    clearTimeout(preparing.missing);
    if (this.#preparing.delete(preparing)) preparing.callback();
  }

  /** Something has become of a cluster. */
  #checkPreparing(name: string): void {
    for (const preparing of this.#preparing) {
      if (!preparing.names.has(name)) continue;
      if (this.areActive(preparing.names)) this.#prepared(preparing);
      else this.#checkMissing(preparing);
    }
  }

  /** Ends every cluster. */
  close(): void {
    for (const { timer, missing } of this.#preparing) {
      clearTimeout(timer);
      clearTimeout(missing);
    }
    this.#preparing.clear();
    for (const name of this.#entries.keys()) this.#remove(name, true);
    this.dnsCaches?.close();
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = {
        active: undefined,
        warming: undefined,
        bytes: undefined,
        isStatic: false,
        leaving: undefined,
        isMissing: false,
        waiting: new Set(),
      };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #useByName(name: string): void {
    if (this.#usedByName.has(name) || this.#entries.has(name)) return;
    this.#usedByName.add(name);
    this.#entry(name);
    this.#options.subscriptions.subscribe(CLUSTER_TYPE, [name]);
  }

  /** Leaves clusters that traffic asked for and nobody names any more. */
  #leave(names: ReadonlySet<string>): void {
    for (const name of names) if (this.#entries.get(name)?.leaving !== undefined && !this.#isNamed(name)) this.#remove(name);
    // the server may have it among all that it sends
    if (this.#options.mode === 'wildcard') return;
    const left = [...names].filter((name) => this.#usedByName.has(name) && !this.#isNamed(name));
    if (left.length === 0) return;
    this.#options.subscriptions.unsubscribe(CLUSTER_TYPE, left);
    for (const name of left) {
      this.#usedByName.delete(name);
      this.#remove(name);
    }
  }

  #isNamed(name: string): boolean {
    return [...this.#referrers.values()].some((set) => set.has(name));
  }

  /**
   * The server has it no more. A route table that names it still may be about to be replaced, for types come one after the
   * other: until then, or for a bounded time, the cluster stays, and no request finds that there is none.
   */
  #dismiss(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.active === undefined || entry.isStatic || !this.#isNamed(name)) return this.#remove(name);
    this.#drop(entry.warming);
    entry.warming = undefined;
    entry.bytes = undefined;
    entry.leaving ??= this.#removeLater(name);
  }

  /** Not while another table is about to take the place of the one that names it. */
  #removeLater(name: string): NodeJS.Timeout {
    return setTimeout(() => {
      const entry = this.#entries.get(name);
      if (entry !== undefined && this.#preparing.size > 0) entry.leaving = this.#removeLater(name);
      else this.#remove(name);
    }, LEAVING_MS).unref();
  }

  #upsert(resource: AdsResource): void {
    const entry = this.#entry(resource.name);
    if (entry.isStatic) throw new ConfigError('name', 'a static cluster of the bootstrap has this name');
    if (sameBytes(entry.bytes, resource.any)) return this.#options.resources.again(CLUSTER_TYPE, resource.name);
    clearTimeout(entry.leaving);
    entry.leaving = undefined;
    try {
      readLogged(this.#options.resources, resource, ClusterSchema, () => {
        const config = decodeResource(resource.any, ClusterSchema, '');
        const arrival: Arrival = { ...resource, schema: ClusterSchema, message: config, isStatic: false };
        this.#warm(entry, this.#options.build(config, ''), initialFetchMs(config), arrival);
      });
    } catch (error) {
      if (error instanceof ConfigError) this.#settled(entry);
      throw error;
    }
    entry.bytes = resource.any;
  }

  #warm(entry: Entry, cluster: MutableCluster, timeoutMs: number, arrival: Arrival): void {
    this.#drop(entry.warming);
    const activate = (): void => {
      if (entry.warming?.cluster === cluster) this.#activate(entry, cluster);
    };
    const timer = timeoutMs > 0 ? setTimeout(activate, timerMs(timeoutMs)).unref() : undefined;
    entry.warming = { cluster, timer };
    entry.isMissing = false;
    this.#options.resources.put(arrival, 'warming');
    this.#options.endpoints.use(cluster);
    cluster.onWarm(activate);
  }

  #activate(entry: Entry, cluster: MutableCluster): void {
    clearTimeout(entry.warming?.timer);
    entry.warming = undefined;
    const former = entry.active;
    if (former !== undefined) cluster.succeed(former);
    entry.active = cluster;
    this.#options.resources.activate(CLUSTER_TYPE, cluster.name);
    if (former !== undefined) this.#retire(former, true);
    this.#options.log.debug('cluster active', { cluster: cluster.name });
    this.#settled(entry);
    this.#checkPreparing(cluster.name);
  }

  #retire(cluster: MutableCluster, isReplaced: boolean): void {
    this.#options.endpoints.release(cluster);
    cluster.close(isReplaced);
  }

  #drop(warming: Warming | undefined): void {
    if (warming === undefined) return;
    clearTimeout(warming.timer);
    this.#retire(warming.cluster, true);
  }

  #remove(name: string, isClosing = false): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || (entry.isStatic && !isClosing)) return;
    clearTimeout(entry.leaving);
    entry.leaving = undefined;
    this.#drop(entry.warming);
    entry.warming = undefined;
    if (entry.active !== undefined) this.#retire(entry.active, false);
    entry.active = undefined;
    entry.bytes = undefined;
    entry.isMissing = true;
    this.#options.resources.remove(CLUSTER_TYPE, name);
    this.#settled(entry);
    this.#checkPreparing(name);
    if (!this.#usedByName.has(name)) this.#entries.delete(name);
  }

  #settled(entry: Entry): void {
    const { waiting } = entry;
    entry.waiting = new Set();
    for (const callback of waiting) callback();
  }

  /** Whether waiting for a cluster is of no use any more. */
  #isSettled(name: string, entry: Entry): boolean {
    if (entry.warming !== undefined) return false;
    return entry.active !== undefined || entry.isMissing || !this.#usedByName.has(name);
  }

  #whenSettled(name: string, timeoutMs: number, callback: () => void): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || this.#isSettled(name, entry)) {
      callback();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      entry.waiting.delete(done);
      callback();
    };
    const timer = setTimeout(done, timerMs(timeoutMs)).unref();
    entry.waiting.add(done);
  }

  #whenAllSettled(names: readonly string[], timeoutMs: number, callback: () => void): void {
    let left = names.length;
    if (left === 0) callback();
    for (const name of names) {
      this.#whenSettled(name, timeoutMs, () => {
        if (--left === 0) callback();
      });
    }
  }

  #first(): void {
    if (this.#hasFirst) return;
    this.#hasFirst = true;
    for (const callback of this.#onFirst.splice(0)) callback();
  }
}
