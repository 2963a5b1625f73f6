/** The stores of a proxy's configuration: what is said of each type of resource goes to one, and each builds what it is told. */
import type { Clock, Random } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  LISTENER_TYPE,
  NAME_TABLE_TYPE,
  ROUTE_TYPE,
  RUNTIME_TYPE,
  SCOPED_ROUTE_TYPE,
  SECRET_TYPE,
  VIRTUAL_HOST_TYPE,
} from '../xds/types.ts';
import type { AdsHandler, AdsResource } from '../xds/client.ts';
import type { Bootstrap } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Listener as ListenerProto } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { buildCluster } from './cluster/build-cluster.ts';
import type { Cluster } from './cluster/cluster.ts';
import { DnsCaches } from './cluster/dns/dns-caches.ts';
import { readResolver } from './cluster/dns/resolver-config.ts';
import { drainPool, renewPool } from './cluster/host-pools.ts';
import { localZoneOf } from './cluster/local-zone.ts';
import { ClusterStore, type ClusterStoreOptions } from './config/cluster-store.ts';
import { EndpointStore } from './config/endpoint-store.ts';
import { type BuiltListener, ListenerStore, type ListenerStoreOptions } from './config/listener-store.ts';
import { announcedNode, type TulleSettings } from './config/local-node.ts';
import type { NameService } from './config/name-service.ts';
import type { ResourceLog } from './config/resource-log.ts';
import { RouteStore, type RouteStoreOptions } from './config/route-store.ts';
import type { RuntimeStore } from './config/runtime-store.ts';
import { ScopeStore } from './config/scope-store.ts';
import { watchSecretFile } from './config/sds-file.ts';
import { createSecretSources } from './config/secret-sources.ts';
import { Secrets } from './config/secrets.ts';
import type { Subscriptions } from './config/subscriptions.ts';
import { httpFilters } from './http/filters/index.ts';
import type { FlowTeller } from './flows/flow-teller.ts';
import type { LocalNode } from './http/filter.ts';
import { buildListener, checkListener } from './listener/build-listener.ts';
import type { DrainOptions } from './listener/drain-state.ts';
import type { ListenSockets } from './listener/listen-sockets.ts';
import { ListenerDirectory } from './listener/listener-directory.ts';
import type { ListenerScope, RuntimeListener } from './listener/listener-scope.ts';
import { isHandedTo, SleepingListener, type SleepingParts } from './listener/sleeping-listener.ts';
import type { Overload } from './overload/overload.ts';
import { networkFilters } from './network/index.ts';
import type { RouteSource } from './router/route.ts';
import type { ScopeSource } from './router/scoped-routes.ts';
import { buildOpenTable } from './router/open-route-table.ts';
import { buildRouteTable } from './router/route-table.ts';
import type { FileLogSink } from './telemetry/log-sink.ts';
import type { StatsRegistry } from './telemetry/registry.ts';
import type { WorkInFlight } from './tracing/work.ts';

/** How long connections go on whose filter chain has changed or gone, at least. Istio: `drainDuration`. */
const CHANGED_CHAIN_DRAIN_MS = 45_000;

/** SDS names that a proxy with an identity answers itself. */
export const OWN_KEY_PAIR = 'default';
export const OWN_TRUST = 'ROOTCA';

/** What the stores are made with. */
export interface StoreParts {
  readonly bootstrap: Bootstrap;
  readonly tulle: TulleSettings;
  readonly node: LocalNode;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly logSink: FileLogSink;
  readonly stats: StatsRegistry;
  readonly resources: ResourceLog;
  readonly subscriptions: Subscriptions;
  readonly overload: Overload;
  readonly sockets: ListenSockets;
  readonly drain: DrainOptions;
  readonly work: WorkInFlight;
  /** Tells the server of ADS of streams; undefined where there is none. */
  readonly flows: FlowTeller | undefined;
  isFailingHealthChecks(): boolean;
  readonly onTellsOfAll?: () => void;
}

export interface Stores {
  readonly secrets: Secrets;
  readonly endpoints: EndpointStore;
  readonly clusters: ClusterStore;
  readonly routes: RouteStore;
  readonly scopes: ScopeStore;
  readonly listeners: ListenerStore<RuntimeListener>;
  /** Lets listeners start: clusters are there. */
  openGate(): void;
}

