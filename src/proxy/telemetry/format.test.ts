import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import { internalAddress } from '../../net/address.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import { compileFormat, compileJsonFormat, parseFormat } from './format.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeResponse, fakeTls } from './testing/fake-stream.ts';

const request = fakeRequest(
  { path: '/cart?id=1&x=a%20b', authority: 'shop.example' },
  { 'user-agent': 'curl', 'x-forwarded-for': '1.2.3.4' },
);

const grpc = fakeRequest({}, { 'content-type': 'application/grpc' });

const CASES: readonly { format: string; info?: Partial<StreamInfo>; want: string }[] = [
  { format: 'plain 100%%', want: 'plain 100%' },
  { format: '%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%', want: 'GET /cart?id=1&x=a%20b HTTP/1.1' },
  { format: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%', want: request.path },
  { format: '%REQ(X-NONE?X-ENVOY-ORIGINAL-PATH)%', want: '-' },
  { format: '%REQ_WITHOUT_QUERY(:PATH)%', want: '/cart' },
  { format: '%QUERY_PARAM(x)%|%QUERY_PARAM(y)%', want: 'a b|-' },
  { format: '%REQ(X-NONE?USER-AGENT):3%|%REQ(X-NONE)%', want: 'cur|-' },
  {
    format: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
    info: { response: fakeResponse(200, { 'x-envoy-upstream-service-time': '8' }) },
    want: '8',
  },
  {
    format: '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%',
    info: { responseCode: 503, responseCodeDetails: 'no healthy upstream' },
    want: '503 no_healthy_upstream',
  },
  { format: '%RESPONSE_FLAGS%', want: '-' },
  {
    format: '%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%',
    info: { flags: flagBit('UH') | flagBit('URX') },
    want: 'URX,UH UpstreamRetryLimitExceeded,NoHealthyUpstream',
  },
  {
    format: '%BYTES_RECEIVED%/%BYTES_SENT% %DURATION% %REQUEST_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%',
    want: '3/5 20 2 10 10',
  },
  { format: '%DURATION%', info: { endMs: 0 }, want: '-' },
  { format: '%START_TIME%', want: '2026-01-02T03:04:05.678Z' },
  { format: '%START_TIME(%Y/%m/%dT%H:%M:%S.%3f %s %6f)%', want: '2026/01/02T03:04:05.678 1767323045 678000' },
  {
    format: '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
    info: { clientAddress: { host: '1.2.3.4', port: 0 } },
    want: '1.2.3.4:0 10.0.0.1:40000',
  },
  {
    format: '%DOWNSTREAM_REMOTE_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_PORT%',
    info: { connection: fakeConnection({ directRemote: { host: '10.9.9.9', port: 9 } }) },
    want: '40000 10.9.9.9:9 9',
  },
  { format: '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%', want: '10.0.0.2 8080' },
  { format: '%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', info: { upstreamLocalAddress: '[::1]:80' }, want: '::1' },
  {
    format: '%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_TLS_VERSION%',
    info: { connection: fakeConnection({ tls: fakeTls('spiffe://a/ns/b/sa/c') }) },
    want: 'spiffe://a/ns/b/sa/c TLSv1.3',
  },
  {
    format: '%DYNAMIC_METADATA(tulle:policy)% %DYNAMIC_METADATA(tulle)%',
    info: { metadata: new Map([['tulle', { policy: 'p' }]]) },
    want: 'p {"decided_by":"policy p","policy":"p"}',
  },
  { format: '%DYNAMIC_METADATA(tulle:constructor)%', info: { metadata: new Map([['tulle', {}]]) }, want: '-' },
  { format: '%METADATA(DYNAMIC:tulle:line)%', info: { metadata: new Map([['tulle', { line: 4 }]]) }, want: '4' },
  { format: '%METADATA(ROUTE:tulle:file)%', want: '-' },
  { format: '%ACCESS_LOG_TYPE%', want: 'DownstreamEnd' },
  { format: '%DYNAMIC_METADATA(["tulle","policy"])%', info: { metadata: new Map([['tulle', { policy: 'p' }]]) }, want: 'p' },
  { format: '%PATH% %PATH(NQ)% %PATH(NQ:PATH)% %PATH(WQ:ORIG)%', want: '/cart?id=1&x=a%20b /cart /cart -' },
  {
    format: '%PATH% %PATH(NQ:ORIG)% %PATH(NQ:PATH)%',
    info: { request: fakeRequest({ path: '/new?q' }, { 'x-envoy-original-path': '/old?q' }) },
    want: '/old?q /old /new',
  },
  { format: '%QUERY_PARAMS% %QUERY_PARAMS(ORIG)%', want: 'id=1&x=a%20b id=1&x=a%20b' },
  { format: '%REQUEST_HEADER(user-agent)% %RESPONSE_HEADER(:status)%', info: { response: fakeResponse(204) }, want: 'curl 204' },
  {
    format: '%TRAILER(a)% %RESPONSE_TRAILER(b?a)% %TRAILER(b)%',
    info: { responseTrailers: fakeResponse(0, { a: '1' }).headers },
    want: '1 1 -',
  },
  { format: '%GRPC_STATUS%', info: { response: fakeResponse(200, { 'grpc-status': '3' }) }, want: '-' },
  {
    format: '%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%',
    info: {
      request: grpc,
      response: fakeResponse(200, { 'grpc-status': '3' }),
      responseTrailers: fakeResponse(0, { 'grpc-status': '1' }).headers,
    },
    want: 'Canceled CANCELLED 1 1',
  },
  { format: '%GRPC_STATUS%', info: { request: grpc, response: fakeResponse(200, { 'grpc-status': '99' }) }, want: '99' },
  { format: '%GRPC_STATUS%', info: { request: grpc, responseCode: 503 }, want: 'Unavailable' },
  { format: '%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)% %COMMON_DURATION(DS_RX_BEG:US_RX_BEG)%', want: '20750 10' },
  { format: '%COMMON_DURATION(DS_RX_BEG:DS_RX_END:ns)%', info: { requestEndMs: 0 }, want: '-' },
  { format: '%FILTER_STATE(k)% %FILTER_STATE(k:PLAIN)% %FILTER_STATE(x)%', info: { filterState: new Map([['k', 'v']]) }, want: 'v v -' },
  { format: '%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%', info: { responseCodeDetails: 'a b' }, want: 'a b' },
  { format: '%UPSTREAM_LOCAL_PORT% %DOWNSTREAM_DIRECT_REMOTE_PORT%', info: { upstreamLocalAddress: '[::1]:80' }, want: '80 40000' },
  {
    format: '%UPSTREAM_PEER_URI_SAN% %UPSTREAM_LOCAL_URI_SAN%',
    info: { upstreamTls: { uriSans: ['a', 'b'], localUriSans: ['c'] } },
    want: 'a,b c',
  },
  { format: '%STREAM_ID%', info: { request: fakeRequest({}, { 'x-request-id': 'id' }) }, want: 'id' },
  { format: '[%LOCAL_REPLY_BODY%]', want: '[]' },
  { format: '%REQUEST_TX_DURATION% %COMMON_DURATION(US_TX_BEG:US_RX_END:us)%', want: '6 7000' },
  { format: '%REQUEST_TX_DURATION%', info: { upstreamSentMs: 0 }, want: '-' },
  { format: '%UPSTREAM_PROTOCOL% %UPSTREAM_HOSTS_ATTEMPTED%', want: '- -' },
  { format: '%BYTES_RETRANSMITTED% %PACKETS_RETRANSMITTED% %ROUNDTRIP_DURATION% %CUSTOM_FLAGS%', want: '0 0 - ' },
  {
    format: '%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID% %DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID%',
    info: { connection: fakeConnection({ local: internalAddress('inner', 'one') }) },
    want: 'one one',
  },
  { format: '[%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID%]', want: '[]' },
  { format: '%COALESCE({"operators":["REQUESTED_SERVER_NAME",{"command":"REQ","param":":METHOD","max_length":2}]})%', want: 'GE' },
  { format: '%COALESCE({"operators":["LOCAL_REPLY_BODY","UPSTREAM_PROTOCOL"]})%', want: '-' },
  {
    format: '%ACCESS_LOG_TYPE% %REQ(:PATH)%',
    info: { request: undefined, protocol: undefined, logKind: 'TcpConnectionEnd' },
    want: 'TcpConnectionEnd -',
  },
];

for (const { format, info, want } of CASES) {
  test(`text format ${format}`, () => {
    assert.equal(compileFormat(format, 'f')(fakeInfo({ request, ...info })), want);
  });
}

const REFUSED: readonly [format: string, message: RegExp][] = [
  ['%NOPE%', /^f: formatter command %NOPE% is not supported/],
  ['%UPSTREAM_HEADER_BYTES_SENT%', /%UPSTREAM_HEADER_BYTES_SENT%/],
  ['%COALESCE%', /no JSON/],
  ['%COALESCE({"operators":[]})%', /no list of operators/],
  ['%COALESCE({"operators":["NOPE"]})%', /%NOPE% is not supported/],
  ['%COALESCE({"operators":[{"param":"x"}]})%', /neither a command nor/],
  ['%COALESCE({"operators":[{"command":"REQ","param":"x","max_length":0}]})%', /max_length 0/],
  ['%UPSTREAM_PROTOCOL(x)%', /takes no argument/],
  ['%PATH(XX)%', /PATH\(XX\)/],
  ['%PATH(NQ:XX)%', /PATH\(NQ:XX\)/],
  ['%QUERY_PARAMS(RAW)%', /QUERY_PARAMS\(RAW\)/],
  ['%GRPC_STATUS(x)%', /GRPC_STATUS\(x\)/],
  ['%COMMON_DURATION(DS_RX_BEG:US_CX_BEG)%', /COMMON_DURATION/],
  ['%COMMON_DURATION(DS_RX_BEG:DS_RX_END:h)%', /unit/],
  ['%FILTER_STATE()%', /FILTER_STATE/],
  ['%FILTER_STATE(k:FIELD:x)%', /FILTER_STATE\(k:FIELD:x\)/],
  ['%RESPONSE_CODE_DETAILS(x)%', /ALLOW_WHITESPACES/],
  ['%DYNAMIC_METADATA([1])%', /no list/],
  ['%DYNAMIC_METADATA([x)%', /no list/],
  ['%START_TIME_LOCAL(%Z)%', /%Z/],
  ['50% off', /character 3 .*write %% for %/],
  ['%REQ(a?b?c)%', /NAME\?ALTERNATIVE/],
  ['%REQ()%', /NAME/],
  ['%PROTOCOL(x)%', /takes no argument/],
  ['%METADATA(NOPE:a:b)%', /METADATA\(NOPE\)/],
  ['%START_TIME(%Q)%', /%Q/],
];

for (const [format, message] of REFUSED) {
  test(`refused: ${format}`, () => {
    assert.throws(
      () => compileFormat(format, 'f'),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('header changes write nothing where there is nothing', () => {
  assert.equal(compileFormat('a%REQ(x-none)%', 'f', { missing: '' })(fakeInfo()), 'a');
});

test('JSON keeps types, sorts keys and has null for what is not there', () => {
  const format = { b: '%RESPONSE_CODE%', a: { z: '%REQ(X-NONE)%', y: 'x-%RESPONSE_CODE%', n: 3, t: true }, l: ['%PROTOCOL%'] };
  assert.equal(compileJsonFormat(format, 'f', false)(fakeInfo()), '{"a":{"n":3,"t":true,"y":"x-200","z":null},"b":200,"l":["HTTP/1.1"]}');
  assert.equal(compileJsonFormat({ a: '%REQ(X-NONE)%', b: '' }, 'f', true)(fakeInfo()), '{}');
});

test('text without commands comes back as it was written', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(compileFormat(text.replaceAll('%', '%%'), 'f')(fakeInfo()), text);
    }),
  );
});

/** Empty parentheses and leading zeros of a length are not kept. */
function normal(format: string): string {
  return format.replaceAll('()', '').replaceAll(/:0+(\d+%)/g, ':$1');
}

test('any text is a format or a ConfigError, and parts put together are the format', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom('%', '%%', '%REQ(a)%', '%PROTOCOL%', '%REQ(a?b):12%', '(', ')', ':5%'));
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const format = pieces.join('');
      try {
        const text = parseFormat(format, 'f')
          .map((part) => {
            if (typeof part === 'string') return part.replaceAll('%', '%%');
            const length = part.maxLength === undefined ? '' : `:${part.maxLength}`;
            return `%${part.name}${part.argument === '' ? '' : `(${part.argument})`}${length}%`;
          })
          .join('');
        assert.equal(normal(text), normal(format));
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
  );
});

