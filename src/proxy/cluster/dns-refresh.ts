import type { Log } from '../../core/log.ts';
import { messageOf } from '../../core/errors.ts';
import type { Cluster_DnsLookupFamily as Family } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Endpoint } from './endpoints.ts';
import type { NameResolver } from './resolver.ts';

/** How a cluster's names are resolved. */
export interface DnsSettings {
  readonly family: Family;
  readonly refreshMs: number;
  /** True: the answer's TTL takes the place of `refreshMs`. */
  readonly respectsTtl: boolean;
  /** LOGICAL_DNS: one host a name, whose address is the first of the latest answer. */
  readonly isLogical: boolean;
}

/** The shortest time between two questions, whatever a TTL says. */
const REFRESH_MS_MIN = 1000;

export interface DnsScope {
  readonly resolver: NameResolver;
  readonly log: Log;
  readonly clusterName: string;
  /** All endpoints with their names replaced by addresses; called after each answer. */
  onEndpoints(endpoints: readonly Endpoint[]): void;
  /** Counts a question and how it ended. */
  onQuery(isAnswered: boolean): void;
}

/** Resolves the names of a cluster's endpoints again and again. A failure keeps the former addresses. */
export class DnsRefresher {
  readonly #settings: DnsSettings;
  readonly #scope: DnsScope;
  #endpoints: readonly Endpoint[] = [];
  readonly #addresses = new Map<string, readonly string[]>();
  #timer: NodeJS.Timeout | undefined;
  /** Number of the current assignment: answers to a former one are dropped. */
  #generation = 0;

  constructor(settings: DnsSettings, scope: DnsScope) {
    this.#settings = settings;
    this.#scope = scope;
  }

  /** Resolves these endpoints from now on. */
  assign(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#generation++;
    const names = new Set(endpoints.map((endpoint) => endpoint.address.host));
    for (const name of this.#addresses.keys()) if (!names.has(name)) this.#addresses.delete(name);
    void this.#refresh(this.#generation, names);
  }

  close(): void {
    this.#generation++;
    clearTimeout(this.#timer);
  }

  async #refresh(generation: number, names: ReadonlySet<string>): Promise<void> {
    clearTimeout(this.#timer);
    const ttls = await Promise.all([...names].map((name) => this.#resolve(name)));
    if (generation !== this.#generation) return;
    this.#scope.onEndpoints(this.#resolved());
    const { refreshMs, respectsTtl } = this.#settings;
    const delayMs = respectsTtl ? Math.min(...ttls.map((ttl) => ttl ?? refreshMs)) : refreshMs;
    this.#timer = setTimeout(() => void this.#refresh(generation, names), Math.max(REFRESH_MS_MIN, delayMs));
    this.#timer.unref();
  }

  async #resolve(name: string): Promise<number | undefined> {
    try {
      const { addresses, ttlMs } = await this.#scope.resolver.resolve(name, this.#settings.family, this.#settings.respectsTtl);
      this.#addresses.set(name, addresses);
      this.#scope.onQuery(true);
      return ttlMs;
    } catch (error) {
      this.#scope.onQuery(false);
      this.#scope.log.warn('a name of a cluster cannot be resolved', { cluster: this.#scope.clusterName, name, error: messageOf(error) });
      return undefined;
    }
  }

  #resolved(): Endpoint[] {
    return this.#endpoints.flatMap((endpoint) => {
      const all = this.#addresses.get(endpoint.address.host) ?? [];
      const addresses = this.#settings.isLogical ? all.slice(0, 1) : all;
      const hostname = endpoint.hostname === '' ? endpoint.address.host : endpoint.hostname;
      return addresses.map((host) => ({ ...endpoint, hostname, address: { host, port: endpoint.address.port } }));
    });
  }
}
