/**
 * Limits how many requests a proxy, a route or a connection lets through, by buckets of its own.
 * Envoy: envoy.filters.http.local_ratelimit.
 *
 * Left out, and refused by name: sharing a limit with a cluster of proxies (`local_cluster_rate_limit`).
 */
import { type Live, liveShare } from '../../config/live-values.ts';
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import { headersOf } from '../../../wire/http/headers.ts';
import type { ResponseHead } from '../../../wire/http/message.ts';
import {
  VhRateLimitsOptions as VhOptions,
  XRateLimitHeadersRFCVersion as Version,
} from '../../../xds/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { compileMutations } from '../../router/header-mutations.ts';
import { compileRateLimits, type RateLimitPolicy } from '../../router/rate-limit-policy.ts';
import type { HeaderMutations } from '../../router/route.ts';
import type { Counter, StatsScope } from '../../telemetry/stats.ts';
import { CONTINUE, type FilterScope, type FilterStatus, type HttpFilter, type HttpStream, type LocalReply, REPLIED } from '../filter.ts';
import { routeConfig } from '../route-config.ts';
import { Limiter, type LimiterSettings, readBucket, readDescriptors } from './rate-limit/limiter.ts';
import { TokenBucket } from './rate-limit/token-bucket.ts';

const NAME = 'envoy.filters.http.local_ratelimit';
/** Where the bucket stands that a response is to tell of. */
const BUCKET = `${NAME}.bucket`;
/** One limiter a connection, whichever route's configuration made it first, as in Envoy. */
const PER_CONNECTION = 'per_connection_local_rate_limiter';
const TOO_MANY = 429;
const GRPC_RESOURCE_EXHAUSTED = 8;
const DEFAULT_DYNAMIC = 20;
const MAX_STAGE = 10;

const NO_DESCRIPTORS: readonly string[] = [];

class LocalRateLimitConfig {
  readonly statPrefix: string;
  readonly status: number;
  readonly grpcStatus: number | undefined;
  readonly enabled: Live<number>;
  readonly enforced: Live<number>;
  readonly settings: LimiterSettings;
  /** Shared by all connections that are limited by this configuration. */
  readonly limiter: Limiter;
  readonly isPerConnection: boolean;
  readonly stage: number;
  /** The filter's own, which stand in place of the routes'. */
  readonly policies: readonly RateLimitPolicy[];
  readonly virtualHost: LocalRateLimit['vhRateLimits'];
  readonly tellsLimits: boolean;
  readonly tellsRetryAfter: boolean;
  readonly requestChanges: HeaderMutations | undefined;
  readonly responseChanges: HeaderMutations | undefined;

