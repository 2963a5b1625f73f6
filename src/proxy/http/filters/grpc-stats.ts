/**
 * Counts gRPC calls, and the messages in them, under the cluster: `cluster.<name>.grpc.<service>.<method>.*`.
 * Envoy: envoy.filters.http.grpc_stats.
 */
import type { HeaderMap } from '../../../wire/http/message.ts';
import { ConfigError } from '../../../core/errors.ts';
import { isBareGrpcType } from '../../../core/grpc-status.ts';
import { type FilterConfig, FilterConfigSchema } from '../../../xds/gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { type Counter, type Histogram, observe, type StatsScope } from '../../telemetry/stats.ts';
import { CONTINUE, type FilterScope, type FilterStatus, type HttpFilter, type HttpStream } from '../filter.ts';
import { FrameCounter } from './grpc/frame-counter.ts';

const NAME = 'envoy.filters.http.grpc_stats';
/** Where a stream's counts stand. */
const CALL = `${NAME}.call`;

/** Which methods are counted by name. */
type Naming = 'all' | ReadonlySet<string>;

interface GrpcStatsConfig {
  readonly naming: Naming;
  readonly emitsState: boolean;
  readonly countsTime: boolean;
  readonly replacesDots: boolean;
}

function parse(message: FilterConfig, path: string): GrpcStatsConfig {
  const { perMethodStatSpecifier: specifier } = message;
  const names = new Set<string>();
  if (specifier.case === 'individualMethodStatsAllowlist') {
    for (const [i, { name, methodNames }] of specifier.value.services.entries()) {
      const at = `${path}.individual_method_stats_allowlist.services[${i}]`;
      if (name === '') throw new ConfigError(`${at}.name`, 'is empty');
      if (methodNames.length === 0) throw new ConfigError(`${at}.method_names`, 'is empty');
      for (const method of methodNames) names.add(`${name}/${method}`);
    }
  }
  return {
    naming: specifier.case === 'statsForAllMethods' && specifier.value ? 'all' : names,
    emitsState: message.emitFilterState,
    countsTime: message.enableUpstreamStats,
    replacesDots: message.replaceDotsInGrpcServiceName,
  };
}

/** Counters of one method, or of all that are not counted by name. */
class MethodStats {
  readonly success: Counter;
  readonly failure: Counter;
  readonly total: Counter;
  readonly requestMessages: Counter;
  readonly responseMessages: Counter;
  readonly #scope: StatsScope;
  readonly #statuses = new Map<string, Counter>();
  #time: Histogram | undefined = undefined;

  constructor(scope: StatsScope) {
    this.#scope = scope;
    this.success = scope.counter('success');
    this.failure = scope.counter('failure');
    this.total = scope.counter('total');
    this.requestMessages = scope.counter('request_message_count');
    this.responseMessages = scope.counter('response_message_count');
  }

  /** Counts a call's end. Statuses that are no small number are peers' inventions, and count as failures alone. */
  countEnd(status: string): void {
    if (/^\d{1,2}$/.test(status)) this.#counterOf(status).value++;
    (status === '0' ? this.success : this.failure).value++;
    this.total.value++;
  }

  observeTime(ms: number): void {
    this.#time ??= this.#scope.histogram('upstream_rq_time');
    observe(this.#time, ms);
  }

  #counterOf(status: string): Counter {
    let counter = this.#statuses.get(status);
    if (counter === undefined) this.#statuses.set(status, (counter = this.#scope.counter(status)));
    return counter;
  }
}

/** Names of service and method in `/service/method`; undefined for another path. */
function methodOf(path: string): readonly [service: string, method: string] | undefined {
  const query = path.indexOf('?');
  const [service, method, more] = (query === -1 ? path : path.slice(0, query)).split('/').filter((part) => part !== '');
  return service === undefined || method === undefined || more !== undefined ? undefined : [service, method];
}

function isGrpc(headers: HeaderMap): boolean {
  return isBareGrpcType(headers.get('content-type'));
}

/** One call. */
class Call {
  readonly request = new FrameCounter();
  readonly response = new FrameCounter();
  /** Undefined: the path names no method, or the cluster is not there. */
  readonly stats: MethodStats | undefined;
  isGrpcResponse = false;

  constructor(stats: MethodStats | undefined) {
    this.stats = stats;
  }
}

function callOf({ info }: HttpStream): Call | undefined {
  const call = info.metadata.get(CALL);
  return call instanceof Call ? call : undefined;
}

