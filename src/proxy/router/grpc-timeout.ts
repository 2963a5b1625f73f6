/**
 * How long a request may take, and what the next hop is told: the route's timeout, `grpc-timeout` within its bounds, and
 * `x-envoy-expected-rq-timeout-ms`. Source: Envoy, RouteAction.MaxStreamDuration and `max_grpc_timeout`; gRPC over HTTP/2.
 */
import type { Duration } from '@bufbuild/protobuf/wkt';
import type { RequestHead } from '../../wire/http/message.ts';
import type { RouteAction } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { durationMs } from '../config/durations.ts';
import { isGrpcRequest } from './grpc-request.ts';

/** Bounds of a route. Undefined where the route says nothing, 0 for no bound. */
export interface RouteTimeouts {
  /** `max_stream_duration.max_stream_duration`. */
  readonly streamMs: number | undefined;
  /** `max_stream_duration.grpc_timeout_header_max`. */
  readonly grpcMaxMs: number | undefined;
  /** `max_stream_duration.grpc_timeout_header_offset`. */
  readonly grpcOffsetMs: number;
  /** `max_grpc_timeout`, deprecated: the response timeout of gRPC requests. */
  readonly oldGrpcMaxMs: number | undefined;
  readonly oldGrpcOffsetMs: number;
}

/** Bounds of a stream's whole life. */
export interface StreamDuration {
  /** Milliseconds from the request's first byte; undefined for no limit, 0 where time is up. */
  readonly limitMs: number | undefined;
  /** New value of `grpc-timeout` for the next hop; undefined where it stays as it is. */
  readonly grpcTimeout: string | undefined;
}

const NO_TIMEOUTS: RouteTimeouts = {
  streamMs: undefined,
  grpcMaxMs: undefined,
  grpcOffsetMs: 0,
  oldGrpcMaxMs: undefined,
  oldGrpcOffsetMs: 0,
};

function optionalMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : durationMs(duration, 0);
}

/** Reads a route's bounds. */
export function readRouteTimeouts(action: RouteAction): RouteTimeouts {
  const { maxStreamDuration: duration, maxGrpcTimeout, grpcTimeoutOffset } = action;
  if (duration !== undefined) {
    return {
      ...NO_TIMEOUTS,
      streamMs: optionalMs(duration.maxStreamDuration),
      grpcMaxMs: optionalMs(duration.grpcTimeoutHeaderMax),
      grpcOffsetMs: durationMs(duration.grpcTimeoutHeaderOffset, 0),
    };
  }
  if (maxGrpcTimeout === undefined) return NO_TIMEOUTS;
  return { ...NO_TIMEOUTS, oldGrpcMaxMs: durationMs(maxGrpcTimeout, 0), oldGrpcOffsetMs: durationMs(grpcTimeoutOffset, 0) };
}

/** Milliseconds of each unit of `grpc-timeout`. */
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** A `grpc-timeout` in whole milliseconds, rounded up; undefined for what is none: at most eight digits and a unit. */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return undefined;
  const unitMs = UNITS[match[2] ?? ''] ?? 0;
  const count = Number(match[1]);
  return unitMs >= 1 ? count * unitMs : Math.ceil(count / Math.round(1 / unitMs));
}

const DIGITS_MAX = 99_999_999;

/** Writes a `grpc-timeout`: in milliseconds where eight digits are enough, else in the smallest unit that does. */
export function formatGrpcTimeout(ms: number): string {
  let count = Math.floor(ms);
  if (count <= DIGITS_MAX) return `${count}m`;
  count = Math.floor(count / 1000);
  if (count <= DIGITS_MAX) return `${count}S`;
  count = Math.floor(count / 60);
  if (count <= DIGITS_MAX) return `${count}M`;
  return `${Math.min(DIGITS_MAX, Math.floor(count / 60))}H`;
}

function grpcTimeoutOf(head: RequestHead): number | undefined {
  const text = head.headers.get('grpc-timeout');
  return text === undefined ? undefined : parseGrpcTimeout(text);
}

/** How long a request's stream may live; a request of gRPC takes word of it to the next hop. `defaultMs` is the connection manager's `max_stream_duration`, 0 for none. */
export function streamDuration(timeouts: RouteTimeouts, head: RequestHead, defaultMs: number): StreamDuration {
  const { streamMs, grpcMaxMs, grpcOffsetMs } = timeouts;
  const asked = grpcMaxMs === undefined ? undefined : grpcTimeoutOf(head);
  let limitMs: number | undefined = streamMs ?? defaultMs;
  if (asked !== undefined && grpcMaxMs !== undefined)
    limitMs = Math.max(0, (grpcMaxMs > 0 ? Math.min(asked, grpcMaxMs) : asked) - grpcOffsetMs);
  else if (limitMs === 0) limitMs = undefined;
  return { limitMs, grpcTimeout: limitMs !== undefined && isGrpcRequest(head) ? formatGrpcTimeout(limitMs) : undefined };
}

/**
 * The response timeout before `x-envoy-upstream-rq-timeout-ms` is looked at; 0 for none. gRPC requests on a route with
 * `max_grpc_timeout` get what they ask for, within that bound.
 */
export function responseTimeoutMs(timeouts: RouteTimeouts, routeMs: number, head: RequestHead, isGrpc: boolean): number {
  const { oldGrpcMaxMs: maxMs, oldGrpcOffsetMs: offsetMs } = timeouts;
  if (!isGrpc || maxMs === undefined) return routeMs;
  const asked = grpcTimeoutOf(head) ?? 0;
  // An offset that leaves nothing is left out: 0 would be no timeout at all.
  const ms = offsetMs < asked ? asked - offsetMs : asked;
  return maxMs > 0 && (ms === 0 || ms > maxMs) ? maxMs : ms;
}

/** What the next hop is told of its time. Undefined fields stay as they are. */
export interface ExpectedTimeout {
  /** `x-envoy-expected-rq-timeout-ms`. */
  readonly expectedMs: number | undefined;
  /** `grpc-timeout`, on a route with `max_grpc_timeout`. */
  readonly grpcTimeout: string | undefined;
}

const NOTHING_EXPECTED: ExpectedTimeout = { expectedMs: undefined, grpcTimeout: undefined };

/**
 * What an attempt may take, `elapsedMs` after the response timeout began. `timeoutMs` and `perTryMs` are 0 for none;
 * `hedgesPerTry`: an attempt goes on after its own timeout, so that the whole is what counts.
 */
export function expectedTimeout(
  timeouts: RouteTimeouts,
  timeoutMs: number,
  perTryMs: number,
  elapsedMs: number,
  isGrpc: boolean,
  hedgesPerTry: boolean,
): ExpectedTimeout {
  const wantedMs = hedgesPerTry || perTryMs === 0 ? timeoutMs : perTryMs;
  if (wantedMs <= 0) return NOTHING_EXPECTED;
  // 1 where time is up: 0 would be no timeout at all
  const leftMs = timeoutMs > 0 ? Math.max(1, timeoutMs - elapsedMs) : wantedMs;
  const expectedMs = Math.round(Math.min(wantedMs, leftMs));
  return { expectedMs, grpcTimeout: isGrpc && timeouts.oldGrpcMaxMs !== undefined ? formatGrpcTimeout(expectedMs) : undefined };
}
