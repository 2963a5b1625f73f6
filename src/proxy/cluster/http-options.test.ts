import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { type HttpSettings, readHttpSettings } from './http-options.ts';

const KEY = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const PATH = `c.typed_extension_protocol_options[${KEY}]`;

function read(options: JsonObject): HttpSettings {
  const any = anyPack(HttpProtocolOptionsSchema, fromJson(HttpProtocolOptionsSchema, options));
  return readHttpSettings(create(ClusterSchema, { typedExtensionProtocolOptions: { [KEY]: any } }), 'c');
}

function http2(options: JsonObject): JsonObject {
  return { explicitHttpConfig: { http2ProtocolOptions: options } };
}

const PROTOCOLS: readonly (readonly [options: JsonObject, want: HttpSettings['upstreamProtocol']])[] = [
  [{ explicitHttpConfig: { httpProtocolOptions: {} } }, 'http1'],
  [http2({}), 'http2'],
  [{ useDownstreamProtocolConfig: {} }, 'client'],
  [{ autoConfig: {} }, 'auto'],
];

for (const [options, want] of PROTOCOLS) {
  test(`${Object.keys(options).join()}: ${want}`, () => {
    assert.equal(read(options).upstreamProtocol, want);
  });
}

const OLD: readonly (readonly [cluster: JsonObject, want: HttpSettings['upstreamProtocol']])[] = [
  [{}, 'http1'],
  [{ http2ProtocolOptions: {} }, 'http2'],
  [{ protocolSelection: 'USE_DOWNSTREAM_PROTOCOL', http2ProtocolOptions: {} }, 'client'],
];

for (const [cluster, want] of OLD) {
  test(`fields of the cluster itself, ${JSON.stringify(cluster)}: ${want}`, () => {
    assert.equal(readHttpSettings(fromJson(ClusterSchema, cluster), 'c').upstreamProtocol, want);
  });
}

test('every option of HTTP/2 is read', () => {
  const { options, keepAlive } = read(
    http2({
      hpackTableSize: 1,
      maxConcurrentStreams: 2,
      initialStreamWindowSize: 70_000,
      initialConnectionWindowSize: 80_000,
      allowConnect: true,
      maxOutboundFrames: 3,
      maxOutboundControlFrames: 4,
      maxConsecutiveInboundFramesWithEmptyPayload: 5,
      maxInboundPriorityFramesPerStream: 6,
      maxInboundWindowUpdateFramesPerDataFrameSent: 7,
      overrideStreamErrorOnInvalidHttpMessage: true,
      connectionKeepalive: { interval: '1s', timeout: '2s', intervalJitter: { value: 50 }, connectionIdleInterval: '3s' },
    }),
  ).http2;
  const { hpackTableBytes, maxConcurrentStreams, streamWindowBytes, connectionWindowBytes, allowsConnect } = options;
  assert.deepEqual(
    [hpackTableBytes, maxConcurrentStreams, streamWindowBytes, connectionWindowBytes, allowsConnect],
    [1, 2, 70_000, 80_000, true],
  );
  assert.deepEqual(
    [options.maxOutboundFrames, options.maxOutboundControlFrames, options.maxConsecutiveEmptyFrames, options.maxPriorityFramesPerStream],
    [3, 4, 5, 6],
  );
  assert.deepEqual([options.maxWindowUpdatesPerDataFrame, options.keepsConnectionOnBadMessage], [7, true]);
  assert.deepEqual(keepAlive, { intervalMs: 1000, timeoutMs: 2000, jitter: 0.5, idleIntervalMs: 3000 });
});

test('options of HTTP/2 stand beside the others', () => {
  for (const kind of ['useDownstreamProtocolConfig', 'autoConfig']) {
    const settings = read({ [kind]: { httpProtocolOptions: { enableTrailers: true }, http2ProtocolOptions: { maxConcurrentStreams: 9 } } });
    assert.deepEqual([settings.http1.passesTrailers, settings.http2.options.maxConcurrentStreams], [true, 9], kind);
  }
});

test('common options', () => {
  const settings = read({
    commonHttpProtocolOptions: {
      idleTimeout: '1s',
      maxConnectionDuration: '2s',
      maxHeadersCount: 3,
      maxStreamDuration: '4s',
      maxRequestsPerConnection: 5,
    },
    ...http2({}),
  });
  assert.deepEqual([settings.idleTimeoutMs, settings.maxConnectionDurationMs, settings.maxStreamDurationMs], [1000, 2000, 4000]);
  assert.deepEqual([settings.maxRequestsPerConnection, settings.http1.maxHeaders, settings.http2.options.maxHeaders], [5, 3, 3]);
});

const NAMES: readonly (readonly [options: JsonObject, authority: string, header: string, want: string | undefined])[] = [
  [{}, 'a.example', '', undefined],
  [{ autoSni: true }, 'a.example', '', 'a.example'],
  [{ autoSni: true }, 'a.example:443', '', 'a.example'],
  [{ autoSni: true }, '10.0.0.1:443', '', ''],
  [{ autoSni: true }, '[::1]:443', '', ''],
  [{ autoSni: true, overrideAutoSniHeader: 'X-Name' }, 'a.example', 'b.example:1', 'b.example'],
  [{ autoSni: true, overrideAutoSniHeader: 'X-Name' }, 'a.example', '', 'a.example'],
];

for (const [options, authority, header, want] of NAMES) {
  test(`server name of ${authority} (${header}) with ${JSON.stringify(options)}: ${want}`, () => {
    const { serverNameOf } = read({ upstreamHttpProtocolOptions: options, ...http2({}) });
    const headers = { get: (name: string) => (name === 'x-name' && header !== '' ? header : undefined) };
    assert.equal(serverNameOf?.(Object.assign(Object.create(null), { authority, headers })), want);
  });
}

const REFUSED: readonly (readonly [options: JsonObject, path: string])[] = [
  [{ explicitHttpConfig: { http3ProtocolOptions: {} } }, `${PATH}.explicit_http_config.http3_protocol_options`],
  [{ useDownstreamProtocolConfig: { http3ProtocolOptions: {} } }, `${PATH}.use_downstream_protocol_config.http3_protocol_options`],
  [{ autoConfig: { http3ProtocolOptions: {} } }, `${PATH}.auto_config.http3_protocol_options`],
  [{ ...http2({}), httpFilters: [{ name: 'x' }] }, `${PATH}.http_filters`],
  [http2({ allowMetadata: true }), `${PATH}.explicit_http_config.http2_protocol_options.allow_metadata`],
  [http2({ maxConcurrentStreams: 0 }), `${PATH}.explicit_http_config.http2_protocol_options.max_concurrent_streams`],
  [http2({ initialStreamWindowSize: 1 }), `${PATH}.explicit_http_config.http2_protocol_options.initial_stream_window_size`],
  [http2({ connectionKeepalive: {} }), `${PATH}.explicit_http_config.http2_protocol_options.connection_keepalive.timeout`],
  [
    { ...http2({}), upstreamHttpProtocolOptions: { overrideAutoSniHeader: 'x' } },
    `${PATH}.upstream_http_protocol_options.override_auto_sni_header`,
  ],
];

for (const [options, path] of REFUSED) {
  test(`refused: ${path}`, () => {
    assert.throws(
      () => read(options),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}
