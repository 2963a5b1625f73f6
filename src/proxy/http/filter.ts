import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Clock, Random } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';
import type { ClusterManager } from '../cluster/cluster.ts';
import type { ResponseFlag, StreamInfo } from './stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { RouteEntry, RouteSource } from '../router/route.ts';
import type { StatsScope } from '../telemetry/stats.ts';

/**
 * The contract of HTTP filters. Three moments, never mixed:
 * - `parse`: cold, once for each configuration; throws ConfigError, which becomes a NACK;
 * - `create`: cold, once for each filter chain; precomputes all it can;
 * - `on*`: hot, per request; synchronous, never throws. A filter pays only for what it declares.
 */
export const CONTINUE = 0;
/** The filter will call `stream.resumeRequest()` or `stream.resumeResponse()` later, or reply. */
export const STOP = 1;
/** The filter has answered by `stream.reply`. */
export const REPLIED = 2;
/**
 * From data handlers: the filter has taken the piece. What comes of it goes on, now or later, by
 * `stream.passRequestData` or `stream.passResponseData`.
 */
export const TAKEN = 3;
/** `TAKEN`, and no more pieces until `stream.resumeRequest()` or `stream.resumeResponse()`. */
export const TAKEN_STOP = 4;
/**
 * From `onRequestHeaders` of a filter with `onRequestBody`: the head waits here while the body is collected, as
 * `stream.collect` says, which must have been called before. From `onResponseHeaders` likewise.
 */
export const COLLECT = 5;
export type FilterStatus = typeof CONTINUE | typeof STOP | typeof REPLIED | typeof TAKEN | typeof TAKEN_STOP | typeof COLLECT;

/** How much of a request's body a filter waits for. */
export interface CollectOptions {
  readonly maxBytes: number;
  /** A longer body: true gives the filter what fits, and the rest follows the head; false answers 413. */
  readonly isPartialEnough: boolean;
}

export interface LocalReply {
  readonly status: number;
  readonly body?: string;
  /** Response code details, e.g. `rbac_access_denied_matched_policy[none]`. */
  readonly details: string;
  readonly flag?: ResponseFlag;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** The route's changes of responses do not concern it. */
  readonly isBare?: boolean;
  /** `grpc-status` for a client of gRPC; the one that stands for `status` where absent. */
  readonly grpcStatus?: number;
}

/** One request as filters see it. */
export interface HttpStream {
  readonly request: RequestHead;
  readonly response: ResponseHead | undefined;
  readonly info: StreamInfo;
  readonly connection: DownstreamConnection;
  /** The route, matched before the first filter runs; undefined where none matches. */
  readonly route: RouteEntry | undefined;
  /** Matches the route anew: after a filter changed what routes look at. */
  refreshRoute(): void;
  /** Answers instead of the upstream; everything after the calling filter is skipped. */
  reply(reply: LocalReply): void;
  resumeRequest(): void;
  resumeResponse(): void;
  /** Says what `COLLECT` collects. */
  collect(options: CollectOptions): void;
  /** The same for `COLLECT` from `onResponseHeaders`. */
  collectResponse(options: CollectOptions): void;
  /** The client reads HTTP statuses, though its request has become gRPC: so do replies of our own. */
  isGrpcWeb: boolean;
  /** Passes bytes to what comes after the filter with these handlers. They are borrowed, as all data are. */
  passRequestData(handlers: HttpFilterHandlers, data: Uint8Array): void;
  passResponseData(handlers: HttpFilterHandlers, data: Uint8Array): void;
  /** Trailers, known once the end has been reached; a filter may change them, or set them (undefined: none go out). */
  requestTrailers: HeaderBlock | undefined;
  responseTrailers: HeaderBlock | undefined;
  /**
   * Hosts (`Host.key`) that a filter wants this request to go to, in order of preference; where none of them can be had,
   * the balancer chooses, or with `isStrict` the client gets 503.
   */
  overrideHost: { readonly keys: readonly string[]; readonly isStrict: boolean } | undefined;
  /** How long the request waits for a cluster that is asked for when it is needed; 0, or undefined: as the proxy's node says. */
  clusterWaitMs?: number | undefined;
  /** Configuration for this route (`typed_per_filter_config`) of the filter whose entry has this name, parsed at configuration time. */
  perRoute(filterName: string): unknown;
  /** Calls back after `delayMs`, unless the stream ends before. */
  after(delayMs: number, callback: () => void): void;
}

