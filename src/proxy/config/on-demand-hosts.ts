/** Virtual hosts of one route table that come by themselves (VHDS), and requests that wait for theirs. */
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { AdsResource } from '../../xds/client.ts';
import { VIRTUAL_HOST_TYPE } from '../../xds/types.ts';
import type { Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

/** Hosts that requests may have asked for and that have not come yet. More are not asked for: anybody can make up names. */
const PENDING_MAX = 1000;

/** The route table that a virtual host's resource name belongs to: `<table>/<host>`. */
export function tableOfHost(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

export class OnDemandHosts {
  readonly #table: string;
  readonly #subscriptions: Subscriptions;
  #hosts: ReadonlyMap<string, VirtualHost> = new Map();
  /** Names that requests wait for. */
  readonly #waiting = new Map<string, Set<() => void>>();
  /** Names that requests have asked for, to be left with the table. */
  readonly #asked = new Set<string>();

  /** Asks for what the server has for the table without being asked by name. */
  constructor(table: string, subscriptions: Subscriptions) {
    this.#table = table;
    this.#subscriptions = subscriptions;
    subscriptions.subscribe(VIRTUAL_HOST_TYPE, [table]);
  }

  get hosts(): Iterable<VirtualHost> {
    return this.#hosts.values();
  }

  /** Asks for the virtual host of an authority; false where too many are asked for already. */
  request(authority: string, callback: () => void): boolean {
    const name = `${this.#table}/${authority.toLowerCase()}`;
    let callbacks = this.#waiting.get(name);
    if (callbacks === undefined) {
      if (this.#waiting.size >= PENDING_MAX) return false;
      this.#waiting.set(name, (callbacks = new Set()));
      // asked for before, and gone or unknown: the server is to look again
      if (this.#asked.has(name)) this.#subscriptions.unsubscribe(VIRTUAL_HOST_TYPE, [name]);
      this.#asked.add(name);
      this.#subscriptions.subscribe(VIRTUAL_HOST_TYPE, [name]);
    }
    callbacks.add(callback);
    return true;
  }

  /** What is there with changes; to be put in force by `commit`. Throws ConfigError for a resource that is broken. */
  changed(resources: readonly AdsResource[], removed: readonly string[]): ReadonlyMap<string, VirtualHost> {
    const hosts = new Map(this.#hosts);
    for (const name of removed) hosts.delete(name);
    for (const { name, any } of resources) hosts.set(name, decodeResource(any, VirtualHostSchema, ''));
    return hosts;
  }

  commit(hosts: ReadonlyMap<string, VirtualHost>): void {
    this.#hosts = hosts;
  }

  /** These have come, or are said not to exist. The latter are no longer asked for. */
  settle(names: readonly string[], missing: readonly string[]): void {
    const gone = missing.filter((name) => this.#asked.delete(name));
    if (gone.length > 0) this.#subscriptions.unsubscribe(VIRTUAL_HOST_TYPE, gone);
    for (const name of [...names, ...missing]) {
      const callbacks = this.#waiting.get(name);
      this.#waiting.delete(name);
      for (const callback of callbacks ?? []) callback();
    }
  }

  /** The table is gone: nobody waits any more. */
  close(): void {
    this.#subscriptions.unsubscribe(VIRTUAL_HOST_TYPE, [this.#table, ...this.#asked]);
    this.settle([...this.#waiting.keys()], []);
  }
}
