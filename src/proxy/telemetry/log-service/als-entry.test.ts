import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyUnpack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { HTTPAccessLogEntrySchema, TCPAccessLogEntrySchema } from '../../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { headersOf } from '../../../wire/http/headers.ts';
import { flagBit, RESPONSE_FLAGS } from '../../http/stream-info.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeTls } from '../testing/fake-stream.ts';
import { bytesOf } from '../byte-text.ts';
import type { AlsSettings } from './als.ts';
import { httpEntry, tcpEntry } from './als-entry.ts';

const settings: AlsSettings = {
  kind: 'http',
  logName: 'log',
  target: { kind: 'grpc', cluster: 'als', authority: '', timeoutMs: 0, metadata: [] },
  flushIntervalMs: 0,
  bufferBytes: 0,
  filterState: ['state', 'absent'],
  tags: [
    { name: 'tag', text: () => 'ü' },
    { name: 'none', text: () => undefined },
  ],
  requestFields: ['x-many', 'x-absent', 'x-own', ':path', 'host'],
  responseFields: ['server', ':status'],
  trailerFields: ['grpc-status'],
};

const full = () =>
  fakeInfo({
    request: fakeRequest(
      { method: 'PUT', path: '/a?b' },
      { 'x-request-id': 'id', 'user-agent': bytesOf('grüße'), 'x-many': '1', 'x-own': 'gr\u00fc\u00dfe' },
    ),
    startWallMs: 1767323045678,
    startMs: 1000,
    requestEndMs: 1001.5,
    upstreamSendMs: 1002,
    upstreamSentMs: 1002.25,
    upstreamEndMs: 3600,
    firstUpstreamByteMs: 3500,
    endMs: 4000,
    bytesReceived: 300,
    bytesSent: 5_000_000_000,
    responseCode: 503,
    responseCodeDetails: 'via_upstream',
    responseTrailers: headersOf([['grpc-status', '14']]),
    filterState: new Map([['state', 'value']]),
    metadata: new Map<string, unknown>([
      ['envoy.filters.http.rbac', { shadow: 'denied', deep: { list: [1, true] } }],
      ['tulle', { own: 1 }],
      ['envoy.text', 'no object'],
    ]),
    flags: flagBit('UAEX') | flagBit('DR'),
  });

test('what is known of a request is in its entry', () => {
  const entry = fromBinary(HTTPAccessLogEntrySchema, httpEntry(full(), settings));
  const { commonProperties: common, request, response } = entry;
  assert.deepEqual([common?.startTime?.seconds, common?.startTime?.nanos], [1767323045n, 678_000_000]);
  assert.deepEqual([common?.duration?.seconds, common?.timeToLastRxByte?.nanos], [3n, 1_500_000]);
  assert.deepEqual([common?.timeToFirstUpstreamRxByte?.seconds, common?.timeToFirstUpstreamRxByte?.nanos], [2n, 500_000_000]);
  assert.deepEqual(
    [common?.timeToFirstUpstreamTxByte?.nanos, common?.timeToLastUpstreamTxByte?.nanos, common?.timeToLastUpstreamRxByte?.nanos],
    [2_000_000, 2_250_000, 600_000_000],
  );
  assert.equal(common?.responseFlags?.unauthorizedDetails?.reason, 1);
  assert.equal(common.responseFlags.downstreamRemoteReset, true);
  assert.equal(common.responseFlags.localReset, false);
  assert.deepEqual(common.metadata?.filterMetadata, { 'envoy.filters.http.rbac': { shadow: 'denied', deep: { list: [1, true] } } });
  const state = common.filterStateObjects['state'];
  assert.equal(state && anyUnpack(state, StringValueSchema)?.value, 'value');
  assert.deepEqual(common.customTags, { tag: 'ü' });
  assert.deepEqual([request?.requestMethod, request?.path, request?.requestBodyBytes], [4, '/a?b', 300n]);
  assert.deepEqual(
    [request?.userAgent, request?.requestId, request?.requestHeaders],
    // the last is no UTF-8, and each of its bytes stands for the character of its number
    ['grüße', 'id', { 'x-many': '1', 'x-own': 'grüße', ':path': '/a?b', host: 'cart' }],
  );
  assert.deepEqual(
    [response?.responseCode, response?.responseBodyBytes, response?.responseTrailers],
    [503, 5_000_000_000n, { 'grpc-status': '14' }],
  );
});

