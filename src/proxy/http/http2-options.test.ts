import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { DEFAULT_HTTP2_OPTIONS } from '../../wire/http2/options.ts';
import { Http2ProtocolOptionsSchema } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { type Http2Settings, readHttp2Options } from './http2-options.ts';

const LIMITS = { maxHeadBytes: 1000, maxHeaders: 10 };

function read(init: MessageInitShape<typeof Http2ProtocolOptionsSchema>): Http2Settings {
  return readHttp2Options(create(Http2ProtocolOptionsSchema, init), LIMITS, 'o');
}

test('without options the defaults hold', () => {
  assert.deepEqual(readHttp2Options(undefined, LIMITS, 'o'), { options: { ...DEFAULT_HTTP2_OPTIONS, ...LIMITS }, keepAlive: undefined });
});

test('every option is read', () => {
  const { options, keepAlive } = read({
    hpackTableSize: 0,
    maxConcurrentStreams: 1,
    initialStreamWindowSize: 65_535,
    initialConnectionWindowSize: 65_536,
    allowConnect: true,
    overrideStreamErrorOnInvalidHttpMessage: true,
    maxOutboundFrames: 2,
    maxOutboundControlFrames: 3,
    maxConsecutiveInboundFramesWithEmptyPayload: 4,
    maxInboundPriorityFramesPerStream: 5,
    maxInboundWindowUpdateFramesPerDataFrameSent: 6,
    connectionKeepalive: {
      interval: { seconds: 1n },
      timeout: { nanos: 500_000_000 },
      intervalJitter: { value: 50 },
      connectionIdleInterval: { seconds: 2n },
    },
  });
  assert.deepEqual(options, {
    hpackTableBytes: 0,
    maxConcurrentStreams: 1,
    streamWindowBytes: 65_535,
    connectionWindowBytes: 65_536,
    maxHeadBytes: 1000,
    maxHeaders: 10,
    allowsConnect: true,
    keepsConnectionOnBadMessage: true,
    maxOutboundFrames: 2,
    maxOutboundControlFrames: 3,
    maxConsecutiveEmptyFrames: 4,
    maxPriorityFramesPerStream: 5,
    maxWindowUpdatesPerDataFrame: 6,
    maxPrematureResets: DEFAULT_HTTP2_OPTIONS.maxPrematureResets,
  });
  assert.deepEqual(keepAlive, { intervalMs: 1000, timeoutMs: 500, jitter: 0.5, idleIntervalMs: 2000 });
});

for (const [init, want] of [
  [{ maxConcurrentStreams: 0 }, /o\.max_concurrent_streams: 0 is not in/],
  [{ initialStreamWindowSize: 65_534 }, /o\.initial_stream_window_size: 65534/],
  [{ initialConnectionWindowSize: 2 ** 31 }, /o\.initial_connection_window_size/],
  [{ connectionKeepalive: { interval: { seconds: 1n } } }, /o\.connection_keepalive\.timeout: is missing/],
  [{ connectionKeepalive: { timeout: {} } }, /o\.connection_keepalive\.timeout: 0 s/],
] as const) {
  test(`refused: ${want.source}`, () => {
    assert.throws(() => read(init), want);
  });
}
