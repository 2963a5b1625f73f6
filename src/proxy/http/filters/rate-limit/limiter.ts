/**
 * Decides whether requests are within local limits: one bucket for all, and one for each descriptor. A descriptor with
 * an entry without value stands for every value of that entry, and has a bucket for each of those seen last.
 * Source: Envoy, extensions.common.ratelimit.v3.LocalRateLimitDescriptor.
 */
import { ConfigError } from '../../../../core/errors.ts';
import type { LocalRateLimitDescriptor } from '../../../../xds/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import type { TokenBucket as TokenBucketMessage } from '../../../../xds/gen/envoy/type/v3/token_bucket_pb.ts';
import { durationMs } from '../../../config/durations.ts';
import { descriptorEntries, descriptorKey } from '../../../router/rate-limit-policy.ts';
import { TokenBucket } from './token-bucket.ts';

const MIN_FILL_INTERVAL_MS = 50;

export interface Verdict {
  readonly isAllowed: boolean;
  /** A limit that only counts was exceeded. */
  readonly isShadowed: boolean;
  /** What decided, for `x-ratelimit-*`; undefined where no bucket did. */
  readonly bucket: TokenBucket | undefined;
}

const FREE: Verdict = { isAllowed: true, isShadowed: false, bucket: undefined };
const CLOSED: Verdict = { isAllowed: false, isShadowed: false, bucket: undefined };

/** A bucket's settings, checked. */
export interface BucketSettings {
  readonly maxTokens: number;
  readonly perSecond: number;
}

/** A bucket with the verdicts that it can give. */
class Limit {
  readonly bucket: TokenBucket;
  readonly isShadow: boolean;
  readonly allowed: Verdict;
  readonly denied: Verdict;
  readonly shadowed: Verdict;

  constructor({ maxTokens, perSecond }: BucketSettings, isShadow: boolean) {
    const bucket = new TokenBucket(maxTokens, perSecond);
    this.bucket = bucket;
    this.isShadow = isShadow;
    this.allowed = { isAllowed: true, isShadowed: false, bucket };
    this.denied = { isAllowed: false, isShadowed: false, bucket };
    this.shadowed = { isAllowed: true, isShadowed: true, bucket };
  }
}

/** Reads a bucket. */
export function readBucket(message: TokenBucketMessage, path: string): BucketSettings {
  const tokensPerFill = message.tokensPerFill ?? 1;
  const intervalMs = durationMs(message.fillInterval, 0);
  if (tokensPerFill === 0) throw new ConfigError(`${path}.tokens_per_fill`, 'is not above zero');
  if (intervalMs < MIN_FILL_INTERVAL_MS) throw new ConfigError(`${path}.fill_interval`, `${intervalMs} ms is less than 50 ms`);
  return { maxTokens: message.maxTokens, perSecond: (tokensPerFill * 1000) / intervalMs };
}

interface DescriptorSettings {
  readonly entries: readonly (readonly [key: string, value: string])[];
  readonly bucket: BucketSettings;
  readonly isShadow: boolean;
}

/** A descriptor that stands for many, each with a bucket of its own; the one that was used longest ago goes first. */
class Wildcard {
  readonly #settings: DescriptorSettings;
  readonly #maxLimits: number;
  readonly #limits = new Map<string, Limit>();

  constructor(settings: DescriptorSettings, maxLimits: number) {
    this.#settings = settings;
    this.#maxLimits = maxLimits;
  }