/** A signal that is given once, and kept for those who come later. */
class Gate {
  #isOpen = false;
  #waiting: (() => void)[] = [];

  whenOpen(callback: () => void): void {
    if (this.#isOpen) callback();
    else this.#waiting.push(callback);
  }

  open(): void {
    this.#isOpen = true;
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

/** Calls back after `parts` have all called back. */
function whenAll(parts: readonly ((callback: () => void) => void)[], callback: () => void): void {
  let left = parts.length;
  for (const part of parts) {
    part(() => {
      if (--left === 0) callback();
    });
  }
}

interface ListenerParts {
  readonly scope: Omit<ListenerScope, 'routes' | 'scopes' | 'handOff'>;
  readonly routes: RouteStore;
  readonly scopes: ScopeStore;
  readonly gate: Gate;
  readonly directory: ListenerDirectory;
  /** Listeners that only take what others hand over are built when they are first used. */
  readonly isOnDemand: boolean;
}

/** A builder of listeners that keeps account of the route tables that each uses. */
function listenerBuilder(parts: ListenerParts): ListenerStoreOptions<RuntimeListener>['build'] {
  const { scope, routes, scopes, gate, directory } = parts;
  const build = (config: ListenerProto, path: string): BuiltListener<RuntimeListener> => {
    const used: string[] = [];
    let usesScopes = false;
    const release = (): void => {
      for (const name of used.splice(0)) routes.release(name);
      if (usesScopes) scopes.release();
      usesScopes = false;
    };
    let listener: RuntimeListener;
    try {
      listener = buildListener(config, path, {
        ...scope,
        handOff: (address) => directory.find(address),
        routes(name) {
          used.push(name);
          return routes.use(name);
        },
        scopes() {
          if (usesScopes) return scopes;
          usesScopes = true;
          return scopes.use();
        },
      });
    } catch (error) {
      release();
      throw error;
    }
    return {
      listener,
      whenReady(callback) {
        const tables = used.map((name) => (done: () => void) => routes.whenReady(name, done));
        if (usesScopes) tables.push((done) => scopes.whenReady(done));
        whenAll([(done) => gate.whenOpen(done), (done) => listener.onWarm(done), ...tables], callback);
      },
      release,
    };
  };
  const sleeping: SleepingParts = {
    build: (config) => build(config, ''),
    whenReady: (callback) => gate.whenOpen(callback),
    log: scope.log,
  };
  const unused = { ...scope, handOff: () => undefined, routes: () => NO_ROUTES, scopes: () => NO_SCOPES };
  return (config, path, source) => {
    if (!parts.isOnDemand || source === undefined || !isHandedTo(config)) return build(config, path);
    return new SleepingListener(config.name, checkListener(config, path, unused), source, sleeping);
  };
}

/** What listeners are read with that are not built. */
const NO_ROUTES: RouteSource = { current: () => undefined };
const NO_SCOPES: ScopeSource = { find: () => undefined };

function clusterMode({ dynamicResources: dynamic }: Bootstrap, tulle: TulleSettings): ClusterStoreOptions['mode'] {
  if (dynamic?.cdsConfig === undefined) return dynamic?.adsConfig === undefined ? 'static' : 'named';
  return tulle.isOnDemand ? 'on-demand' : 'wildcard';
}

function createSecrets({ bootstrap, node, tulle, subscriptions, stats, clock, random, log }: StoreParts): Secrets {
  const announced = announcedNode(bootstrap, node.version ?? '');
  const receive = (resources: readonly AdsResource[]): void => secrets.receive(resources);
  const secrets: Secrets = new Secrets({
    subscriptions,
    readSource: createSecretSources({ bootstrap, node: announced, random, log, stats, receive }),
    ownNames: new Set(tulle.tokenFile === undefined ? [] : [OWN_KEY_PAIR, OWN_TRUST]),
    watchFile: (file, directory, onSecrets) => void watchSecretFile(file, directory, onSecrets, log),
    onBadSecret: (name, reason) => log.warn('a secret cannot be used; the former one stays', { name, reason }),
  });
  secrets.uses.watch(stats.scope('server'), log, () => clock.wallMs());
  return secrets;
}

function createClusters(parts: StoreParts, secrets: Secrets, endpoints: EndpointStore, directory: ListenerDirectory): ClusterStore {
  const { bootstrap, tulle, subscriptions, resources, stats, clock, random, log, logSink } = parts;
  const ejectionFile = bootstrap.clusterManager?.outlierDetection?.eventLogPath ?? '';
  const resolver = readResolver(bootstrap, 'bootstrap');
  const dnsCaches = new DnsCaches({ clock, random, stats, resolver });
  const findCluster = (name: string): Cluster | undefined => clusters.get(name);
  const scope = {
    stats,
    clock,
    random,
    secrets,
    log,
    logSink,
    outlierLog: ejectionFile === '' ? undefined : logSink.target(ejectionFile),
    findInternal: (name: string) => directory.findInternal(name),
    findCluster,
    dnsCaches,
    ...(resolver && { resolver }),
    zone: localZoneOf(bootstrap, findCluster),
    node: parts.node,
    onHostRemoved: drainPool,
    onHostFailed: renewPool,
  };
  const clusters: ClusterStore = new ClusterStore({
    mode: clusterMode(bootstrap, tulle),
    build: (config, path) => buildCluster(config, path, scope),
    subscriptions,
    endpoints,
    resources,
    log,
    dnsCaches,
    ownZone: bootstrap.node?.locality?.zone ?? '',
  });
  return clusters;
}

/** Makes the stores, all empty. */
export function createStores(parts: StoreParts): Stores {
  const { subscriptions, resources, stats, log, drain } = parts;
  const secrets = createSecrets(parts);
  const endpoints = new EndpointStore(subscriptions, resources);
  const directory = new ListenerDirectory();
  const clusters = createClusters(parts, secrets, endpoints, directory);
  const build: RouteStoreOptions['build'] = (config, path) => buildRouteTable(config, path, httpFilters);
  const buildOpen: RouteStoreOptions['buildOpen'] = (config) => buildOpenTable(config, httpFilters);
  const routes = new RouteStore({ build, buildOpen, clusters, subscriptions, resources, stats });
  const scopes = new ScopeStore({ routes, build, subscriptions, resources });
  const gate = new Gate();
  const listeners = new ListenerStore<RuntimeListener>({
    build: listenerBuilder({
      scope: { ...parts, clusters, secrets, filters: networkFilters },
      routes,
      scopes,
      gate,
      directory,
      isOnDemand: parts.tulle.isOnDemand,
    }),
    resources,
    log,
    drainMs: Math.max(drain.timeMs, CHANGED_CHAIN_DRAIN_MS),
    onActive: (listener) => directory.add(listener),
    onInactive: (listener) => directory.remove(listener),
  });
  return { secrets, endpoints, clusters, routes, scopes, listeners, openGate: () => gate.open() };
}

/** Everything of the server of ADS goes to the store of its type. */
export function dispatch(stores: Stores, runtime: RuntimeStore, names: () => NameService | undefined): AdsHandler {
  return {
    onResources(typeUrl, resources, removed) {
      switch (typeUrl) {
        case RUNTIME_TYPE:
          return runtime.receive(resources, removed);
        case CLUSTER_TYPE:
          return stores.clusters.receive(resources, removed);
        case ENDPOINT_TYPE:
          return stores.endpoints.receive(resources);
        case LISTENER_TYPE:
          return stores.listeners.receive(resources, removed);
        case ROUTE_TYPE:
          return stores.routes.receive(resources);
        case VIRTUAL_HOST_TYPE:
          return stores.routes.receiveHosts(resources, removed);
        case SCOPED_ROUTE_TYPE:
          return stores.scopes.receive(resources, removed);
        case SECRET_TYPE:
          return stores.secrets.receive(resources);
        case NAME_TABLE_TYPE:
          return names()?.receive(resources);
        default:
          throw new ConfigError('', `${typeUrl} is not supported by Tulle`);
      }
    },
  };
}
