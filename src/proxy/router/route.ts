import type { Live } from '../config/live-values.ts';
import type { HttpStream } from '../http/filter.ts';
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';
import type { Host } from '../cluster/cluster.ts';
import type { Hash64 } from '../cluster/lb/hash64.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { BodyFormat } from '../telemetry/format-body.ts';
import type { RouteTrace } from '../tracing/route-trace.ts';
import type { RouteTimeouts } from './grpc-timeout.ts';
import type { InternalRedirect } from './internal-redirect.ts';
import type { RateLimitPolicy } from './rate-limit-policy.ts';
import type { RateLimitedBackOff } from './rate-limited-back-off.ts';
import type { CountedAs } from './request-stats.ts';
import type { VirtualClusters } from './virtual-clusters.ts';

/** Routes prepared for matching. Built once for each configuration; nothing here is looked up by name in a request. */

/** What a match may ask about besides the request's head. */
export type MatchInfo = Pick<StreamInfo, 'connection' | 'metadata' | 'filterState'>;

export interface RetryPolicy {
  /** Retries after the first attempt. */
  readonly maxRetries: number;
  /** Bit set over RETRY_ON in retry-policy.ts. */
  readonly retryOn: number;
  readonly retriableStatusCodes: ReadonlySet<number>;
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  readonly baseIntervalMs: number;
  readonly maxIntervalMs: number;
  /** `retriable_headers`: whether a response's fields ask for a retry; absent where none are configured. */
  readonly isRetriableResponse?: (head: ResponseHead) => boolean;
  /** `retriable_request_headers`: which requests may be retried at all; absent for every request. */
  readonly isRetriableRequest?: (head: RequestHead) => boolean;
  /** Attempts to choose a host that was not tried before. */
  readonly hostSelectionAttempts: number;
  /** `unless hashed`: what nothing is said of; a hashed request goes back to the host that its key names. */
  readonly avoidsPreviousHosts: boolean | 'unless hashed';
  /** `omit_canary_hosts` and `omit_host_metadata`: hosts that retries pass over too; absent where there are none. */
  readonly omitsHost?: (host: Pick<Host, 'metadata'>) => boolean;
  /**
   * `previous_priorities`: retries leave the priorities out that were tried, which are looked at anew after every so many
   * attempts (see `levelsTried` in previous-priorities.ts); absent without.
   */
  readonly previousPriorities?: { readonly updateFrequency: number };
  /** `rate_limited_retry_back_off`, for `rateLimitedBackOffMs`; absent without. */
  readonly rateLimited?: RateLimitedBackOff;
  /** `refresh_cluster_on_retry`: each retry asks the route for its cluster again. */
  readonly refreshesCluster?: boolean;
  /** What the cluster's budget by rate says does not count: whoever wrote the route has said how often to retry. */
  readonly isUnbudgeted?: boolean;
}

/** More than one attempt at a time. Envoy: HedgePolicy. */
export interface HedgePolicy {
  /** An attempt that reaches its per-try timeout goes on while the next one runs; the first good answer wins. */
  readonly onPerTryTimeout: boolean;
}

/** A mirrored copy of a request. */
export interface MirrorChoice {
  /** The cluster's name; '' where a header names it and is not there: nothing is sent. */
  readonly cluster: (head: RequestHead) => string;
  /** Share of requests in [0, 1]. */
  readonly fraction: Live<number>;
  /** Whether `-shadow` is put behind the host. */
  readonly marksHost: boolean;
  /** `host_rewrite_literal`; '' where the host stays. */
  readonly host: string;
}

/** Header changes with formatter variables (`%REQ(x)%`), prepared. */
export interface HeaderMutations {
  applyRequest(stream: HttpStream, head: RequestHead): void;
  applyResponse(stream: HttpStream, head: ResponseHead): void;
}

export type RouteAction =
  | {
      readonly kind: 'cluster';
      /** Chooses the cluster's name: one, weighted by `random` in [0, 1), or from a header. */
      readonly cluster: (head: RequestHead, random: number) => ClusterChoice;
      /** Rewrites path and authority in place; undefined where nothing is rewritten. */
      readonly rewrite: ((head: RequestHead) => void) | undefined;
      /** Response timeout, 0 for none; also 0 where `max_stream_duration` takes its place. See `responseTimeoutMs`. */
      readonly timeoutMs: number;
      /** For `streamDuration`, `responseTimeoutMs` and `expectedTimeout` of grpc-timeout.ts. */
      readonly timeouts: RouteTimeouts;
      /** 0: none; undefined: the connection manager's. */
      readonly idleTimeoutMs: number | undefined;
      /** How long the end of a response may wait for a client that does not read, 0 for ever; undefined: the connection manager's. */
      readonly flushTimeoutMs: number | undefined;
      readonly retry: RetryPolicy | undefined;
      /** Undefined for one attempt at a time. */
      readonly hedge: HedgePolicy | undefined;
      readonly mirrors: readonly MirrorChoice[];
      /** Which caps of the cluster count. */
      readonly priority: 'default' | 'high';
      /** `auto_host_rewrite`: the host becomes the chosen endpoint's name, where it has one. */
      readonly rewritesHostToEndpoint: boolean;
      /** `append_x_forwarded_host`: what `auto_host_rewrite` replaces goes there. */
      readonly appendsForwardedHost: boolean;
      /** Redirects of the upstream that the proxy follows itself, for `followRedirect`; undefined: none. */
      readonly internalRedirect: InternalRedirect | undefined;
      /** Of CONNECT requests only the payload goes upstream, as plain TCP (`connect_config`); undefined: they are forwarded. */
      readonly terminatesConnect: ConnectTermination | undefined;
      /** Response status where the cluster does not exist. */
      readonly clusterNotFoundStatus: number;
      /** Hash for consistent-hash balancing; undefined where the request has none. */
      readonly hash: ((stream: HttpStream) => Hash64 | undefined) | undefined;
      /** Upgrades (`websocket`) that the route allows or forbids, over the connection manager's. */
      readonly upgrades: ReadonlyMap<string, boolean>;
    }
  | { readonly kind: 'redirect'; readonly status: number; location(head: RequestHead): string }
  | {
      readonly kind: 'direct';
      readonly status: number;
      readonly body: string;
      /** `body_format`: makes the body instead; undefined where `body` is it. */
      readonly format?: BodyFormat;
    };