  find(text: string): Limit | undefined {
    let limit = this.#limits.get(text);
    if (limit === undefined) {
      if (!this.#matches(text)) return undefined;
      limit = new Limit(this.#settings.bucket, this.#settings.isShadow);
      const [oldest] = this.#limits.keys();
      if (this.#limits.size >= this.#maxLimits && oldest !== undefined) this.#limits.delete(oldest);
    } else this.#limits.delete(text);
    this.#limits.set(text, limit);
    return limit;
  }

  #matches(text: string): boolean {
    const wanted = this.#settings.entries;
    const entries = descriptorEntries(text);
    return (
      entries.length === wanted.length &&
      wanted.every(([key, value], i) => entries[i]?.[0] === key && (value === '' || value === entries[i]?.[1]))
    );
  }
}

/** All limits of one configuration, checked. */
export interface LimiterSettings {
  /** Undefined: nothing limits requests without a descriptor. */
  readonly main: BucketSettings | undefined;
  readonly descriptors: readonly DescriptorSettings[];
  /** The bucket for all is asked for requests with a descriptor too. */
  readonly isMainAlwaysAsked: boolean;
  /** Buckets that a descriptor with an open value has at most. */
  readonly maxDynamic: number;
}

/** Reads descriptors with their buckets. */
export function readDescriptors(messages: readonly LocalRateLimitDescriptor[], path: string): readonly DescriptorSettings[] {
  const seen = new Set<string>();
  return messages.map(({ entries, tokenBucket, shadowMode }, i) => {
    const at = `${path}[${i}]`;
    if (entries.length === 0) throw new ConfigError(`${at}.entries`, 'is empty');
    if (tokenBucket === undefined) throw new ConfigError(`${at}.token_bucket`, 'is missing');
    const pairs = entries.map(({ key, value }) => [key, value] as const);
    const text = descriptorKey(pairs);
    if (seen.has(text)) throw new ConfigError(at, 'is the same descriptor as one before it');
    seen.add(text);
    return { entries: pairs, bucket: readBucket(tokenBucket, `${at}.token_bucket`), isShadow: shadowMode };
  });
}

const NONE: readonly Limit[] = [];

/** Counts the requests of a configuration, or of one connection. */
export class Limiter {
  readonly #main: Limit | undefined;
  readonly #isClosed: boolean;
  readonly #isMainAlwaysAsked: boolean;
  readonly #fixed = new Map<string, Limit>();
  readonly #wildcards: Wildcard[] = [];

  constructor({ main, descriptors, isMainAlwaysAsked, maxDynamic }: LimiterSettings) {
    this.#isClosed = main?.maxTokens === 0;
    this.#main = main === undefined || this.#isClosed ? undefined : new Limit(main, false);
    this.#isMainAlwaysAsked = isMainAlwaysAsked;
    for (const settings of descriptors) {
      if (settings.entries.some(([, value]) => value === '')) this.#wildcards.push(new Wildcard(settings, maxDynamic));
      else this.#fixed.set(descriptorKey(settings.entries), new Limit(settings.bucket, settings.isShadow));
    }
  }

  /** Takes a token from every bucket that the request's descriptors name, the slowest first, and from the one for all. */
  decide(descriptors: readonly string[], nowMs: number): Verdict {
    const matched = descriptors.length === 0 ? NONE : this.#match(descriptors);
    let shadowed: Limit | undefined;
    for (const limit of matched) {
      if (limit.bucket.consume(nowMs)) continue;
      if (!limit.isShadow) return limit.denied;
      shadowed ??= limit;
    }
    const [first = this.#main] = matched;
    if (matched.length === 0 || this.#isMainAlwaysAsked) {
      if (this.#isClosed) return CLOSED;
      if (this.#main?.bucket.consume(nowMs) === false) return this.#main.denied;
    }
    return shadowed?.shadowed ?? first?.allowed ?? FREE;
  }

  #match(descriptors: readonly string[]): readonly Limit[] {
    let matched: Limit[] | undefined;
    for (const text of descriptors) {
      const limit = this.#fixed.get(text) ?? this.#findWildcard(text);
      if (limit !== undefined) (matched ??= []).push(limit);
    }
    if (matched === undefined) return NONE;
    return matched.length === 1 ? matched : matched.sort((a, b) => a.bucket.perSecond - b.bucket.perSecond);
  }

  #findWildcard(text: string): Limit | undefined {
    for (const wildcard of this.#wildcards) {
      const limit = wildcard.find(text);
      if (limit !== undefined) return limit;
    }
    return undefined;
  }
}
