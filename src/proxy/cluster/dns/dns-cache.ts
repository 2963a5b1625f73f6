/**
 * Names that requests bring, with their addresses. A name is asked for when it is needed first, then again and again as
 * long as requests need it. Envoy: "dynamic forward proxy", DnsCacheConfig.
 */
import { timerMs } from '../../../core/timer-limit.ts';
import type { Clock, Random } from '../../../core/clock.ts';
import type { NetAddress } from '../../../net/address.ts';
import type { Gauge, StatsScope } from '../../telemetry/stats.ts';
import { failureDetails, RESOLVE_TIMEOUT } from './failure-details.ts';
import { NameWatch, type RefreshSettings } from './name-watch.ts';
import type { NameResolver } from './resolver.ts';

/** A cache's configuration, read and checked. */
export interface DnsCacheSettings {
  readonly name: string;
  readonly refresh: RefreshSettings;
  readonly resolver: NameResolver;
  /** A name that no request needs for so long is forgotten. */
  readonly hostTtlMs: number;
  readonly maxHosts: number;
  readonly queryTimeoutMs: number;
  /** Requests that may wait for names at a time. */
  readonly maxPending: number;
  /** True: a name whose question fails is forgotten instead of asked for again. */
  readonly forgetsFailures: boolean;
  /** Names that are asked for from the beginning. */
  readonly wantedAlways: readonly NetAddress[];
}

/** A name with its port, and what is known of it. */
export interface DynamicName {
  /** `name:port`, lower case. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** Empty where nothing is known. */
  readonly addresses: readonly NetAddress[];
  /** Why there is no address; '' where there is one, or no answer yet. */
  readonly failure: string;
}

/** Who makes hosts of names. */
export interface NameListener {
  /** The name has other addresses than before, and some. */
  onName(name: DynamicName): void;
  onGone(name: DynamicName): void;
}

class Entry implements DynamicName {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  addresses: readonly NetAddress[] = [];
  failure = '';
  /** An answer, or a failure, has come. */
  isKnown = false;
  usedMs = 0;
  watch: NameWatch | undefined;
  readonly waiting = new Set<() => void>();

  constructor(key: string, host: string, port: number) {
    this.key = key;
    this.host = host;
    this.port = port;
  }
}

export interface DnsCacheScope {
  readonly clock: Clock;
  readonly random: Random;
  /** The cache's own: `dns_cache.<name>`. */
  readonly stats: StatsScope;
}