  constructor(message: LocalRateLimit, path: string) {
    if (message.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
    if (message.stage > MAX_STAGE) throw new ConfigError(`${path}.stage`, `${message.stage} is more than ${MAX_STAGE}`);
    const code = message.status?.code ?? 0;
    this.statPrefix = message.statPrefix;
    this.status = code < 400 ? TOO_MANY : code;
    this.grpcStatus = message.rateLimitedAsResourceExhausted ? GRPC_RESOURCE_EXHAUSTED : undefined;
    this.enabled = liveShare(message.filterEnabled, 0);
    this.enforced = liveShare(message.filterEnforced, 0);
    this.settings = {
      main: message.tokenBucket && readBucket(message.tokenBucket, `${path}.token_bucket`),
      descriptors: readDescriptors(message.descriptors, `${path}.descriptors`),
      isMainAlwaysAsked: message.alwaysConsumeDefaultTokenBucket ?? true,
      maxDynamic: message.maxDynamicDescriptors ?? DEFAULT_DYNAMIC,
    };
    this.limiter = new Limiter(this.settings);
    this.isPerConnection = message.localRateLimitPerDownstreamConnection;
    this.stage = message.stage;
    this.policies = compileRateLimits(message.rateLimits, `${path}.rate_limits`);
    this.virtualHost = message.vhRateLimits;
    this.tellsLimits = message.enableXRatelimitHeaders === Version.DRAFT_VERSION_03;
    this.tellsRetryAfter = message.enableRetryAfterHeader && this.status === TOO_MANY;
    const none = { requestHeadersToAdd: [], requestHeadersToRemove: [], responseHeadersToAdd: [], responseHeadersToRemove: [] };
    this.requestChanges = compileMutations({ ...none, requestHeadersToAdd: message.requestHeadersToAddWhenNotEnforced }, path);
    this.responseChanges = compileMutations({ ...none, responseHeadersToAdd: message.responseHeadersToAdd }, path);
  }
}

interface LimitStats {
  readonly enabled: Counter;
  readonly enforced: Counter;
  readonly ok: Counter;
  readonly rateLimited: Counter;
  readonly shadowMode: Counter;
}

function limitStats(stats: StatsScope, statPrefix: string): LimitStats {
  const scope = stats.scope(`${statPrefix}.http_local_rate_limit`);
  return {
    enabled: scope.counter('enabled'),
    enforced: scope.counter('enforced'),
    ok: scope.counter('ok'),
    rateLimited: scope.counter('rate_limited'),
    shadowMode: scope.counter('shadow_mode'),
  };
}

/** Which of the route's and its virtual host's policies concern a filter. */
function routePolicies({ virtualHost }: LocalRateLimitConfig, stream: HttpStream): readonly (readonly RateLimitPolicy[])[] {
  const limits = stream.route?.rateLimits;
  if (limits === undefined) return [];
  const { ofRoute, ofVirtualHost, includesVirtualHost } = limits;
  if (includesVirtualHost || virtualHost === VhOptions.INCLUDE) return [ofRoute, ofVirtualHost];
  return [virtualHost === VhOptions.IGNORE || ofRoute.length > 0 ? ofRoute : ofVirtualHost];
}

function describe(config: LocalRateLimitConfig, stream: HttpStream, localCluster: string): readonly string[] {
  if (config.settings.descriptors.length === 0) return NO_DESCRIPTORS;
  const found: string[] = [];
  const add = (policy: RateLimitPolicy): void => {
    const text = policy.describe(stream, localCluster);
    if (text !== undefined) found.push(text);
  };
  if (config.policies.length > 0) config.policies.forEach(add);
  else for (const policies of routePolicies(config, stream)) policies.filter(({ stage }) => stage === config.stage).forEach(add);
  return found;
}

function limiterOf(config: LocalRateLimitConfig, { connection }: HttpStream): Limiter {
  if (!config.isPerConnection) return config.limiter;
  const before = connection.memo.get(PER_CONNECTION);
  if (before instanceof Limiter) return before;
  const limiter = new Limiter(config.settings);
  connection.memo.set(PER_CONNECTION, limiter);
  return limiter;
}

function replyOf(config: LocalRateLimitConfig, stream: HttpStream, bucket: TokenBucket | undefined, nowMs: number): LocalReply {
  const head: ResponseHead = { status: config.status, headers: headersOf([]), contentLength: 0 };
  if (bucket !== undefined && config.tellsRetryAfter) head.headers.set('retry-after', String(bucket.secondsToNext(nowMs)));
  config.responseChanges?.applyResponse(stream, head);
  const headers: [string, string][] = [];
  head.headers.forEach((name, value) => headers.push([name, value]));
  return {
    status: config.status,
    body: 'local_rate_limited',
    details: 'local_rate_limited',
    flag: 'RL',
    headers,
    ...(config.grpcStatus === undefined ? {} : { grpcStatus: config.grpcStatus }),
  };
}

function parseRoute(given: unknown, path: string): LocalRateLimitConfig {
  const message = messageAs(LocalRateLimitSchema, given, path);
  if (message.tokenBucket === undefined) throw new ConfigError(`${path}.token_bucket`, 'is missing, and a route must have one');
  return new LocalRateLimitConfig(message, path);
}

function create(own: LocalRateLimitConfig, { name, rootStats, random, clock, node }: FilterScope) {
  const allStats = new WeakMap<LocalRateLimitConfig, LimitStats>();
  const statsOf = (config: LocalRateLimitConfig): LimitStats => {
    let stats = allStats.get(config);
    if (stats === undefined) allStats.set(config, (stats = limitStats(rootStats, config.statPrefix)));
    return stats;
  };
  statsOf(own);
  return {
    onRequestHeaders(stream: HttpStream): FilterStatus {
      const config = routeConfig(stream, name, LocalRateLimitConfig) ?? own;
      if (random() >= config.enabled.value) return CONTINUE;
      const stats = statsOf(config);
      stats.enabled.value++;
      const nowMs = clock.monotonicMs();
      const verdict = limiterOf(config, stream).decide(describe(config, stream, node.cluster), nowMs);
      if (config.tellsLimits && verdict.bucket !== undefined) stream.info.metadata.set(BUCKET, verdict.bucket);
      if (verdict.isAllowed && !verdict.isShadowed) {
        stats.ok.value++;
        return CONTINUE;
      }
      stats.rateLimited.value++;
      if (verdict.isShadowed) {
        stats.shadowMode.value++;
        return CONTINUE;
      }
      if (random() >= config.enforced.value) {
        config.requestChanges?.applyRequest(stream, stream.request);
        return CONTINUE;
      }
      stats.enforced.value++;
      stream.reply(replyOf(config, stream, verdict.bucket, nowMs));
      return REPLIED;
    },
    onResponseHeaders({ info, response }: HttpStream): FilterStatus {
      const bucket = info.metadata.get(BUCKET);
      if (!(bucket instanceof TokenBucket) || response === undefined) return CONTINUE;
      const nowMs = clock.monotonicMs();
      response.headers.add('x-ratelimit-limit', String(bucket.maxTokens));
      response.headers.add('x-ratelimit-remaining', String(bucket.remaining(nowMs)));
      response.headers.add('x-ratelimit-reset', String(bucket.secondsToNext(nowMs)));
      return CONTINUE;
    },
  };
}

export const localRateLimit: HttpFilter<typeof LocalRateLimitSchema, LocalRateLimitConfig> = {
  name: NAME,
  schema: LocalRateLimitSchema,
  parse: (message, path) => new LocalRateLimitConfig(message, path),
  routeSchema: LocalRateLimitSchema,
  parseRoute,
  create,
};
