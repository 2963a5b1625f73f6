/** `Http2ProtocolOptions`, of either side, read and checked. Source: Envoy, config.core.v3.Http2ProtocolOptions. */
import { ConfigError } from '../../core/errors.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../../wire/http2/options.ts';
import type { Http2Options } from '../../wire/http2/types.ts';
import type { Http2ProtocolOptions, KeepaliveSettings } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { durationMs, positiveDurationMs } from '../config/durations.ts';

/** When the peer is asked for a sign of life. */
export interface KeepAliveOptions {
  /** Between PINGs; 0: none are sent by the clock. */
  readonly intervalMs: number;
  /** For the answer; without one the connection is closed. */
  readonly timeoutMs: number;
  /** The most that chance adds to the interval, as a share of it. */
  readonly jitter: number;
  /** Client: a connection that was silent for as long is asked before a new request; 0: never. */
  readonly idleIntervalMs: number;
}

export interface Http2Settings {
  readonly options: Http2Options;
  readonly keepAlive: KeepAliveOptions | undefined;
}

const JITTER_DEFAULT = 0.15;
const WINDOW_LEAST = 65_535;
const WINDOW_MOST = 2 ** 31 - 1;

function readKeepAlive(settings: KeepaliveSettings | undefined, path: string): KeepAliveOptions | undefined {
  if (settings === undefined) return undefined;
  if (settings.timeout === undefined) throw new ConfigError(`${path}.timeout`, 'is missing');
  return {
    intervalMs: positiveDurationMs(settings.interval, 0, `${path}.interval`),
    timeoutMs: positiveDurationMs(settings.timeout, 0, `${path}.timeout`),
    jitter: settings.intervalJitter === undefined ? JITTER_DEFAULT : settings.intervalJitter.value / 100,
    idleIntervalMs: durationMs(settings.connectionIdleInterval, 0),
  };
}

function inRange(value: number | undefined, least: number, most: number, fallback: number, path: string): number {
  if (value === undefined) return fallback;
  if (value < least || value > most) throw new ConfigError(path, `${value} is not in [${least}, ${most}]`);
  return value;
}

/** Reads the options; undefined gives the defaults. `limits` are those of heads. Throws ConfigError naming what is wrong. */
export function readHttp2Options(
  proto: Http2ProtocolOptions | undefined,
  limits: Pick<Http2Options, 'maxHeadBytes' | 'maxHeaders'>,
  path: string,
): Http2Settings {
  const standard = DEFAULT_HTTP2_OPTIONS;
  const options: Http2Options = {
    ...limits,
    hpackTableBytes: proto?.hpackTableSize ?? standard.hpackTableBytes,
    maxConcurrentStreams: inRange(
      proto?.maxConcurrentStreams,
      1,
      WINDOW_MOST,
      standard.maxConcurrentStreams,
      `${path}.max_concurrent_streams`,
    ),
    streamWindowBytes: inRange(
      proto?.initialStreamWindowSize,
      WINDOW_LEAST,
      WINDOW_MOST,
      standard.streamWindowBytes,
      `${path}.initial_stream_window_size`,
    ),
    connectionWindowBytes: inRange(
      proto?.initialConnectionWindowSize,
      WINDOW_LEAST,
      WINDOW_MOST,
      standard.connectionWindowBytes,
      `${path}.initial_connection_window_size`,
    ),
    allowsConnect: proto?.allowConnect ?? false,
    keepsConnectionOnBadMessage: proto?.overrideStreamErrorOnInvalidHttpMessage ?? proto?.streamErrorOnInvalidHttpMessaging ?? false,
    maxOutboundFrames: proto?.maxOutboundFrames ?? standard.maxOutboundFrames,
    maxOutboundControlFrames: proto?.maxOutboundControlFrames ?? standard.maxOutboundControlFrames,
    maxConsecutiveEmptyFrames: proto?.maxConsecutiveInboundFramesWithEmptyPayload ?? standard.maxConsecutiveEmptyFrames,
    maxPriorityFramesPerStream: proto?.maxInboundPriorityFramesPerStream ?? standard.maxPriorityFramesPerStream,
    maxWindowUpdatesPerDataFrame: proto?.maxInboundWindowUpdateFramesPerDataFrameSent ?? standard.maxWindowUpdatesPerDataFrame,
    maxPrematureResets: standard.maxPrematureResets,
  };
  return { options, keepAlive: readKeepAlive(proto?.connectionKeepalive, `${path}.connection_keepalive`) };
}
