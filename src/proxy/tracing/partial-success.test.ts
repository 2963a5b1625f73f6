import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ExportMetricsServiceResponseSchema } from '../../xds/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts';
import { refusedCount } from './partial-success.ts';

test('what a collector has refused of what it took', () => {
  const answer = (partialSuccess: { rejectedDataPoints: bigint; errorMessage?: string } | undefined): Uint8Array =>
    toBinary(ExportMetricsServiceResponseSchema, create(ExportMetricsServiceResponseSchema, partialSuccess && { partialSuccess }));
  assert.equal(refusedCount(answer(undefined)), 0);
  assert.equal(refusedCount(answer({ rejectedDataPoints: 0n, errorMessage: 'a warning' })), 0);
  assert.equal(refusedCount(answer({ rejectedDataPoints: 300n, errorMessage: 'too old' })), 300);
  assert.equal(refusedCount(answer({ rejectedDataPoints: -1n })), 0);
});

test('an answer that is something else has refused nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const count = refusedCount(bytes);
      assert.ok(Number.isInteger(count) && count >= 0);
    }),
  );
});
