/** The parts of a connection manager that its connections and streams share. */
import { ConfigError } from '../../core/errors.ts';
import type { NetworkScope } from '../network/filter.ts';
import type { RouteSource } from '../router/route.ts';
import type { RouterScope } from '../router/router.ts';
import { type AccessLogger, createAccessLogs } from '../telemetry/access-log.ts';
import { createTracing, type Tracing } from '../telemetry/tracing.ts';
import { type Timers, timersOf } from '../timers.ts';
import type { FilterScope, HttpFilterHandlers } from './filter.ts';
import type { HcmConfig } from './hcm-config.ts';
import { createHcmStats, type HcmStats } from './hcm-stats.ts';

type Has<K extends keyof HttpFilterHandlers> = HttpFilterHandlers & Required<Pick<HttpFilterHandlers, K>>;

export interface HcmRuntime {
  readonly config: HcmConfig;
  readonly scope: NetworkScope;
  readonly timers: Timers;
  readonly stats: HcmStats;
  readonly routes: RouteSource;
  /** The listener is an application's HTTP proxy (listener metadata `tulle.httpProxy`): CONNECT leads to itself. */
  readonly isForwardProxy: boolean;
  readonly router: RouterScope;
  readonly accessLog: AccessLogger | undefined;
  readonly tracing: Tracing;
  /** In the order in which they run, each list only those that take part. */
  readonly onRequestHeaders: readonly Has<'onRequestHeaders'>[];
  readonly onRequestData: readonly Has<'onRequestData'>[];
  readonly onResponseHeaders: readonly Has<'onResponseHeaders'>[];
  readonly onResponseData: readonly Has<'onResponseData'>[];
  readonly onComplete: readonly Has<'onComplete'>[];
}

function having<K extends keyof HttpFilterHandlers>(handlers: readonly HttpFilterHandlers[], key: K): Has<K>[] {
  return handlers.filter((each): each is Has<K> => each[key] !== undefined);
}

function routeSource(config: HcmConfig, scope: NetworkScope): RouteSource {
  if (config.routes.kind === 'rds') return scope.routes(config.routes.name);
  const { table } = config.routes;
  return { current: () => table };
}

function isForwardProxy(listenerMetadata: NetworkScope['listenerMetadata']): boolean {
  const { tulle } = listenerMetadata;
  return typeof tulle === 'object' && tulle !== null && 'httpProxy' in tulle && tulle.httpProxy === true;
}

/** Prepares a connection manager for a filter chain. Throws ConfigError where an access log or tracing cannot be had. */
export function createRuntime(config: HcmConfig, scope: NetworkScope): HcmRuntime {
  if (config.statPrefix === '') throw new ConfigError(`${config.path}.stat_prefix`, 'is empty');
  const { clock, random, log, node, direction, listenerMetadata } = scope;
  const stats = scope.stats.scope(`http.${config.statPrefix}`);
  const filterScope: FilterScope = {
    stats,
    random,
    clock,
    log,
    node,
    direction,
    listenerMetadata,
    clusters: scope.clusters,
    isDraining: () => scope.isDraining(),
  };
  const handlers = config.filters.map(({ filter, config: own }) => filter.create(own, filterScope));
  const reversed = handlers.toReversed();
  return {
    config,
    scope,
    timers: timersOf(clock),
    stats: createHcmStats(stats),
    routes: routeSource(config, scope),
    isForwardProxy: isForwardProxy(listenerMetadata),
    router: {
      clusters: scope.clusters,
      clock,
      random,
      isQuiet: config.isQuiet,
      onDemandMs: config.onDemandMs || (scope.clusters.onDemandMs ?? 0),
    },
    accessLog:
      config.accessLog.length === 0 ? undefined : createAccessLogs(config.accessLog, `${config.path}.access_log`, scope.logSink, random),
    tracing: createTracing(config.tracing, `${config.path}.tracing`, {
      generatesRequestId: config.generatesRequestId,
      preservesExternalRequestId: config.preservesExternalRequestId,
      random,
    }),
    onRequestHeaders: having(handlers, 'onRequestHeaders'),
    onRequestData: having(handlers, 'onRequestData'),
    onResponseHeaders: having(reversed, 'onResponseHeaders'),
    onResponseData: having(reversed, 'onResponseData'),
    onComplete: having(handlers, 'onComplete'),
  };
}
