/**
 * Virtual hosts that an open route table asks for when their hosts are first called (VHDS), by the host as the request
 * has it. A host stays asked for, so that the server tells what becomes of it, until nobody has called it for a while.
 *
 * ```
 *  called ──▶ asked for ──(its virtual host, word that there is none, or five seconds)──▶ known ──(five to ten idle minutes)──▶ left
 * ```
 *
 * Another version of a virtual host that is called takes its place once the clusters that it names are there, so that no
 * request finds that there are none when clusters and routes change together, and change again before both have come. Until
 * then the former one serves if it has its clusters, else requests wait.
 */
import type { AdsResource } from '../../xds/client.ts';
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { VIRTUAL_HOST_TYPE } from '../../xds/types.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { OpenHost, OpenRouteTable } from '../router/open-route-table.ts';
import { declareStats } from '../router/request-stats.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { ClusterStore } from './cluster-store.ts';
import { readLogged, type ResourceLog } from './resource-log.ts';
import { applyEach, type Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

/** How long requests wait for the first word of a host; they go on with what the table has. */
const WAIT_MS = 5000;
/** How long a virtual host waits for its clusters while the former one serves. */
const PREPARE_MS = 5000;
/** A host leaves that was not called for so long, and at most twice as long. */
const IDLE_MS = 300_000;
/** Hosts that are known at a time: anybody can make up names. Others are not asked for, and get what the table has. */
const HOSTS_MAX = 20_000;
/** A name of DNS has 253 characters at most; a port and the brackets of an address make it longer. */
const HOST_LENGTH_MAX = 280;

/** A virtual host in the table, and how many of the names that were asked for lead to it. */
interface Held {
  readonly version: string;
  readonly message: VirtualHost;
  host: OpenHost;
  users: number;
  isInForce: boolean;
  /** Forgets the names that it counts under. */
  dropStats: () => void;
}

/** What one response changes, all at once, so that a domain which goes from one virtual host to another is never without. */
type Change = ReadonlyMap<Asked, Held | undefined>;

interface Asked {
  readonly name: string;
  held: Held | undefined;
  /** What waits for clusters and will change this one. */
  pending: Change | undefined;
  isUsed: boolean;
  /** The server has said what it is, or that there is none. */
  isKnown: boolean;
  /** Requests that wait for the first word, or for another version's clusters; undefined where nothing is waited for, or no more. */
  waiting: Set<() => void> | undefined;
  timer: NodeJS.Timeout | undefined;
}

export interface AskedHostsOptions {
  readonly clusters: Pick<ClusterStore, 'refer' | 'areActive' | 'prepare'>;
  readonly subscriptions: Subscriptions;
  readonly resources: ResourceLog;
  readonly stats: StatsScope;
}

export class AskedHosts {
  readonly #options: AskedHostsOptions;
  #table: OpenRouteTable;
  readonly #asked = new Map<string, Asked>();
  /** By version: names that lead to the same virtual host share it. */
  readonly #held = new Map<string, Held>();
  readonly #idle: NodeJS.Timeout;

  constructor(table: OpenRouteTable, options: AskedHostsOptions) {
    this.#table = table;
    this.#options = options;
    this.#idle = setInterval(() => this.#leaveIdle(), IDLE_MS).unref();
  }

  /** See `RouteSource`. */
  awaits(head: RequestHead, callback: () => void): boolean {
    const name = this.#table.hostOf(head);
    if (name === undefined) return false;
    const host = this.#table.exact(name);
    if (host !== undefined) {
      host.isUsed = true;
      return false;
    }
    const asked = this.#asked.get(name) ?? this.#ask(name);
    if (asked === undefined) return false;
    asked.isUsed = true;
    if (asked.waiting === undefined) return false;
    asked.waiting.add(callback);
    return true;
  }

  /** The table became another: what has come is in it from the start. Throws ConfigError, and changes nothing then. */
  moveTo(table: OpenRouteTable): void {
    const moved = [...this.#held.values()].map((held) => ({ held, host: table.compile(held.message) }));
    for (const { held, host } of moved) {
      held.host = host;
      if (held.isInForce) this.#put(held, table);
    }
    this.#table = table;
  }

  /** Takes over what came. Throws ConfigError naming what is refused; former virtual hosts stay. */
  receive(resources: readonly AdsResource[], removed: readonly string[]): void {
    const changed = new Map<Asked, Held | undefined>();
    try {
      applyEach(resources, (resource) => {
        const asked = this.#asked.get(this.#hostOf(resource.name));
        if (asked !== undefined) changed.set(asked, this.#read(resource));
      });
    } finally {
      for (const name of removed) {
        const asked = this.#asked.get(this.#hostOf(name));
        if (asked !== undefined) changed.set(asked, undefined);
        this.#options.resources.remove(VIRTUAL_HOST_TYPE, name);
      }
      this.#change(changed);
      // one that is refused has its answer, too
      for (const name of [...resources.map((resource) => resource.name), ...removed]) this.#answered(this.#asked.get(this.#hostOf(name)));
    }
  }

  /** The table is gone: nobody waits any more. */
  close(): void {
    clearInterval(this.#idle);
    this.#leave([...this.#asked.values()]);
  }

  #hostOf(resource: string): string {
    return resource.slice(this.#table.name.length + 1);
  }

  #resourceOf(host: string): string {
    return `${this.#table.name}/${host}`;
  }

  #ask(name: string): Asked | undefined {
    if (name === '' || name.length > HOST_LENGTH_MAX || name.includes('/')) return undefined;
    if (this.#asked.size >= HOSTS_MAX) this.#leaveIdle();
    if (this.#asked.size >= HOSTS_MAX) return undefined;
    const asked: Asked = { name, held: undefined, pending: undefined, isUsed: true, isKnown: false, waiting: new Set(), timer: undefined };
    asked.timer = setTimeout(() => this.#giveUp(asked), WAIT_MS).unref();
    this.#asked.set(name, asked);
    this.#options.subscriptions.subscribe(VIRTUAL_HOST_TYPE, [this.#resourceOf(name)]);
    return asked;
  }

  /** What is known of a host is what the table has now. */
  #settle(asked: Asked | undefined): void {
    if (asked?.waiting === undefined) return;
    const { waiting } = asked;
    asked.waiting = undefined;
    clearTimeout(asked.timer);
    for (const callback of waiting) callback();
  }

  #read(resource: AdsResource): Held {
    const { version, any } = resource;
    const known = this.#held.get(version);
    if (known !== undefined) {
      this.#log(resource, known.message);
      return known;
    }
    const held = readLogged(this.#options.resources, resource, VirtualHostSchema, (): Held => {
      const message = decodeResource(any, VirtualHostSchema, '');
      return { version, message, host: this.#table.compile(message), users: 0, isInForce: false, dropStats() {} };
    });
    this.#log(resource, held.message);
    this.#held.set(version, held);
    return held;
  }

  #log(resource: AdsResource, message: VirtualHost): void {
    this.#options.resources.put({ ...resource, schema: VirtualHostSchema, message, isStatic: false }, 'active');
  }

  #change(changed: Change): void {
    for (const held of changed.values()) if (held !== undefined) this.#hold(held);
    for (const asked of changed.keys()) this.#forget(asked);
    const replaced = new Map([...changed].filter(([{ isKnown }]) => isKnown));
    this.#commit(new Map([...changed].filter(([{ isKnown }]) => !isKnown)));
    const called = [...replaced].filter(([asked]) => asked.isUsed || asked.held?.host.isUsed === true);
    if (called.length === 0) return this.#commit(replaced);
    for (const asked of replaced.keys()) asked.pending = replaced;
    for (const [asked] of called) if (!this.#serves(asked)) this.#suspend(asked);
    const needed = new Set(called.flatMap(([, held]) => [...(held?.host.clusters ?? [])]));
    this.#options.clusters.prepare(needed, PREPARE_MS, () => this.#commit(this.#stillPending(replaced)));
  }

  #serves({ held }: Asked): boolean {
    return held !== undefined && this.#options.clusters.areActive(held.host.clusters);
  }

  /** Requests wait for the next version. */
  #suspend(asked: Asked): void {
    if (asked.waiting === undefined) {
      asked.waiting = new Set();
      asked.timer = setTimeout(() => this.#giveUp(asked), WAIT_MS).unref();
    }
    if (asked.held !== undefined) this.#release(asked.held);
    asked.held = undefined;
  }

  /** They have waited for long enough. */
  #giveUp(asked: Asked): void {
    if (asked.pending !== undefined) this.#commit(this.#stillPending(asked.pending));
    this.#settle(asked);
  }

  #answered(asked: Asked | undefined): void {
    if (asked === undefined) return;
    asked.isKnown = true;
    if (asked.pending === undefined) this.#settle(asked);
  }

  #stillPending(change: Change): Change {
    const still = new Map([...change].filter(([asked]) => asked.pending === change));
    for (const asked of still.keys()) asked.pending = undefined;
    return still;
  }

  /** What was to change it is out of date. */
  #forget(asked: Asked): void {
    const held = asked.pending?.get(asked);
    asked.pending = undefined;
    if (held !== undefined) this.#release(held);
  }

  #commit(change: Change): void {
    const former = [...change.keys()].map(({ held }) => held);
    for (const [asked, held] of change) {
      asked.held = held;
      if (held === undefined || held.isInForce) continue;
      held.isInForce = true;
      this.#put(held, this.#table);
    }
    for (const held of former) if (held !== undefined) this.#release(held);
    for (const asked of change.keys()) if (asked.isKnown) this.#settle(asked);
  }

  #put(held: Held, table: OpenRouteTable): void {
    const dropFormer = held.dropStats;
    held.dropStats = declareStats(this.#options.stats, held.host.compiled.counted);
    dropFormer();
    table.put(held.host);
  }

  #hold(held: Held): void {
    if (++held.users === 1) this.#options.clusters.refer(this.#referrer(held.version), held.host.clusters, 0, () => {});
  }

  #release(held: Held): void {
    if (--held.users > 0) return;
    this.#held.delete(held.version);
    this.#table.drop(held.host);
    held.dropStats();
    this.#options.clusters.refer(this.#referrer(held.version), new Set(), 0, () => {});
  }

  #referrer(version: string): string {
    return `virtual host ${this.#table.name} ${version}`;
  }

  /** Leaves hosts that nobody has called since this was last looked at. */
  #leaveIdle(): void {
    const idle: Asked[] = [];
    for (const asked of this.#asked.values()) {
      if (!asked.isUsed && asked.held?.host.isUsed !== true && asked.waiting === undefined) idle.push(asked);
      asked.isUsed = false;
    }
    for (const { host } of this.#held.values()) host.isUsed = false;
    this.#leave(idle);
  }

  #leave(all: readonly Asked[]): void {
    if (all.length === 0) return;
    const names = all.map(({ name }) => this.#resourceOf(name));
    this.#options.subscriptions.unsubscribe(VIRTUAL_HOST_TYPE, names);
    for (const name of names) this.#options.resources.remove(VIRTUAL_HOST_TYPE, name);
    for (const { name } of all) this.#asked.delete(name);
    for (const asked of all) this.#forget(asked);
    this.#commit(new Map(all.map((asked) => [asked, undefined])));
    for (const asked of all) this.#settle(asked);
  }
}
