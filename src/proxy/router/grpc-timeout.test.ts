import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { headersOf } from '../../wire/http/headers.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import { RouteActionSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import {
  expectedTimeout,
  formatGrpcTimeout,
  parseGrpcTimeout,
  readRouteTimeouts,
  responseTimeoutMs,
  type RouteTimeouts,
  streamDuration,
} from './grpc-timeout.ts';

const NONE: RouteTimeouts = readRouteTimeouts(create(RouteActionSchema));

function head(grpcTimeout: string, contentType = 'application/grpc'): RequestHead {
  const headers = headersOf([...(grpcTimeout === '' ? [] : [['grpc-timeout', grpcTimeout] as const]), ['content-type', contentType]]);
  return { method: 'POST', path: '/', authority: 'a', scheme: 'http', protocol: 'HTTP/2', headers, contentLength: -1 };
}

test('grpc-timeout is read in every unit, rounded up to milliseconds', () => {
  const cases: [text: string, want: number | undefined][] = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['1500u', 2],
    ['1000u', 1],
    ['20n', 1],
    ['1000001n', 2],
    ['0n', 0],
    ['0m', 0],
    ['99999999H', 99_999_999 * 3_600_000],
    ['123456789m', undefined],
    ['5', undefined],
    ['m', undefined],
    ['5x', undefined],
    ['-5m', undefined],
    ['5 m', undefined],
    ['', undefined],
  ];
  for (const [text, want] of cases) assert.equal(parseGrpcTimeout(text), want, text);
});

test('grpc-timeout is written in eight digits', () => {
  const cases: [ms: number, want: string][] = [
    [0, '0m'],
    [99_999_999, '99999999m'],
    [100_000_000, '100000S'],
    [99_999_999_999, '99999999S'],
    [100_000_000_000, '1666666M'],
    [1e18, '99999999H'],
  ];
  for (const [ms, want] of cases) assert.equal(formatGrpcTimeout(ms), want, String(ms));
});

test('what is written is read again, never longer, and off by less than its unit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (ms) => {
      const read = parseGrpcTimeout(formatGrpcTimeout(ms)) ?? -1;
      assert.ok(read <= ms && ms - read < (ms > 99_999_999_999 ? 60_000 : 1000), `${ms} became ${read}`);
    }),
  );
});

test('any text is a timeout or none', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const ms = parseGrpcTimeout(text);
      assert.ok(ms === undefined || (Number.isInteger(ms) && ms >= 0));
    }),
  );
});

test('how long a stream may live', () => {
  const cases: [timeouts: Partial<RouteTimeouts>, grpcTimeout: string, defaultMs: number, want: [number | undefined, string?]][] = [
    [{}, '', 0, [undefined]],
    [{}, '', 500, [500, '500m']],
    [{}, '1S', 500, [500, '500m']],
    [{ streamMs: 0 }, '', 500, [undefined]],
    [{ streamMs: 200 }, '1S', 500, [200, '200m']],
    [{ grpcMaxMs: 3000, streamMs: 200 }, '', 0, [200, '200m']],
    [{ grpcMaxMs: 3000, streamMs: 200 }, '123456789m', 0, [200, '200m']],
    [{ grpcMaxMs: 3000, grpcOffsetMs: 50 }, '100m', 0, [50, '50m']],
    [{ grpcMaxMs: 3000, grpcOffsetMs: 50 }, '5S', 0, [2950, '2950m']],
    [{ grpcMaxMs: 3000, grpcOffsetMs: 50 }, '20n', 0, [0, '0m']],
    [{ grpcMaxMs: 0 }, '1H', 0, [3_600_000, '3600000m']],
    [{ grpcMaxMs: 0 }, '0m', 0, [0, '0m']],
  ];
  for (const [timeouts, grpcTimeout, defaultMs, [limitMs, written]] of cases) {
    const got = streamDuration({ ...NONE, ...timeouts }, head(grpcTimeout), defaultMs);
    assert.deepEqual(got, { limitMs, grpcTimeout: written }, JSON.stringify([timeouts, grpcTimeout, defaultMs]));
  }
  const plain = streamDuration({ ...NONE, grpcMaxMs: 3000 }, head('5S', 'text/plain'), 0);
  assert.deepEqual(plain, { limitMs: 3000, grpcTimeout: undefined }, 'only gRPC is told');
});

test('the response timeout of gRPC requests on a route with max_grpc_timeout', () => {
  const cases: [max: number | undefined, offset: number, grpcTimeout: string, isGrpc: boolean, want: number][] = [
    [undefined, 0, '1S', true, 15_000],
    [2000, 0, '1S', false, 15_000],
    [2000, 100, '1S', true, 900],
    [2000, 100, '5S', true, 2000],
    [2000, 100, '50m', true, 50],
    [2000, 100, '', true, 2000],
    [0, 0, '', true, 0],
    [0, 0, '1H', true, 3_600_000],
  ];
  for (const [oldGrpcMaxMs, oldGrpcOffsetMs, grpcTimeout, isGrpc, want] of cases) {
    const got = responseTimeoutMs({ ...NONE, oldGrpcMaxMs, oldGrpcOffsetMs }, 15_000, head(grpcTimeout), isGrpc);
    assert.equal(got, want, JSON.stringify([oldGrpcMaxMs, oldGrpcOffsetMs, grpcTimeout, isGrpc]));
  }
});

test('what the next hop is told', () => {
  const old = { ...NONE, oldGrpcMaxMs: 0 };
  const told = (timeouts: RouteTimeouts, ...rest: [number, number, number, boolean, boolean]): unknown => {
    const { expectedMs, grpcTimeout } = expectedTimeout(timeouts, ...rest);
    return [expectedMs, grpcTimeout];
  };
  assert.deepEqual(told(NONE, 0, 0, 0, true, false), [undefined, undefined]);
  assert.deepEqual(told(NONE, 15_000, 0, 0, true, false), [15_000, undefined]);
  assert.deepEqual(told(NONE, 15_000, 200, 0, false, false), [200, undefined]);
  assert.deepEqual(told(NONE, 15_000, 200, 0, false, true), [15_000, undefined]);
  assert.deepEqual(told(NONE, 1000, 200, 900, false, false), [100, undefined]);
  assert.deepEqual(told(NONE, 1000, 0, 1200, false, false), [1, undefined]);
  assert.deepEqual(told(NONE, 0, 200, 1200, false, false), [200, undefined]);
  assert.deepEqual(told(old, 1000, 0, 300, true, false), [700, '700m']);
  assert.deepEqual(told(old, 1000, 0, 300, false, false), [700, undefined]);
});

test('bounds of a route', () => {
  const ms = (millis: number) => create(DurationSchema, { seconds: 0n, nanos: millis * 1e6 });
  const modern = create(RouteActionSchema, {
    maxGrpcTimeout: ms(9),
    maxStreamDuration: { maxStreamDuration: ms(1), grpcTimeoutHeaderMax: ms(2), grpcTimeoutHeaderOffset: ms(3) },
  });
  assert.deepEqual(readRouteTimeouts(modern), { ...NONE, streamMs: 1, grpcMaxMs: 2, grpcOffsetMs: 3 });
  const old = create(RouteActionSchema, { maxGrpcTimeout: ms(4), grpcTimeoutOffset: ms(5) });
  assert.deepEqual(readRouteTimeouts(old), { ...NONE, oldGrpcMaxMs: 4, oldGrpcOffsetMs: 5 });
});