/** Rejects where the answer takes too long. */
function withTimeout(resolver: NameResolver, timeoutMs: number): NameResolver {
  return {
    async resolve(name, family, wantsTtl) {
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new Error(RESOLVE_TIMEOUT)), timerMs(timeoutMs));
      try {
        return await Promise.race([resolver.resolve(name, family, wantsTtl), promise]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function isSame(a: readonly NetAddress[], b: readonly NetAddress[]): boolean {
  return a.length === b.length && a.every(({ host }, i) => host === b[i]?.host);
}

/** Key of a name and its port. */
export function nameKey(host: string, port: number): string {
  return `${host.toLowerCase()}:${port}`;
}

export class DnsCache {
  readonly settings: DnsCacheSettings;
  readonly #scope: DnsCacheScope;
  readonly #resolver: NameResolver;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<NameListener>();
  readonly #hosts: Gauge;
  #pending = 0;

  constructor(settings: DnsCacheSettings, scope: DnsCacheScope) {
    this.settings = settings;
    this.#scope = scope;
    this.#resolver = withTimeout(settings.resolver, settings.queryTimeoutMs);
    this.#hosts = scope.stats.gauge('num_hosts');
    for (const { host, port } of settings.wantedAlways) this.#add(nameKey(host, port), host, port);
  }

  /** Tells of names from now on, beginning with those that are known; returns how to stop. */
  listen(listener: NameListener): () => void {
    this.#listeners.add(listener);
    for (const entry of this.#entries.values()) if (entry.addresses.length > 0) listener.onName(entry);
    return () => this.#listeners.delete(listener);
  }

  /** A name that is known; it counts as needed now. */
  find(key: string): DynamicName | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.usedMs = this.#scope.clock.monotonicMs();
    return entry;
  }

  /** Lets a request ask for a name: gives what is to be called when it waits no more; undefined: too many wait. */
  admit(): (() => void) | undefined {
    if (this.#pending >= this.settings.maxPending) {
      this.#count('dns_rq_pending_overflow');
      return undefined;
    }
    this.#pending++;
    let isIn = true;
    return () => {
      if (isIn) this.#pending--;
      isIn = false;
    };
  }

  /**
   * Asks for a name: at once what is known of it, or `overflow` where there is no room for another one, or how to wait no
   * more; until then `onKnown` is called once.
   */
  load(host: string, port: number, onKnown: (name: DynamicName) => void): DynamicName | 'overflow' | (() => void) {
    const key = nameKey(host, port);
    let entry = this.#entries.get(key);
    if (entry === undefined && this.#entries.size >= this.settings.maxHosts) {
      this.#count('host_overflow');
      return 'overflow';
    }
    entry ??= this.#add(key, host, port);
    entry.usedMs = this.#scope.clock.monotonicMs();
    if (entry.isKnown) return entry;
    const found = entry;
    const waiter = (): void => onKnown(found);
    found.waiting.add(waiter);
    return () => found.waiting.delete(waiter);
  }

  #count(stat: string): void {
    this.#scope.stats.counter(stat).value++;
  }

  #add(key: string, host: string, port: number): Entry {
    const entry = new Entry(key, host, port);
    entry.usedMs = this.#scope.clock.monotonicMs();
    this.#entries.set(key, entry);
    this.#count('host_added');
    this.#hosts.value = this.#entries.size;
    entry.watch = new NameWatch(host, this.settings.refresh, {
      resolver: this.#resolver,
      random: this.#scope.random,
      onAsk: () => this.#count('dns_query_attempt'),
      onAnswer: ({ addresses, absence }) => {
        this.#count('dns_query_success');
        if (addresses.length === 0) this.#unresolved(entry, failureDetails(absence));
        else
          this.#resolved(
            entry,
            addresses.map((address) => ({ host: address, port })),
          );
      },
      onFailure: (reason) => {
        const failure = failureDetails(reason);
        this.#count('dns_query_failure');
        if (failure === RESOLVE_TIMEOUT) this.#count('dns_query_timeout');
        this.#unresolved(entry, failure);
        if (this.settings.forgetsFailures) this.#remove(entry);
      },
    });
    return entry;
  }

  #resolved(entry: Entry, addresses: readonly NetAddress[]): void {
    entry.failure = '';
    if (!isSame(entry.addresses, addresses)) {
      this.#count('host_address_changed');
      entry.addresses = addresses;
      for (const listener of this.#listeners) listener.onName(entry);
    }
    this.#settled(entry);
  }

  /** What was known of its addresses stays. */
  #unresolved(entry: Entry, failure: string): void {
    if (entry.addresses.length === 0) entry.failure = failure;
    this.#settled(entry);
  }

  #settled(entry: Entry): void {
    entry.isKnown = true;
    const waiting = [...entry.waiting];
    entry.waiting.clear();
    for (const waiter of waiting) waiter();
    if (this.#scope.clock.monotonicMs() - entry.usedMs > this.settings.hostTtlMs) this.#remove(entry);
  }

  #remove(entry: Entry): void {
    if (!this.#entries.delete(entry.key)) return;
    entry.watch?.close();
    this.#count('host_removed');
    this.#hosts.value = this.#entries.size;
    for (const listener of this.#listeners) listener.onGone(entry);
  }

  /** Forgets all names and asks for none. */
  close(): void {
    for (const entry of this.#entries.values()) entry.watch?.close();
    this.#entries.clear();
  }
}
