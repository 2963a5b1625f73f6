import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import { compileFormat, compileJsonFormat, parseFormat } from './format.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeResponse, fakeTls } from './testing/fake-stream.ts';

const request = fakeRequest(
  { path: '/cart?id=1&x=a%20b', authority: 'shop.example' },
  { 'user-agent': 'curl', 'x-forwarded-for': '1.2.3.4' },
);

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
    want: 'p {"policy":"p"}',
  },
  { format: '%DYNAMIC_METADATA(tulle:constructor)%', info: { metadata: new Map([['tulle', {}]]) }, want: '-' },
  { format: '%METADATA(DYNAMIC:tulle:line)%', info: { metadata: new Map([['tulle', { line: 4 }]]) }, want: '4' },
  { format: '%METADATA(ROUTE:tulle:file)%', want: '-' },
  { format: '%ACCESS_LOG_TYPE%', want: 'DownstreamEnd' },
  { format: '%ACCESS_LOG_TYPE% %REQ(:PATH)%', info: { request: undefined, protocol: undefined }, want: 'TcpConnectionEnd -' },
];

for (const { format, info, want } of CASES) {
  test(`text format ${format}`, () => {
    assert.equal(compileFormat(format, 'f')(fakeInfo({ request, ...info })), want);
  });
}

const REFUSED: readonly [format: string, message: RegExp][] = [
  ['%NOPE%', /^f: formatter command %NOPE% is not supported/],
  ['%TRAILER(x)%', /%TRAILER%/],
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
