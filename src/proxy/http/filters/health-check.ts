/** Answers health checks in the proxy, by what is known of its health. Envoy: envoy.filters.http.health_check. */
import { ConfigError } from '../../../core/errors.ts';
import { type HealthCheck, HealthCheckSchema } from '../../../xds/gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { durationMs } from '../../config/durations.ts';
import { compileHeaderMatcher, type HeadTest } from '../../router/matchers.ts';
import type { Counter, StatsScope } from '../../telemetry/stats.ts';
import { COLLECT, CONTINUE, type FilterScope, type FilterStatus, type HttpFilter, type HttpStream, REPLIED } from '../filter.ts';

const NAME = 'envoy.filters.http.health_check';
const DEGRADED = 'x-envoy-degraded';
/** Of a health check's body, after which the answer comes without reading on. */
const MAX_BODY_BYTES = 65_536;

interface HealthCheckConfig {
  /** Checks go on to the upstream, unless the proxy is failing or an answer is remembered. */
  readonly isPassThrough: boolean;
  /** How long an answer of the upstream is remembered; 0: not at all. */
  readonly cacheMs: number;
  readonly minHealthy: readonly (readonly [cluster: string, percent: number])[];
  readonly tests: readonly HeadTest[];
}

function parse(message: HealthCheck, path: string): HealthCheckConfig {
  if (message.passThroughMode === undefined) throw new ConfigError(`${path}.pass_through_mode`, 'is missing');
  const cacheMs = durationMs(message.cacheTime, 0);
  const minHealthy = Object.entries(message.clusterMinHealthyPercentages).map(([name, { value }]) => [name, Math.trunc(value)] as const);
  if (!message.passThroughMode && cacheMs > 0) throw new ConfigError(`${path}.cache_time`, 'has no use without pass_through_mode');
  if (message.passThroughMode && minHealthy.length > 0)
    throw new ConfigError(`${path}.cluster_min_healthy_percentages`, 'has no use with pass_through_mode');
  return {
    isPassThrough: message.passThroughMode,
    cacheMs,
    minHealthy: minHealthy.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    tests: message.headers.map((matcher, i) => compileHeaderMatcher(matcher, `${path}.headers[${i}]`)),
  };
}

interface Answer {
  readonly status: number;
  readonly details: string;
  readonly isDegraded: boolean;
  /** Which of the counters says why. */
  readonly reason: keyof CheckStats | undefined;
}

type CheckStats = Readonly<
  Record<
    | 'request_total'
    | 'failed'
    | 'ok'
    | 'cached_response'
    | 'failed_cluster_not_found'
    | 'failed_cluster_empty'
    | 'failed_cluster_unhealthy'
    | 'degraded',
    Counter
  >
>;

function checkStats(stats: StatsScope): CheckStats {
  const scope = stats.scope('health_check');
  return {
    request_total: scope.counter('request_total'),
    failed: scope.counter('failed'),
    ok: scope.counter('ok'),
    cached_response: scope.counter('cached_response'),
    failed_cluster_not_found: scope.counter('failed_cluster_not_found'),
    failed_cluster_empty: scope.counter('failed_cluster_empty'),
    failed_cluster_unhealthy: scope.counter('failed_cluster_unhealthy'),
    degraded: scope.counter('degraded'),
  };
}

const OK: Answer = { status: 200, details: 'health_check_ok', isDegraded: false, reason: undefined };
const FAILED: Answer = { status: 503, details: 'health_check_failed', isDegraded: false, reason: undefined };
const ENOUGH: Answer = { ...OK, details: 'health_check_ok_cluster_healthy' };
const NO_CLUSTER: Answer = { ...FAILED, details: 'health_check_failed_no_cluster_found', reason: 'failed_cluster_not_found' };
const EMPTY: Answer = { ...FAILED, details: 'health_check_failed_cluster_empty', reason: 'failed_cluster_empty' };
const UNHEALTHY: Answer = { ...FAILED, details: 'health_check_failed_cluster_unhealthy', reason: 'failed_cluster_unhealthy' };

/** What is wrong with a cluster; undefined for nothing. */
function judge(cluster: Cluster | undefined, minPercent: number): Answer | undefined {
  if (cluster === undefined) return NO_CLUSTER;
  const { hosts } = cluster;
  if (hosts.length === 0) return minPercent === 0 ? undefined : EMPTY;
  let healthy = 0;
  for (const host of hosts) if (host.isHealthy) healthy++;
  return healthy * 100 < hosts.length * minPercent ? UNHEALTHY : undefined;
}