/** A response in gRPC to a request that was none: its messages stand in the filter state, and nowhere else. */
function uncounted({ info }: HttpStream): Call {
  const call = new Call(undefined);
  info.metadata.set(CALL, call);
  return call;
}

/** Finds counters by cluster and path; both last as long as the cluster. */
function finder({ naming, replacesDots }: GrpcStatsConfig): (cluster: Cluster, path: string) => MethodStats | undefined {
  const clusters = new WeakMap<Cluster, Map<string, MethodStats>>();
  return (cluster, path) => {
    let methods = clusters.get(cluster);
    if (methods === undefined) clusters.set(cluster, (methods = new Map()));
    const known = methods.get(path);
    if (known !== undefined) return known;
    const names = methodOf(path);
    if (names === undefined) return undefined;
    const [service, method] = names;
    const isNamed = naming === 'all' || naming.has(`${service}/${method}`);
    const key = isNamed ? `/${service}/${method}` : '';
    let stats = methods.get(key);
    if (stats === undefined) {
      const name = replacesDots ? service.replaceAll('.', '_') : service;
      stats = new MethodStats(cluster.stats.scope(isNamed ? `grpc.${name}.${method}` : 'grpc'));
      methods.set(key, stats);
    }
    return stats;
  };
}

function create(config: GrpcStatsConfig, { clusters, clock }: FilterScope) {
  const find = finder(config);
  const emit = ({ info }: HttpStream, call: Call): void => {
    if (!config.emitsState) return;
    (info.filterState ??= new Map()).set(NAME, `${call.request.frames},${call.response.frames}`);
  };
  const end = ({ info }: HttpStream, stats: MethodStats, status: string | undefined): void => {
    if (status !== undefined) stats.countEnd(status);
    if (config.countsTime && info.upstream !== undefined && info.requestEndMs > 0) {
      stats.observeTime(clock.monotonicMs() - info.requestEndMs);
    }
  };
  return {
    onRequestHeaders(stream: HttpStream): FilterStatus {
      const { request, info } = stream;
      if (!isGrpc(request.headers)) return CONTINUE;
      const cluster = clusters.get(info.clusterName);
      info.metadata.set(CALL, new Call(cluster && find(cluster, request.path)));
      return CONTINUE;
    },
    onRequestData(stream: HttpStream, data: Uint8Array): FilterStatus {
      const call = callOf(stream);
      const frames = call?.request.inspect(data) ?? 0;
      if (call === undefined || frames === 0) return CONTINUE;
      if (call.stats !== undefined) call.stats.requestMessages.value += frames;
      emit(stream, call);
      return CONTINUE;
    },
    onResponseHeaders(stream: HttpStream, endStream: boolean): FilterStatus {
      const { response } = stream;
      if (response === undefined) return CONTINUE;
      const isGrpcResponse = !endStream && response.status === 200 && isGrpc(response.headers);
      const call = callOf(stream) ?? (isGrpcResponse && config.emitsState ? uncounted(stream) : undefined);
      if (call === undefined) return CONTINUE;
      call.isGrpcResponse = isGrpcResponse;
      const status = response.headers.get('grpc-status');
      if (call.stats === undefined) return CONTINUE;
      if (endStream) end(stream, call.stats, status);
      else if (status !== undefined) call.stats.countEnd(status);
      return CONTINUE;
    },
    onResponseData(stream: HttpStream, data: Uint8Array): FilterStatus {
      const call = callOf(stream);
      if (call === undefined || !call.isGrpcResponse) return CONTINUE;
      const frames = call.response.inspect(data);
      if (frames === 0) return CONTINUE;
      if (call.stats !== undefined) call.stats.responseMessages.value += frames;
      emit(stream, call);
      return CONTINUE;
    },
    onResponseEnd(stream: HttpStream): FilterStatus {
      const stats = callOf(stream)?.stats;
      if (stats !== undefined && stream.responseTrailers !== undefined) end(stream, stats, stream.responseTrailers.get('grpc-status'));
      return CONTINUE;
    },
  };
}

/** With `emit_filter_state`, `%FILTER_STATE(envoy.filters.http.grpc_stats)%` is `<request messages>,<response messages>`. */
export const grpcStats: HttpFilter<typeof FilterConfigSchema, GrpcStatsConfig> = {
  name: NAME,
  schema: FilterConfigSchema,
  parse,
  create,
};
