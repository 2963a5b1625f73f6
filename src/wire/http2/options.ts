import type { Http2Options } from './types.ts';

/**
 * Envoy's defaults, but for the windows: Envoy lets a peer send 16 MiB a stream and 24 MiB a connection before anybody
 * has read a byte. A stream's window is what a paused stream may make us hold: 1 MiB fills 800 Mbit/s over 10 ms. The
 * connection's window is what all paused streams together may, so that sixteen of them stop a connection and not one.
 */
export const DEFAULT_HTTP2_OPTIONS: Http2Options = {
  hpackTableBytes: 4096,
  maxConcurrentStreams: 1024,
  streamWindowBytes: 1 << 20,
  connectionWindowBytes: 16 << 20,
  maxHeadBytes: 60 * 1024,
  maxHeaders: 100,
  allowsConnect: false,
  keepsConnectionOnBadMessage: false,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  maxPrematureResets: 500,
};