function judgeAll({ minHealthy }: HealthCheckConfig, { clusters }: FilterScope): Answer {
  for (const [name, percent] of minHealthy) {
    const answer = judge(clusters.get(name), percent);
    if (answer !== undefined) return answer;
  }
  return minHealthy.length === 0 ? OK : ENOUGH;
}

/** The last answer of the upstream, forgotten at every beat of `cacheMs`, as Envoy's is. */
class Cache {
  readonly #cacheMs: number;
  readonly #startMs: number;
  #answer: Answer = OK;
  #beat = -1;

  constructor(cacheMs: number, nowMs: number) {
    this.#cacheMs = cacheMs;
    this.#startMs = nowMs;
  }

  get(nowMs: number): Answer | undefined {
    return this.#beat === this.#beatAt(nowMs) ? this.#answer : undefined;
  }

  set(status: number, isDegraded: boolean, nowMs: number): void {
    this.#answer = { status, details: 'health_check_cached', isDegraded, reason: 'cached_response' };
    this.#beat = this.#beatAt(nowMs);
  }

  #beatAt(nowMs: number): number {
    return Math.floor((nowMs - this.#startMs) / this.#cacheMs);
  }
}

function send(answer: Answer, stream: HttpStream, stats: CheckStats): void {
  const isOk = answer.status >= 200 && answer.status < 300;
  stats.request_total.value++;
  (isOk ? stats.ok : stats.failed).value++;
  if (answer.reason !== undefined) stats[answer.reason].value++;
  if (answer.isDegraded) stats.degraded.value++;
  stream.reply({
    status: answer.status,
    details: answer.details,
    ...(isOk ? {} : { flag: 'LH' }),
    ...(answer.isDegraded ? { headers: [[DEGRADED, '']] } : {}),
  });
}

/** What is known of a stream between its moments: which filters of this kind took it for a health check, and their answers. */
type Marks = Map<HealthCheckConfig, Answer | undefined>;

function marksOf({ metadata }: HttpStream['info']): Marks | undefined {
  const marks = metadata.get(NAME);
  return marks instanceof Map ? marks : undefined;
}

function mark({ info }: HttpStream, config: HealthCheckConfig, answer: Answer | undefined): void {
  info.isHealthCheck = true;
  const marks: Marks = marksOf(info) ?? new Map();
  info.metadata.set(NAME, marks.set(config, answer));
}

function create(config: HealthCheckConfig, scope: FilterScope) {
  const { stats, clock, node } = scope;
  const counters = checkStats(stats);
  const cache = config.cacheMs > 0 ? new Cache(config.cacheMs, clock.monotonicMs()) : undefined;
  /** The answer that the proxy itself has; undefined: the upstream is asked. */
  const ownAnswer = (): Answer | undefined => {
    if (scope.isFailingHealthChecks()) return FAILED;
    if (config.isPassThrough) return cache?.get(clock.monotonicMs());
    return judgeAll(config, scope);
  };
  return {
    onRequestHeaders(stream: HttpStream, endStream: boolean): FilterStatus {
      for (const test of config.tests) if (!test(stream.request)) return CONTINUE;
      const answer = ownAnswer();
      mark(stream, config, answer);
      if (answer === undefined) return CONTINUE;
      if (!endStream) {
        // read to its end, so that the connection can go on
        stream.collect({ maxBytes: MAX_BODY_BYTES, isPartialEnough: true });
        return COLLECT;
      }
      send(answer, stream, counters);
      return REPLIED;
    },
    onRequestBody(stream: HttpStream): FilterStatus {
      send(marksOf(stream.info)?.get(config) ?? FAILED, stream, counters);
      return REPLIED;
    },
    onResponseHeaders({ info, response }: HttpStream): FilterStatus {
      if (response === undefined) return CONTINUE;
      if (marksOf(info)?.has(config) === true) {
        cache?.set(response.status, response.headers.has(DEGRADED), clock.monotonicMs());
        response.headers.set('x-envoy-upstream-healthchecked-cluster', node.cluster);
      } else if (scope.isFailingHealthChecks()) response.headers.set('x-envoy-immediate-health-check-fail', 'true');
      return CONTINUE;
    },
  };
}

export const healthCheck: HttpFilter<typeof HealthCheckSchema, HealthCheckConfig> = {
  name: NAME,
  schema: HealthCheckSchema,
  parse,
  create,
};