test('ids are made anew each time', () => {
  const write = compileFormat('%UNIQUE_ID%', 'f');
  assert.match(write(fakeInfo()), /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  assert.notEqual(write(fakeInfo()), write(fakeInfo()));
});

test('local times follow the clock of the time zone', (t) => {
  t.mock.method(Date.prototype, 'getTimezoneOffset', () => -90);
  assert.equal(compileFormat('%START_TIME_LOCAL%', 'f')(fakeInfo()), '2026-01-02T04:34:05.678+0130');
  assert.equal(compileFormat('%START_TIME_LOCAL(%H:%M %z %s%%)%', 'f')(fakeInfo()), '04:34 +0130 1767323045%');
  assert.equal(compileFormat('%EMIT_TIME_LOCAL(%T.%3f)%', 'f')(fakeInfo()), '04:34:05.698');
});

test('times of one writer do not depend on those before', () => {
  const iso = compileFormat('%START_TIME%', 'f');
  const parts = compileFormat('%START_TIME(%S.%3f|%M)%', 'f');
  for (const atMs of [1767323045678, 1767323045679, 1767323046000, 1767323045001, 0, 999, 1767323105999]) {
    const info = fakeInfo({ startWallMs: atMs });
    const want = new Date(atMs).toISOString();
    assert.equal(iso(info), want);
    assert.equal(parts(info), `${want.slice(17, 23)}|${want.slice(14, 16)}`);
  }
});
