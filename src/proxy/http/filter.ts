import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Clock, Random } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';
import type { ResponseFlag, StreamInfo } from './stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { RouteEntry } from '../router/route.ts';
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
export type FilterStatus = typeof CONTINUE | typeof STOP | typeof REPLIED;

export interface LocalReply {
  readonly status: number;
  readonly body?: string;
  /** Response code details, e.g. `rbac_access_denied_matched_policy[none]`. */
  readonly details: string;
  readonly flag?: ResponseFlag;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** The route's changes of responses do not concern it. */
  readonly isBare?: boolean;
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
  /** Configuration of the named filter for this route (`typed_per_filter_config`), parsed at configuration time. */
  perRoute(filterName: string): unknown;
  /** Calls back after `delayMs`, unless the stream ends before. */
  after(delayMs: number, callback: () => void): void;
}

export interface HttpFilterHandlers {
  onRequestHeaders?(stream: HttpStream, endStream: boolean): FilterStatus;
  /** `data` is borrowed: it is only valid during the call. */
  onRequestData?(stream: HttpStream, data: Uint8Array, endStream: boolean): FilterStatus;
  onResponseHeaders?(stream: HttpStream, endStream: boolean): FilterStatus;
  onResponseData?(stream: HttpStream, data: Uint8Array, endStream: boolean): FilterStatus;
  /** The stream is over, its info complete: logs and metrics. */
  onComplete?(stream: HttpStream): void;
}

/** What a filter may use of its surroundings. */
export interface FilterScope {
  readonly stats: StatsScope;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
  /** The proxy's own node: its metadata names the local workload. */
  readonly node: LocalNode;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  /** `filter_metadata` of the listener by namespace, plain JSON. */
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
}

/** The local workload, from the bootstrap's node. */
export interface LocalNode {
  readonly id: string;
  readonly cluster: string;
  /** The node's metadata as plain JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface HttpFilter<Schema extends DescMessage = DescMessage, Config = unknown> {
  /** Envoy's canonical name. */
  readonly name: string;
  /** Message of `typed_config`; undefined for a filter configured by a TypedStruct, whose `value` is parsed. */
  readonly schema: Schema | undefined;
  /** For TypedStruct filters: the type URL in it. */
  readonly structTypeUrl?: string;
  parse(message: MessageShape<Schema>, path: string): Config;
  /** Message of the per-route configuration, where the filter has one. */
  readonly routeSchema?: DescMessage;
  parseRoute?(message: unknown, path: string): unknown;
  create(config: Config, scope: FilterScope): HttpFilterHandlers;
}
