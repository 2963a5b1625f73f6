import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import { fakeHost } from '../cluster/testing/fake-hosts.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import { compileFormat } from './format.ts';
import { compileLine } from './format-line.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeResponse } from './testing/fake-stream.ts';

const FORMATS = [
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_SENT%\n',
  '%START_TIME%%REQ(:AUTHORITY)%%ROUTE_NAME%%REQ(X-A):3%%%',
  '%REQUEST_HEADER(X-A?:METHOD)% %REQ(Host)% %REQ(:SCHEME)% %RESP(:STATUS)% %RESP(X-A?X-B)% %REQ(X-B?X-A)%%DURATION%%BYTES_SENT%%REQ(X-A)%',
  '%BYTES_RECEIVED%|%BYTES_SENT%|%PROTOCOL% %BYTES_SENT%%UPSTREAM_HOST%%START_TIME:7%%RESPONSE_CODE_DETAILS:4% %RESPONSE_CODE_DETAILS%',
  '%DOWNSTREAM_LOCAL_ADDRESS% %REQUESTED_SERVER_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_TRANSPORT_FAILURE_REASON% %CONNECTION_TERMINATION_DETAILS%',
  'only text\n',
  '%BYTES_RECEIVED%',
  '',
];

const tcp: Partial<StreamInfo> = { protocol: undefined, request: undefined };

const info = fc
  .record({
    method: fc.constantFrom('GET', 'POST'),
    path: fc.constantFrom('/', '/cart?id=1'),
    authority: fc.constantFrom('a.test', 'b.test'),
    scheme: fc.constantFrom('http', 'https'),
    field: fc.constantFrom('', 'one', 'another'),
    response: fc.constantFrom(undefined, fakeResponse(200), fakeResponse(200, { 'x-a': 'ra', 'x-b': 'rb' })),
    responseCode: fc.constantFrom(0, 200, 503),
    responseCodeDetails: fc.constantFrom('', 'via_upstream', 'no route'),
    terminationDetails: fc.constantFrom('', 'rbac'),
    flags: fc.constantFrom(0, flagBit('URX') | flagBit('UF')),
    startWallMs: fc.oneof(fc.constantFrom(1_767_323_045_678, 1_767_323_045_679), fc.date({ noInvalidDate: true }).map(Number)),
    endMs: fc.constantFrom(0, 1000, 1020.75, 1064),
    routeName: fc.constantFrom('', 'default'),
    upstream: fc.constantFrom(undefined, fakeHost('10.0.0.3:80'), fakeHost('10.0.0.4:80')),
    clusterName: fc.constantFrom('', 'cart'),
    upstreamTransportFailure: fc.constantFrom('', 'TLS error'),
    bytesReceived: fc.nat(3),
    bytesSent: fc.oneof(fc.nat(), fc.constantFrom(1, 65, 2 ** 40 + 1)),
    local: fc.constantFrom({ host: '10.0.0.2', port: 80 }, { host: '::1', port: 80 }, { host: '10.0.0.2', port: 81 }),
    requestedServerName: fc.constantFrom('', 'a.test'),
    isTcp: fc.boolean(),
  })
  .map(({ method, path, authority, scheme, field, local, requestedServerName, isTcp, ...rest }): StreamInfo =>
    fakeInfo({
      request: fakeRequest({ method, path, authority, scheme }, { 'x-a': field }),
      connection: fakeConnection({ local, requestedServerName }),
      ...rest,
      ...(isTcp && tcp),
    }),
  );

test('lines say what the format says of each stream, whatever the one before was', () => {
  fc.assert(
    fc.property(fc.constantFrom(...FORMATS), fc.array(info, { maxLength: 6 }), (format, infos) => {
      const [write, want] = [compileLine(format, 'f'), compileFormat(format, 'f')];
      for (const each of infos) assert.equal(write(each), want(each));
    }),
    { numRuns: 500 },
  );
});

test('fields stand as they came, and all else as UTF-8', () => {
  const request = fakeRequest({ path: '/caf\u00c3\u00a9' }, { 'x-a': '\u00e9' });
  const write = compileLine('ü %REQ(:PATH)% %REQ(X-A)% %ROUTE_NAME% %FILTER_STATE(k)% %BYTES_SENT%', 'f');
  const line = write(fakeInfo({ request, routeName: 'rü', filterState: new Map([['k', '€']]), bytesSent: 5 }));
  assert.deepEqual(Buffer.from(line, 'latin1'), Buffer.concat([Buffer.from('ü /café '), Buffer.of(0xe9), Buffer.from(' rü € 5')]));
});

test('what is missing is -, or nothing where that is asked for', () => {
  assert.equal(compileLine('%ROUTE_NAME%|%REQ(X-A)%', 'f')(fakeInfo()), '-|-');
  assert.equal(compileLine('%ROUTE_NAME%|%REQ(X-A)%', 'f', { missing: '' })(fakeInfo()), '|');
});

test('a command that there is not is refused with its place', () => {
  assert.throws(
    () => compileLine('%NOPE%', 'log.format'),
    (error) => error instanceof ConfigError && /log\.format: .*%NOPE%/.test(error.message),
  );
});
