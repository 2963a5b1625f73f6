import type { HttpStream } from '../http/filter.ts';
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';

/** Routes prepared for matching. Built once for each configuration; nothing here is looked up by name in a request. */

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
  readonly avoidsPreviousHosts: boolean;
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
      cluster(head: RequestHead, random: number): ClusterChoice;
      /** Rewrites path and authority in place; undefined where nothing is rewritten. */
      readonly rewrite: ((head: RequestHead) => void) | undefined;
      /** 0: none. */
      readonly timeoutMs: number;
      /** 0: none; undefined: the connection manager's. */
      readonly idleTimeoutMs: number | undefined;
      readonly retry: RetryPolicy | undefined;
      readonly mirrors: readonly { readonly cluster: string; readonly fraction: number }[];
      /** Response status where the cluster does not exist. */
      readonly clusterNotFoundStatus: number;
      /** Hash for consistent-hash balancing; undefined where the request has none. */
      readonly hash: ((stream: HttpStream) => number | undefined) | undefined;
      /** Upgrades (`websocket`) that the route allows or forbids, over the connection manager's. */
      readonly upgrades: ReadonlyMap<string, boolean>;
    }
  | { readonly kind: 'redirect'; readonly status: number; location(head: RequestHead): string }
  | { readonly kind: 'direct'; readonly status: number; readonly body: string };

export interface ClusterChoice {
  readonly name: string;
  /** Of the chosen weighted cluster; undefined without. */
  readonly headers: HeaderMutations | undefined;
  readonly perFilter: ReadonlyMap<string, unknown>;
}

export interface RouteEntry {
  readonly name: string;
  readonly virtualHostName: string;
  readonly action: RouteAction;
  /** Route, then virtual host, then table, as `most_specific_header_mutations_wins` says; undefined without any. */
  readonly headers: HeaderMutations | undefined;
  /** Most specific per-filter configuration by filter name, parsed. */
  readonly perFilter: ReadonlyMap<string, unknown>;
  /** `filter_metadata` of the route by namespace; `tulle` says which resource, file and line it came from. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Buffered request bytes up to which a request can be retried. */
  readonly retryBufferBytes: number;
  /** Sends `x-envoy-attempt-count` upstream. */
  readonly sendsAttemptCount?: boolean;
  /** Answers with `x-envoy-attempt-count`. */
  readonly answersAttemptCount?: boolean;
}

/** What a match was made of, to be given to somebody who asks why. */
export interface RouteTable {
  readonly name: string;
  /** The route for a request, or undefined (404, flag NR). `random` in [0, 1) decides runtime fractions. */
  match(head: RequestHead, random: number): RouteEntry | undefined;
}

/** A table that can be replaced while streams are in flight: a stream keeps what it matched. */
export interface RouteSource {
  /** Undefined until the first table arrives. */
  current(): RouteTable | undefined;
}
