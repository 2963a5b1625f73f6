/** The listener filter `envoy.filters.listener.local_ratelimit`: closes connections beyond a rate before anything is read. */
import { type Live, liveFlag } from '../config/live-values.ts';
import { ConfigError } from '../../core/errors.ts';
import type { LocalRateLimit } from '../../xds/gen/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.ts';
import { readBucket } from '../http/filters/rate-limit/limiter.ts';
import { TokenBucket } from '../http/filters/rate-limit/token-bucket.ts';

/** The filter's configuration with its bucket. */
export interface ListenerRateLimit {
  readonly statPrefix: string;
  readonly bucket: TokenBucket;
  readonly isEnabled: Live<boolean>;
}

/** Reads the filter's configuration; `path` is its own. */
export function readListenerRateLimit(message: LocalRateLimit, path: string): ListenerRateLimit {
  if (message.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
  if (message.tokenBucket === undefined) throw new ConfigError(`${path}.token_bucket`, 'is missing');
  const { maxTokens, perSecond } = readBucket(message.tokenBucket, `${path}.token_bucket`);
  return {
    statPrefix: message.statPrefix,
    bucket: new TokenBucket(maxTokens, perSecond),
    isEnabled: liveFlag(message.runtimeEnabled, true),
  };
}