test('what is almost a second is none, for a second has no more nanoseconds', () => {
  const { commonProperties: common } = fromBinary(
    TCPAccessLogEntrySchema,
    tcpEntry(fakeInfo({ startMs: 1, endMs: 1000.9999999 }), settings),
  );
  assert.deepEqual([common?.duration?.seconds, common?.duration?.nanos], [0n, 999_999_999]);
});

test('TLS of a connection is told', () => {
  const tls = fakeTls('spiffe://a', { localUriSans: ['spiffe://b', 'spiffe://c'], subject: 'CN=x' });
  const info = fakeInfo({ connection: fakeConnection({ requestedServerName: 'sni', ja3: 'fingerprint', tls }) });
  const { tlsProperties } = fromBinary(TCPAccessLogEntrySchema, tcpEntry(info, settings)).commonProperties ?? {};
  assert.deepEqual([tlsProperties?.tlsVersion, tlsProperties?.tlsSniHostname, tlsProperties?.ja3Fingerprint], [4, 'sni', 'fingerprint']);
  const [peer, local] = [tlsProperties?.peerCertificateProperties, tlsProperties?.localCertificateProperties];
  assert.deepEqual(
    peer?.subjectAltName.map(({ san }) => san.value),
    ['spiffe://a'],
  );
  assert.deepEqual(
    local?.subjectAltName.map(({ san }) => san.value),
    ['spiffe://b', 'spiffe://c'],
  );
  assert.equal(peer?.subject, 'CN=x');
  assert.equal(tlsProperties?.tlsCipherSuite, 0x1301);
});

test('fields stand in order, and none that says nothing: bytes are those of the messages that they stand for', () => {
  const count = fc.oneof(fc.nat(), fc.nat({ max: 2 ** 40 }));
  const ms = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true }));
  const record = fc.record({
    bytesReceived: count,
    bytesSent: count,
    attempts: fc.nat({ max: 5 }),
    startMs: ms,
    endMs: ms,
    requestEndMs: ms,
    upstreamSendMs: ms,
    upstreamSentMs: ms,
    upstreamEndMs: ms,
    firstUpstreamByteMs: ms,
    responseCode: fc.constantFrom(0, 200, 503),
    flags: fc.nat({ max: 2 ** RESPONSE_FLAGS.length - 1 }),
    routeName: fc.string(),
    clusterName: fc.string(),
    terminationDetails: fc.string(),
    upstreamTransportFailure: fc.string(),
    responseCodeDetails: fc.string(),
    upstreamLocalAddress: fc.constantFrom('', '10.0.0.1:80', '[::1]:1'),
  });
  fc.assert(
    fc.property(record, fc.boolean(), (fields, hasRequest) => {
      const info = hasRequest ? { ...full(), ...fields } : fakeInfo({ ...fields, request: undefined });
      for (const [schema, bytes] of [
        [HTTPAccessLogEntrySchema, httpEntry(info, settings)],
        [TCPAccessLogEntrySchema, tcpEntry(info, settings)],
      ] as const) {
        assert.deepEqual(Buffer.from(toBinary(schema, fromBinary(schema, bytes))), Buffer.from(bytes));
      }
    }),
  );
});

test('a listener within the process is named as one', () => {
  const { connection } = full();
  const local = { host: 'envoy://connect_originate|pay.shop/10.0.0.1:80', port: 0 };
  const entry = fromBinary(TCPAccessLogEntrySchema, tcpEntry(fakeInfo({ connection: { ...connection, local } }), settings));
  assert.deepEqual(entry.commonProperties?.downstreamLocalAddress?.address, {
    case: 'envoyInternalAddress',
    value: {
      $typeName: 'envoy.config.core.v3.EnvoyInternalAddress',
      addressNameSpecifier: { case: 'serverListenerName', value: 'connect_originate|pay.shop' },
      endpointId: '10.0.0.1:80',
    },
  });
});
