/** Puts the parts of a proxy together from its bootstrap. Nothing listens or connects before it is told to. */
import { type Clock, type Random, systemClock } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  LISTENER_TYPE,
  NAME_TABLE_TYPE,
  ROUTE_TYPE,
  SCOPED_ROUTE_TYPE,
  SECRET_TYPE,
  VIRTUAL_HOST_TYPE,
} from '../xds/types.ts';
import type { AdsHandler } from '../xds/client.ts';
import type { Bootstrap } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { InternalListenerSchema } from '../xds/gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.ts';
import type { Listener as ListenerProto } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { buildCluster } from './cluster/build-cluster.ts';
import type { Cluster } from './cluster/cluster.ts';
import { DnsCaches } from './cluster/dns/dns-caches.ts';
import { drainPool, renewPool } from './cluster/host-pools.ts';
import { localZoneOf } from './cluster/local-zone.ts';
import { type AdsConnection, type AdsConnectionOptions, createAdsConnection } from './config/ads-connection.ts';
import { type AdsSettings, readAdsSettings } from './config/ads-target.ts';
import { ClusterStore, type ClusterStoreOptions } from './config/cluster-store.ts';
import { EndpointStore } from './config/endpoint-store.ts';
import { type BuiltListener, ListenerStore } from './config/listener-store.ts';
import { announcedNode, localNodeOf, readTulleSettings, type TulleSettings } from './config/local-node.ts';
import type { NameService } from './config/name-service.ts';
import { createResourceLog, type ResourceLog } from './config/resource-log.ts';
import { RouteStore, type RouteStoreOptions } from './config/route-store.ts';
import { ScopeStore } from './config/scope-store.ts';
import { watchSecretFile } from './config/sds-file.ts';
import { Secrets } from './config/secrets.ts';
import { decodeTyped, typeNameOf } from './config/typed-config.ts';
import { noSubscriptions, type Subscriptions } from './config/subscriptions.ts';
import { httpFilters } from './http/filters/index.ts';
import type { LocalNode } from './http/filter.ts';
import { buildListener } from './listener/build-listener.ts';
import type { DrainOptions } from './listener/drain-state.ts';
import { type ListenSockets, ownSockets } from './listener/listen-sockets.ts';
import { ListenerDirectory } from './listener/listener-directory.ts';
import type { ListenerScope, RuntimeListener } from './listener/listener-scope.ts';
import { OverloadManager } from './overload/manager.ts';
import { networkFilters } from './network/index.ts';
import { buildRouteTable } from './router/route-table.ts';
import { createLogSink, type FileLogSink, type RelayLines } from './telemetry/log-sink.ts';
import { createStats, type StatsRegistry } from './telemetry/registry.ts';

export interface AssemblyOptions {
  readonly bootstrap: Bootstrap;
  readonly log: Log;
  readonly version: string;
  /** How listeners that are replaced or removed drain, and those of a proxy that ends. */
  readonly drain: DrainOptions;
  /** Where listening sockets come from; the proxy's own where absent. */
  readonly sockets?: ListenSockets;
  /** Brings configuration in place of a stream to the server of ADS: from another event loop. */
  readonly relay?: (handler: AdsHandler) => AdsConnection;
  /** Makes of the stream what this loop subscribes by, where others use it too. */
  readonly share?: (ads: Subscriptions) => Subscriptions;
  /** Sees what came of ADS, after it is in force. */
  readonly onResources?: AdsHandler['onResources'];
  /** Where lines go that only the main loop writes: of access logs to streams and pipes. */
  readonly relayLines?: RelayLines;
  /** Event loops that share the proxy's work; 1 where this one does all of it. */
  readonly loops?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The parts of a proxy that last as long as it does. */
export interface Assembly {
  readonly node: LocalNode;
  /** What `/healthcheck/ok` and `/healthcheck/fail` have said last; read by health check filters. */
  readonly health: { isFailing: boolean; isSaid: boolean };
  readonly tulle: TulleSettings;
  readonly stats: StatsRegistry;
  readonly logSink: FileLogSink;
  readonly resources: ResourceLog;
  readonly secrets: Secrets;
  readonly clusters: ClusterStore;
  readonly listeners: ListenerStore<RuntimeListener>;
  readonly ads: AdsConnection | undefined;
  /** What this loop asks of the server. */
  readonly subscriptions: Subscriptions;
  readonly adsSettings: AdsSettings | undefined;
  readonly overload: OverloadManager;
  /** How long what drains may go on, in milliseconds. */
  readonly drainMs: number;
  /** Takes configuration over as if it had come from the server. Throws ConfigError. */
  receive: AdsHandler['onResources'];
  readonly clock: Clock;
  readonly random: Random;
  /** Static listeners, each with when it accepts. */
  readonly staticListeners: readonly Promise<void>[];
  /** Lets listeners start: clusters are there. */
  openGate(): void;
  /** Where names of the mesh are answered, once that has begun. */
  setNameService(service: NameService): void;
}

/** SDS names that a proxy with an identity answers itself. */
export const OWN_KEY_PAIR = 'default';
export const OWN_TRUST = 'ROOTCA';

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
}