/** Envoy: RouteAction.UpgradeConfig.ConnectConfig. */
export interface ConnectTermination {
  /** POST requests are taken for CONNECT. */
  readonly allowsPost: boolean;
  /** What the host gets before the tunnel's bytes, for a request; undefined: nothing. */
  readonly preface: ((info: StreamInfo) => Uint8Array | undefined) | undefined;
}

export interface ClusterChoice {
  readonly name: string;
  /** Endpoint metadata under `envoy.lb` that the route and the weighted cluster ask for; undefined where they ask for none. */
  readonly criteria: Readonly<Record<string, unknown>> | undefined;
  /** Of the chosen weighted cluster; undefined without. */
  readonly headers: HeaderMutations | undefined;
  readonly perFilter: ReadonlyMap<string, unknown>;
}

/** Rate limit policies of both levels, prepared by `compileRateLimits`. */
export interface RouteRateLimits {
  readonly ofRoute: readonly RateLimitPolicy[];
  readonly ofVirtualHost: readonly RateLimitPolicy[];
  /** `include_vh_rate_limits`. */
  readonly includesVirtualHost: boolean;
}

export interface RouteEntry {
  readonly name: string;
  readonly virtualHostName: string;
  /** Its `stat_prefix`, under which its requests are counted by themselves; absent where they are not. */
  readonly counted?: CountedAs;
  /** Its virtual host's; absent without any. */
  readonly virtualClusters?: VirtualClusters;
  readonly action: RouteAction;
  /** Route, then virtual host, then table, as `most_specific_header_mutations_wins` says; undefined without any. */
  readonly headers: HeaderMutations | undefined;
  /** Most specific per-filter configuration by filter name, parsed. */
  readonly perFilter: ReadonlyMap<string, unknown>;
  /** `filter_metadata` of the route by namespace; `tulle` says which resource, file and line it came from. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** `rate_limits` of the route and of its virtual host; absent where neither has any. */
  readonly rateLimits?: RouteRateLimits;
  /** Buffered request bytes up to which a request can be retried. */
  readonly retryBufferBytes: number;
  /** Sends `x-envoy-attempt-count` upstream. */
  readonly sendsAttemptCount?: boolean;
  /** Answers with `x-envoy-attempt-count`. */
  readonly answersAttemptCount?: boolean;
  /** Sends `x-envoy-is-timeout-retry` with retries: `true` where the attempt before ran out of time. */
  readonly sendsTimeoutRetry?: boolean;
  /** What it says of tracing; absent where nothing. */
  readonly trace?: RouteTrace;
}

/** What a match was made of, to be given to somebody who asks why. */
export interface RouteTable {
  readonly name: string;
  /**
   * The route for a request, or undefined (404, flag NR). `random` in [0, 1) decides runtime fractions; `info` answers for
   * what routes ask of the connection and of filters (client certificate, dynamic metadata, filter state).
   */
  match(head: RequestHead, random: number, info: MatchInfo): RouteEntry | undefined;
  /** `internal_only_headers`: names of the fields that a request from outside loses; absent without. */
  internalOnlyHeaders?(head: RequestHead): readonly string[];
  /** Names under which it counts requests besides their clusters; absent without. */
  readonly counted?: readonly CountedAs[];
}

/** A table that can be replaced while streams are in flight: a stream keeps what it matched. */
export interface RouteSource {
  /** Undefined until the first table arrives. */
  current(): RouteTable | undefined;
  /**
   * Asks for what may have a route for a request that `current` has none for: a virtual host (VHDS), or the table of a
   * scope that comes on demand. Calls back once when it has come or is said not to exist. False: there is nothing to ask for.
   */
  request?(head: RequestHead, callback: () => void): boolean;
  /**
   * Asked before a request is matched, where the server says what belongs to a host when it is first called
   * (`open-route-table.ts`). True: the table does not know yet, and calls back once it does, or has waited long enough.
   */
  awaits?(head: RequestHead, callback: () => void): boolean;
}
