/** Puts the parts of a proxy together from its bootstrap. Nothing listens or connects before it is told to. */
import { type Clock, type Random, systemClock } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { AdsHandler } from '../xds/client.ts';
import type { Bootstrap } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { InternalListenerSchema } from '../xds/gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.ts';
import { type AdsConnection, type AdsConnectionOptions, createAdsConnection } from './config/ads-connection.ts';
import { type AdsSettings, readAdsSettings } from './config/ads-target.ts';
import type { ClusterStore } from './config/cluster-store.ts';
import type { ListenerStore } from './config/listener-store.ts';
import { announcedNode, localNodeOf, readTulleSettings, type TulleSettings } from './config/local-node.ts';
import type { NameService } from './config/name-service.ts';
import { createResourceLog, type ResourceLog } from './config/resource-log.ts';
import { setRuntimeValues } from './config/live-values.ts';
import { RuntimeStore } from './config/runtime-store.ts';
import type { Secrets } from './config/secrets.ts';
import { decodeTyped, typeNameOf } from './config/typed-config.ts';
import { noSubscriptions, type Subscriptions } from './config/subscriptions.ts';
import { FlowTeller, type FlowTellerOptions } from './flows/flow-teller.ts';
import type { LocalNode } from './http/filter.ts';
import type { DrainOptions } from './listener/drain-state.ts';
import { type ListenSockets, ownSockets } from './listener/listen-sockets.ts';
import type { RuntimeListener } from './listener/listener-scope.ts';
import { OverloadManager } from './overload/manager.ts';
import { createStores, dispatch } from './stores.ts';
import { createLogSink, type FileLogSink, type RelayLines } from './telemetry/log-sink.ts';
import { createStats, type StatsRegistry } from './telemetry/registry.ts';
import { timersOf } from './timers.ts';
import { LocalWork, WorkInFlight, type WorkStore } from './tracing/work.ts';

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
  /** Where the application's work is noted that several loops know of; this loop's own where absent. */
  readonly work?: WorkStore;
  /** See `ProxyOptions`. */
  readonly onTellsOfAll?: () => void;
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
  /** What the workload's application is at. */
  readonly work: WorkInFlight;
  /** Tells the server of ADS of streams; undefined where there is none. */
  readonly flows: FlowTeller | undefined;
  /** Static listeners, each with when it accepts. */
  readonly staticListeners: readonly Promise<void>[];
  /** Lets listeners start: clusters are there. */
  openGate(): void;
  /** Where names of the mesh are answered, once that has begun. */
  setNameService(service: NameService): void;
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

function createFlowTeller(ads: AdsSettings, { loops = 1 }: AssemblyOptions, parts: Omit<FlowTellerOptions, 'ads' | 'loops'>): FlowTeller {
  return new FlowTeller({ ...parts, ads, loops, stats: parts.stats.scope('flows') });
}

/** Builds all parts, static resources among them. Throws ConfigError for what the bootstrap has wrong. */
export function assemble(options: AssemblyOptions): Assembly {
  const { bootstrap, log, clock = systemClock, random = Math.random, sockets = ownSockets, drain } = options;
  refuseOtherSources(bootstrap);
  refuseOtherExtensions(bootstrap);
  const tulle = readTulleSettings(bootstrap.node);
  const adsSettings = readAdsSettings(bootstrap, tulle.tokenFile);
  if (tulle.tokenFile !== undefined && adsSettings === undefined)
    throw new ConfigError('node.metadata.TULLE.identity', 'needs dynamic_resources.ads_config: the CA is behind it');
  const subscriptions = new LateSubscriptions();
  const stats = createStats(tulle.metricSeriesMax, (metric) =>
    log.warn('a metric has all the label sets that it may have: new ones count as overflow', { metric }),
  );
  const overload = new OverloadManager(bootstrap.overloadManager, { stats, clock, log, loops: options.loops ?? 1 });
  const health = { isFailing: false, isSaid: false };
  const runtime = new RuntimeStore(bootstrap);
  runtime.watch(() => setRuntimeValues(runtime.values));
  const node = localNodeOf(bootstrap, options.version, runtime.values);
  const parts = {
    node,
    tulle,
    stats,
    logSink: createLogSink(stats, log, options.relayLines),
    resources: createResourceLog(clock),
    subscriptions,
    clock,
    random,
    work: new WorkInFlight(options.work ?? new LocalWork(), timersOf(clock)),
    flows: adsSettings && createFlowTeller(adsSettings, options, { node, timers: timersOf(clock), runtime, stats, log }),
  };
  const isFailingHealthChecks = (): boolean => health.isFailing;
  const stores = createStores({
    ...parts,
    bootstrap,
    log,
    sockets,
    drain,
    overload: overload.state,
    isFailingHealthChecks,
    ...(options.onTellsOfAll && { onTellsOfAll: options.onTellsOfAll }),
  });
  let names: NameService | undefined;
  const handler = dispatch(stores, runtime, () => names);
  const ads =
    adsSettings &&
    (options.relay?.(handler) ?? connectAds(adsSettings, options, { handler: watched(handler, options), random, log, stats }));
  if (ads !== undefined) {
    subscriptions.target = options.share?.(ads) ?? ads;
    runtime.subscribe(subscriptions);
  }
  const { secrets, clusters, listeners } = stores;
  let staticListeners: readonly Promise<void>[];
  try {
    staticListeners = addStatics(bootstrap, stores, adsSettings?.clusterName);
  } catch (error) {
    // clusters that were built already have timers
    clusters.close();
    secrets.uses.stop();
    parts.logSink.close();
    throw error;
  }
  return {
    ...parts,
    secrets,
    clusters,
    listeners,
    openGate: () => stores.openGate(),
    health,
    overload,
    drainMs: drain.timeMs,
    receive: (typeUrl, given, removed) => handler.onResources(typeUrl, given, removed),
    ads,
    adsSettings,
    staticListeners,
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