/** The end handlers are not called for a message whose head said `endStream`. */
export interface HttpFilterHandlers {
  onRequestHeaders?(stream: HttpStream, endStream: boolean): FilterStatus;
  /** `data` is borrowed: it is only valid during the call. */
  onRequestData?(stream: HttpStream, data: Uint8Array): FilterStatus;
  /** After the last piece: `STOP` holds the end (and `stream.requestTrailers`) back. */
  onRequestEnd?(stream: HttpStream): FilterStatus;
  /** What `COLLECT` collected. `isWhole` false: there is more than was asked for. `TAKEN`: it does not go on. */
  onRequestBody?(stream: HttpStream, body: Uint8Array, isWhole: boolean): FilterStatus;
  onResponseHeaders?(stream: HttpStream, endStream: boolean): FilterStatus;
  /** As `onRequestBody`. `isPartialEnough` must be true. */
  onResponseBody?(stream: HttpStream, body: Uint8Array, isWhole: boolean): FilterStatus;
  onResponseData?(stream: HttpStream, data: Uint8Array): FilterStatus;
  onResponseEnd?(stream: HttpStream): FilterStatus;
  /** The stream is over, its info complete: logs and metrics. */
  onComplete?(stream: HttpStream): void;
}

/** What a filter may use of its surroundings. */
export interface FilterScope {
  /** The name of its entry in `http_filters`, by which routes configure it. */
  readonly name: string;
  /** One for all filters of a connection manager's chain, by which those that work together find each other. */
  readonly chain: object;
  /** The connection manager's: `http.<stat_prefix>`. */
  readonly stats: StatsScope;
  /** The proxy's, for filters whose statistics have a prefix of their own. */
  readonly rootStats: StatsScope;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
  /** The proxy's own node: its metadata names the local workload. */
  readonly node: LocalNode;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  /** `filter_metadata` of the listener by namespace, plain JSON. */
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
  /** For filters that ask others (`sendAside` in router/side-request.ts). */
  readonly clusters: ClusterManager;
  /** The connection manager's route table, for filters that wait for routes; absent where there is none. */
  readonly routes?: RouteSource;
  /** True while the listener drains. */
  isDraining(): boolean;
  /** True since `/healthcheck/fail`, until `/healthcheck/ok`. */
  isFailingHealthChecks(): boolean;
}

/** The local workload, from the bootstrap's node. */
export interface LocalNode {
  readonly id: string;
  readonly cluster: string;
  /** The node's metadata as plain JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** `locality.zone`; absent in tests. */
  readonly zone?: string;
  /** Of this program; absent in tests. */
  readonly version?: string;
  /** Keys of Envoy's runtime, the last layer's word for each; they may change. */
  readonly runtime?: Readonly<Record<string, unknown>>;
}

export interface HttpFilter<Schema extends DescMessage = DescMessage, Config = unknown> {
  /** Envoy's canonical name. */
  readonly name: string;
  /** Message of `typed_config`; undefined for a filter configured by a TypedStruct, whose `value` is parsed. */
  readonly schema: Schema | undefined;
  /** For TypedStruct filters: the type URL in it. */
  readonly structTypeUrl?: string;
  /** For those that come as their message too: it is parsed as the struct that it stands for. */
  readonly structSchema?: DescMessage;
  parse(message: MessageShape<Schema>, path: string): Config;
  /** Message of the per-route configuration, where the filter has one. */
  readonly routeSchema?: DescMessage;
  parseRoute?(message: unknown, path: string): unknown;
  /** Where a level's configuration does not replace that of the level above: what both come to. */
  mergeRoute?(above: unknown, own: unknown): unknown;
  create(config: Config, scope: FilterScope): HttpFilterHandlers;
}