/** A builder of listeners that keeps account of the route tables that each uses. */
function listenerBuilder({
  scope,
  routes,
  scopes,
  gate,
  directory,
}: ListenerParts): (config: ListenerProto, path: string) => BuiltListener<RuntimeListener> {
  return (config, path) => {
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
}

function clusterMode({ dynamicResources: dynamic }: Bootstrap, tulle: TulleSettings): ClusterStoreOptions['mode'] {
  if (dynamic?.cdsConfig === undefined) return dynamic?.adsConfig === undefined ? 'static' : 'named';
  return tulle.isOnDemand ? 'on-demand' : 'wildcard';
}

function refuseOtherExtensions({ bootstrapExtensions }: Bootstrap): void {
  bootstrapExtensions.forEach(({ name, typedConfig }, i) => {
    const path = `bootstrap_extensions[${i}]`;
    if (typedConfig === undefined || typeNameOf(typedConfig) !== InternalListenerSchema.typeName)
      throw new ConfigError(path, `${name} is not supported by Tulle; envoy.bootstrap.internal_listener is`);
    decodeTyped(typedConfig, InternalListenerSchema, `${path}.typed_config`);
  });
}

function refuseOtherSources(bootstrap: Bootstrap): void {
  const dynamic = bootstrap.dynamicResources;
  for (const [field, source] of [
    ['lds_config', dynamic?.ldsConfig],
    ['cds_config', dynamic?.cdsConfig],
  ] as const) {
    if (source === undefined) continue;
    if (source.configSourceSpecifier.case !== 'ads') throw new ConfigError(`dynamic_resources.${field}`, 'only ads is supported by Tulle');
    if (dynamic?.adsConfig === undefined) throw new ConfigError('dynamic_resources.ads_config', `is missing; ${field} needs it`);
  }
}

/** Everything of the server of ADS goes to the store of its type. */
function dispatch(
  stores: Pick<Assembly, 'clusters' | 'secrets' | 'listeners'> & { endpoints: EndpointStore; routes: RouteStore; scopes: ScopeStore },
  names: () => NameService | undefined,
): AdsHandler {
  return {
    onResources(typeUrl, resources, removed) {
      switch (typeUrl) {
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

/** Subscriptions whose maker comes after those who use them. */
class LateSubscriptions implements Subscriptions {
  target: Subscriptions = noSubscriptions;

  subscribe(typeUrl: string, names: readonly string[] | '*'): void {
    this.target.subscribe(typeUrl, names);
  }

  unsubscribe(typeUrl: string, names: readonly string[] | '*'): void {
    this.target.unsubscribe(typeUrl, names);
  }
}

function connectAds(
  settings: AdsSettings,
  { bootstrap, version }: AssemblyOptions,
  parts: Pick<AdsConnectionOptions, 'handler' | 'random' | 'log' | 'stats'>,
): AdsConnection {
  return createAdsConnection({ ...settings, node: announcedNode(bootstrap, version), ...parts, stats: parts.stats.scope('control_plane') });
}

/** The handler, with `onResources` called after it. */
function watched(handler: AdsHandler, { onResources }: AssemblyOptions): AdsHandler {
  if (onResources === undefined) return handler;
  return {
    ...handler,
    onResources(typeUrl, resources, removed) {
      try {
        handler.onResources(typeUrl, resources, removed);
      } finally {
        onResources(typeUrl, resources, removed);
      }
    },
  };
}

/** Builds all parts, static resources among them. Throws ConfigError for what the bootstrap has wrong. */
export function assemble(options: AssemblyOptions): Assembly {
  const { bootstrap, log, clock = systemClock, random = Math.random } = options;
  refuseOtherSources(bootstrap);
  refuseOtherExtensions(bootstrap);
  const tulle = readTulleSettings(bootstrap.node);
  const adsSettings = readAdsSettings(bootstrap, tulle.tokenFile);
  if (tulle.tokenFile !== undefined && adsSettings === undefined)
    throw new ConfigError('node.metadata.TULLE.identity', 'needs dynamic_resources.ads_config: the CA is behind it');
  const subscriptions = new LateSubscriptions();
  const node = localNodeOf(bootstrap);
  const stats = createStats();
  const logSink = createLogSink(stats, log, options.relayLines);
  const resources = createResourceLog(clock);
  const secrets = new Secrets({
    subscriptions,
    ownNames: new Set(tulle.tokenFile === undefined ? [] : [OWN_KEY_PAIR, OWN_TRUST]),
    watchFile: (file, directory, onSecrets) => void watchSecretFile(file, directory, onSecrets, log),
    onBadSecret: (name, reason) => log.warn('a secret cannot be used; the former one stays', { name, reason }),
  });
  secrets.uses.watch(stats.scope('server'), log, () => clock.wallMs());
  const endpoints = new EndpointStore(subscriptions, resources);
  const directory = new ListenerDirectory();
  const findInternal = (name: string): RuntimeListener | undefined => directory.findInternal(name);
  const ejectionFile = bootstrap.clusterManager?.outlierDetection?.eventLogPath ?? '';
  const outlierLog = ejectionFile === '' ? undefined : logSink.target(ejectionFile);
  const dnsCaches = new DnsCaches({ clock, random, stats });
  const findCluster = (name: string): Cluster | undefined => clusters.get(name);
  const zone = localZoneOf(bootstrap, (name) => clusters.get(name));
  const clusterScope = {
    stats,
    clock,
    random,
    secrets,
    log,
    logSink,
    outlierLog,
    findInternal,
    findCluster,
    dnsCaches,
    zone,
    onHostRemoved: drainPool,
    onHostFailed: renewPool,
  };
  const clusters: ClusterStore = new ClusterStore({
    mode: clusterMode(bootstrap, tulle),
    build: (config, path) => buildCluster(config, path, clusterScope),
    subscriptions,
    endpoints,
    resources,
    log,
    dnsCaches,
  });
  const build: RouteStoreOptions['build'] = (config, path) => buildRouteTable(config, path, httpFilters);
  const routes = new RouteStore({ build, clusters, subscriptions, resources });
  const scopes = new ScopeStore({ routes, build, subscriptions, resources });
  const overload = new OverloadManager(bootstrap.overloadManager, { stats, clock, log, loops: options.loops ?? 1 });
  const gate = new Gate();
  const health = { isFailing: false, isSaid: false };
  const isFailingHealthChecks = (): boolean => health.isFailing;
  const scope = {
    stats,
    clusters,
    clock,
    random,
    log,
    logSink,
    node,
    secrets,
    filters: networkFilters,
    isFailingHealthChecks,
    overload: overload.state,
    sockets: options.sockets ?? ownSockets,
    drain: options.drain,
  };
  const listeners = new ListenerStore<RuntimeListener>({
    build: listenerBuilder({ scope, routes, scopes, gate, directory }),
    resources,
    log,
    drainMs: options.drain.timeMs,
    onActive: (listener) => directory.add(listener),
    onInactive: (listener) => directory.remove(listener),
  });
  let names: NameService | undefined;
  const handler = dispatch({ clusters, secrets, listeners, endpoints, routes, scopes }, () => names);
  const ads =
    adsSettings &&
    (options.relay?.(handler) ?? connectAds(adsSettings, options, { handler: watched(handler, options), random, log, stats }));
  if (ads !== undefined) subscriptions.target = options.share?.(ads) ?? ads;
  let staticListeners: readonly Promise<void>[];
  try {
    staticListeners = addStatics(bootstrap, { secrets, clusters, listeners }, adsSettings?.clusterName);
  } catch (error) {
    // clusters that were built already have timers
    clusters.close();
    secrets.uses.stop();
    logSink.close();
    throw error;
  }
  return {
    node,
    health,
    tulle,
    stats,
    logSink,
    resources,
    secrets,
    clusters,
    listeners,
    overload,
    drainMs: options.drain.timeMs,
    receive: (typeUrl, given, removed) => handler.onResources(typeUrl, given, removed),
    ads,
    subscriptions,
    adsSettings,
    clock,
    random,
    staticListeners,
    openGate: () => gate.open(),
    setNameService(service) {
      names = service;
    },
  };
}

/** The bootstrap's own resources. The cluster of ADS serves the proxy itself and takes no traffic. */
function addStatics(
  bootstrap: Bootstrap,
  stores: Pick<Assembly, 'secrets' | 'clusters' | 'listeners'>,
  adsCluster: string | undefined,
): Promise<void>[] {
  const statics = bootstrap.staticResources;
  statics?.secrets.forEach((secret, i) => stores.secrets.addStatic(secret, `static_resources.secrets[${i}]`));
  statics?.clusters.forEach((cluster, i) => {
    if (cluster.name !== adsCluster) stores.clusters.addStatic(cluster, `static_resources.clusters[${i}]`);
  });
  return (statics?.listeners ?? []).map((listener, i) => stores.listeners.addStatic(listener, `static_resources.listeners[${i}]`));
}
