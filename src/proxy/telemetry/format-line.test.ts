import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileFormat } from './format.ts';
import { compileLine } from './format-line.ts';
import { fakeInfo, fakeRequest } from './testing/fake-stream.ts';

const FORMATS = [
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_SENT%\n',
  '%REQ(:AUTHORITY)%%ROUTE_NAME%%REQ(X-A):3%%%',
  'only text\n',
  '%BYTES_RECEIVED%',
  '',
];

const info = fc
  .record({
    path: fc.constantFrom('/', '/cart?id=1'),
    authority: fc.constantFrom('a.test', 'b.test'),
    field: fc.constantFrom('', 'one', 'another'),
    responseCode: fc.constantFrom(0, 200, 503),
    startWallMs: fc.constantFrom(1_767_323_045_678, 1_767_323_045_679),
    routeName: fc.constantFrom('', 'default'),
    bytesReceived: fc.nat(3),
    bytesSent: fc.nat(),
  })
  .map(({ path, authority, field, ...rest }): StreamInfo =>
    fakeInfo({ request: fakeRequest({ path, authority }, { 'x-a': field }), ...rest }),
  );

test('lines say what the format says of each stream, whatever the one before was', () => {
  fc.assert(
    fc.property(fc.constantFrom(...FORMATS), fc.array(info, { maxLength: 6 }), (format, infos) => {
      const [write, want] = [compileLine(format, 'f'), compileFormat(format, 'f')];
      for (const each of infos) assert.equal(write(each), want(each));
    }),
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
