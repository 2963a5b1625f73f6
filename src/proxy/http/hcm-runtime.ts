/** The parts of a connection manager that its connections and streams share. */
import { ConfigError } from '../../core/errors.ts';
import type { ScaledTimeout } from '../overload/overload.ts';
import type { NetworkScope } from '../network/filter.ts';
import { declareStats } from '../router/request-stats.ts';
import type { RouteSource } from '../router/route.ts';
import type { RouterScope } from '../router/router.ts';
import { openScopes } from '../router/scoped-config.ts';
import { type AccessLogger, createAccessLogs } from '../telemetry/access-log.ts';
import { createTracing, type Tracing } from '../telemetry/tracing.ts';
import { type Timers, timersOf } from '../timers.ts';
import type { FilterScope, HttpFilterHandlers } from './filter.ts';
import { having, type Having, requestOrder, type RequestOrder, responseOrder, type ResponseOrder } from './filter-order.ts';
import type { HcmConfig } from './hcm-config.ts';
import { createHcmStats, type HcmStats } from './hcm-stats.ts';
import { compileReplyMap, type MapReply } from './local-reply-map.ts';
import { OpenStreams } from './open-streams.ts';
import { createHttp1Stats, type Http1Stats } from './http1-stats.ts';
import { createHttp2Stats, type Http2Stats } from './http2-stats.ts';
import { createSkippedFilters, type SkippedFilters } from './skipped-filters.ts';

export interface HcmRuntime {
  readonly config: HcmConfig;
  readonly scope: NetworkScope;
  readonly timers: Timers;
  readonly stats: HcmStats;
  readonly http1Stats: Http1Stats;
  readonly http2Stats: Http2Stats;
  /** `local_reply_config`; undefined where there is none. */
  readonly mapReply: MapReply | undefined;
  readonly routes: RouteSource;
  /** The listener is an application's HTTP proxy (listener metadata `tulle.httpProxy`): CONNECT leads to itself. */
  readonly isForwardProxy: boolean;
  readonly router: RouterScope;
  readonly accessLog: AccessLogger | undefined;
  /** Undefined where nobody is told of streams that last. */
  readonly openStreams: OpenStreams | undefined;
  readonly tracing: Tracing;
  readonly requestFilters: RequestOrder;
  readonly responseFilters: ResponseOrder;
  readonly onComplete: readonly Having<'onComplete'>[];
  readonly skippedFilters: SkippedFilters;
  /** What load makes of `stream_idle_timeout`; undefined where that stays. */
  readonly scaledStreamIdle: ScaledTimeout | undefined;
  /** All filters of the chain: what a request skips that is refused before it has cost anything. */
  readonly allFilters: ReadonlySet<HttpFilterHandlers>;
}

function routeSource(config: HcmConfig, scope: NetworkScope): RouteSource {
  if (config.routes.kind === 'rds') return scope.routes(config.routes.name);
  if (config.routes.kind === 'scoped') return openScopes(config.routes.scoped, scope);
  const { table } = config.routes;
  declareStats(scope.stats, table.counted);
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
  const routes = routeSource(config, scope);
  const filterScope: Omit<FilterScope, 'name'> = {
    chain: {},
    stats,
    rootStats: scope.stats,
    random,
    clock,
    log,
    node,
    direction,
    listenerMetadata,
    clusters: scope.clusters,
    routes,
    isDraining: () => scope.isDraining(),
    isFailingHealthChecks: () => scope.isFailingHealthChecks?.() ?? false,
  };
  const handlers = config.filters.map(({ name, filter, config: own }) => filter.create(own, { ...filterScope, name }));
  const timers = timersOf(clock);
  const accessLog =
    config.accessLog.length === 0
      ? undefined
      : createAccessLogs(config.accessLog, `${config.path}.access_log`, scope.logSink, random, scope);
  if (accessLog?.writesAll === true || config.tracing?.provider !== undefined) scope.onTellsOfAll?.();
  return {
    config,
    scope,
    timers,
    stats: createHcmStats(stats, direction),
    http1Stats: createHttp1Stats(scope.stats),
    http2Stats: createHttp2Stats(scope.stats),
    mapReply: compileReplyMap(config.localReply, `${config.path}.local_reply_config`, random),
    routes,
    isForwardProxy: isForwardProxy(listenerMetadata),
    router: {
      clusters: scope.clusters,
      clock,
      random,
      isQuiet: config.isQuiet,
      matchesScheme: config.matchesScheme,
      onDemandMs: scope.clusters.onDemandMs ?? 0,
      stats: scope.stats,
    },
    accessLog,
    openStreams: accessLog?.logOpen === undefined ? undefined : new OpenStreams(clock, timers, accessLog.logOpen),
    tracing: createTracing(config.tracing, `${config.path}.tracing`, {
      generatesRequestId: config.generatesRequestId,
      preservesExternalRequestId: config.preservesExternalRequestId,
      ...config.requestId,
      random,
      // what tracers use
      scope: { stats: scope.stats, clusters: scope.clusters, clock, node },
      stats,
      direction,
      listenerMetadata,
      work: scope.work,
    }),
    requestFilters: requestOrder(handlers),
    responseFilters: responseOrder(handlers),
    onComplete: having(handlers, 'onComplete'),
    allFilters: new Set(handlers),
    scaledStreamIdle: scope.overload?.timeouts.get('stream-idle'),
    skippedFilters: createSkippedFilters(
      handlers.map((each, i) => ({
        name: config.filters[i]?.name ?? '',
        handlers: each,
        isDisabled: config.filters[i]?.isDisabled === true,
      })),
    ),
  };
}
