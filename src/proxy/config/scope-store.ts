/** Scopes that come from a server (SRDS), with the tables that they name. Envoy: ScopedRds. */
import { ConfigError } from '../../core/errors.ts';
import type { AdsResource } from '../../xds/client.ts';
import { type ScopedRouteConfiguration, ScopedRouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/scoped_route_pb.ts';
import { SCOPED_ROUTE_TYPE } from '../../xds/types.ts';
import { readScope, type Scope, type ScopeSource } from '../router/scoped-routes.ts';
import type { RouteSource, RouteTable } from '../router/route.ts';
import type { ResourceLog } from './resource-log.ts';
import type { RouteStore, RouteStoreOptions } from './route-store.ts';
import { applyEach, sameBytes, type Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

interface Entry {
  readonly scope: Scope;
  readonly bytes: Uint8Array;
  /** Undefined while nobody has needed a table that comes on demand. */
  source: RouteSource | undefined;
}

/** A scope that came, not in force yet. */
interface ReadScope {
  readonly resource: AdsResource;
  readonly message: ScopedRouteConfiguration;
  readonly scope: Scope;
  readonly table: RouteTable | undefined;
}

export interface ScopeStoreOptions {
  readonly routes: RouteStore;
  readonly build: RouteStoreOptions['build'];
  readonly subscriptions: Subscriptions;
  readonly resources: ResourceLog;
}

/** Another name that has the key. */
function rivalOf(keys: ReadonlyMap<string, string>, name: string, key: string): string | undefined {
  return [...keys].find(([other, its]) => other !== name && its === key)?.[0];
}

export class ScopeStore implements ScopeSource {
  readonly #options: ScopeStoreOptions;
  readonly #byName = new Map<string, Entry>();
  #byKey: ReadonlyMap<string, Entry> = new Map();
  #users = 0;
  #hasFirst = false;
  readonly #waiting = new Set<() => void>();

  constructor(options: ScopeStoreOptions) {
    this.#options = options;
  }

  /** The first user asks the server for all scopes. Each call is one use, to be released. */
  use(): ScopeSource {
    if (this.#users++ === 0) this.#options.subscriptions.subscribe(SCOPED_ROUTE_TYPE, '*');
    return this;
  }

  /** One use is over. The last one ends the subscription. */
  release(): void {
    if (--this.#users > 0) return;
    this.#options.subscriptions.unsubscribe(SCOPED_ROUTE_TYPE, '*');
    for (const name of this.#byName.keys()) this.#drop(name);
    this.#byKey = new Map();
    this.#hasFirst = false;
  }

  /** Calls back once the scopes are there, with the tables that do not come on demand. */
  whenReady(callback: () => void): void {
    if (!this.#hasFirst) this.#waiting.add(() => this.whenReady(callback));
    else this.#whenTables(callback);
  }

  find(key: string): RouteSource | undefined {
    const entry = this.#byKey.get(key);
    return entry === undefined ? undefined : (entry.source ?? this.#sourceOnDemand(entry));
  }

  /**
   * Takes over a response of SRDS. Throws ConfigError naming what is refused; former scopes stay. Keys are compared as they
   * are after the response: scopes may exchange theirs.
   */
  receive(resources: readonly AdsResource[], removed: readonly string[]): void {
    if (this.#users === 0) return;
    for (const name of removed) this.#drop(name);
    const read = new Map(resources.map((resource) => [resource.name, this.#read(resource)]));
    const rivals = this.#withoutRivals(read);
    try {
      applyEach(resources, ({ name }) => {
        const scope = read.get(name);
        if (scope instanceof ConfigError) throw scope;
        const rival = rivals.get(name);
        if (rival !== undefined) throw new ConfigError('key', `is that of the scope "${rival}" too`);
        if (scope !== undefined) this.#take(scope);
      });
    } finally {
      this.#byKey = new Map([...this.#byName.values()].map((entry) => [entry.scope.key, entry]));
      this.#hasFirst = true;
      for (const callback of this.#waiting) {
        this.#waiting.delete(callback);
        callback();
      }
    }
  }

  #whenTables(callback: () => void): void {
    const names = [...this.#byName.values()].filter(({ source, scope }) => source !== undefined && scope.routeName !== '');
    let left = names.length + 1;
    const done = (): void => {
      if (--left === 0) callback();
    };
    for (const { scope } of names) this.#options.routes.whenReady(scope.routeName, done);
    done();
  }

  /** What a resource says: undefined where it has not changed, an error where it cannot be. */
  #read(resource: AdsResource): ReadScope | ConfigError | undefined {
    if (sameBytes(this.#byName.get(resource.name)?.bytes, resource.any)) {
      this.#options.resources.again(SCOPED_ROUTE_TYPE, resource.name);
      return undefined;
    }
    try {
      const message = decodeResource(resource.any, ScopedRouteConfigurationSchema, '');
      const table = message.routeConfiguration && this.#options.build(message.routeConfiguration, 'route_configuration');
      return { resource, message, scope: readScope(message, ''), table };
    } catch (error) {
      if (error instanceof ConfigError) return error;
      throw error;
    }
  }

  /** Scopes that came and that must be left out, so that no two have one key: each with the name of who has its key. */
  #withoutRivals(read: ReadonlyMap<string, ReadScope | ConfigError | undefined>): ReadonlyMap<string, string> {
    const keys = new Map([...this.#byName].map(([name, { scope }]) => [name, scope.key]));
    const came = [...read].flatMap(([name, each]) => (each === undefined || each instanceof ConfigError ? [] : [{ name, each }]));
    for (const { name, each } of came) keys.set(name, each.scope.key);
    const rivals = new Map<string, string>();
    while (new Set(keys.values()).size < keys.size) {
      const last = came.findLast(({ name, each }) => !rivals.has(name) && rivalOf(keys, name, each.scope.key) !== undefined);
      if (last === undefined) break;
      const { name, each } = last;
      rivals.set(name, rivalOf(keys, name, each.scope.key) ?? '');
      // it has its former key again, which may be that of another that came
      const former = this.#byName.get(name)?.scope.key;
      if (former === undefined) keys.delete(name);
      else keys.set(name, former);
    }
    return rivals;
  }

  #take({ resource, message, scope, table }: ReadScope): void {
    const former = this.#byName.get(resource.name);
    const source =
      table !== undefined ? { current: () => table } : scope.isOnDemand ? undefined : this.#options.routes.use(scope.routeName);
    this.#byName.set(resource.name, { scope, bytes: resource.any, source });
    if (former !== undefined) this.#release(former);
    this.#options.resources.put({ ...resource, schema: ScopedRouteConfigurationSchema, message, isStatic: false }, 'active');
  }

  #drop(name: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    this.#byName.delete(name);
    this.#release(entry);
    this.#options.resources.remove(SCOPED_ROUTE_TYPE, name);
  }

  #release({ scope, source }: Entry): void {
    if (source !== undefined && scope.routeName !== '') this.#options.routes.release(scope.routeName);
  }

  /** A table that the first request to need it asks for. */
  #sourceOnDemand(entry: Entry): RouteSource {
    return {
      current: () => entry.source?.current(),
      request: (head, callback) => {
        const isNew = entry.source === undefined;
        const source = (entry.source ??= this.#options.routes.use(entry.scope.routeName));
        if (!isNew && source.current() !== undefined) return source.request?.(head, callback) ?? false;
        this.#options.routes.whenReady(entry.scope.routeName, callback);
        return true;
      },
    };
  }
}
