import { type Live, liveFlag } from '../config/live-values.ts';
import { ConfigError } from '../../core/errors.ts';
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from '../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { type BucketSettings, readBucket } from '../http/filters/rate-limit/limiter.ts';
import { flagBit } from '../http/stream-info.ts';
import { TokenBucket } from '../http/filters/rate-limit/token-bucket.ts';
import type { NetworkFilter } from './filter.ts';
import { refuse } from './refusal.ts';

/** Envoy has no flag of its own for it. */
const LIMITED = flagBit('URX');

interface RateConfig {
  readonly statPrefix: string;
  readonly bucket: TokenBucket;
  readonly isEnabled: Live<boolean>;
}

/** Buckets that filters share by their `share_key`, for as long as one of them is there. */
const shared = new Map<string, WeakRef<TokenBucket>>();

function sharedBucket(key: string, settings: BucketSettings): TokenBucket {
  const { maxTokens, perSecond } = settings;
  const name = `${maxTokens}/${perSecond}/${key}`;
  const known = shared.get(name)?.deref();
  if (known !== undefined) return known;
  const bucket = new TokenBucket(maxTokens, perSecond);
  shared.set(name, new WeakRef(bucket));
  return bucket;
}

function parse(message: LocalRateLimit, path: string): RateConfig {
  if (message.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
  if (message.tokenBucket === undefined) throw new ConfigError(`${path}.token_bucket`, 'is missing');
  const settings = readBucket(message.tokenBucket, `${path}.token_bucket`);
  return {
    statPrefix: message.statPrefix,
    bucket: message.shareKey === '' ? new TokenBucket(settings.maxTokens, settings.perSecond) : sharedBucket(message.shareKey, settings),
    isEnabled: liveFlag(message.runtimeEnabled, true),
  };
}

/** Lets so many new connections in a time pass, and closes the others. Envoy: envoy.filters.network.local_ratelimit. */
export const localRateLimit: NetworkFilter<typeof LocalRateLimitSchema, RateConfig> = {
  name: 'envoy.filters.network.local_ratelimit',
  schema: LocalRateLimitSchema,
  isTerminal: false,
  parse,
  create({ statPrefix, bucket, isEnabled }, { stats, clock }) {
    const limited = stats.scope(`local_rate_limit.${statPrefix}`).counter('rate_limited');
    return (connection, downstream) => {
      if (!isEnabled.value || bucket.consume(clock.monotonicMs())) return true;
      limited.value++;
      return refuse(connection, downstream, { flags: LIMITED, reason: 'local_ratelimit_close_over_limit' });
    };
  },
};
