/** Scopes that come from a server (SRDS), with the tables that they name. Envoy: ScopedRds. */
import { ConfigError } from '../../core/errors.ts';
import type { AdsResource } from '../../xds/client.ts';
import { ScopedRouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/scoped_route_pb.ts';
import { SCOPED_ROUTE_TYPE } from '../../xds/types.ts';
import { readScope, type Scope, type ScopeSource } from '../router/scoped-routes.ts';
import type { RouteSource } from '../router/route.ts';
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

export interface ScopeStoreOptions {
  readonly routes: RouteStore;
  readonly build: RouteStoreOptions['build'];
  readonly subscriptions: Subscriptions;
  readonly resources: ResourceLog;
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

  /** One use is over. Scopes stay: a server that was asked for all of a type goes on sending them. */
  release(): void {
    this.#users--;
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

  /** Takes over a response of SRDS. Throws ConfigError naming what is refused; former scopes stay. */
  receive(resources: readonly AdsResource[], removed: readonly string[]): void {
    try {
      for (const name of removed) this.#drop(name);
      applyEach(resources, (resource) => this.#take(resource));
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

  #take(resource: AdsResource): void {
    const former = this.#byName.get(resource.name);
    if (sameBytes(former?.bytes, resource.any)) return;
    const message = decodeResource(resource.any, ScopedRouteConfigurationSchema, '');
    const scope = readScope(message, '');
    for (const other of this.#byName.values()) {
      if (other.scope.key === scope.key && other.scope.name !== scope.name)
        throw new ConfigError('key', `is that of the scope "${other.scope.name}" too`);
    }
    const table = message.routeConfiguration && this.#options.build(message.routeConfiguration, 'route_configuration');
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
