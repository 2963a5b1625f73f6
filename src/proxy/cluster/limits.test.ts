import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary } from '@bufbuild/protobuf';
import { CircuitBreakersSchema } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { setRuntimeValues } from '../config/live-values.ts';
import { createStats } from '../telemetry/registry.ts';
import { limitsFor, readLimits } from './limits.ts';

test('each priority has its own caps', () => {
  const breakers = create(CircuitBreakersSchema, {
    thresholds: [
      { priority: RoutingPriority.HIGH, maxRequests: 7 },
      { priority: RoutingPriority.DEFAULT, maxRequests: 2 },
    ],
  });
  const limits = readLimits(breakers, 'c', createStats().scope('cluster.c'));
  assert.deepEqual([limits.maxRequests, limits.high?.maxRequests, limits.high?.maxRetries], [2, 7, 3]);
  assert.equal(limitsFor({ limits }, 'default'), limits);
  assert.equal(limitsFor({ limits }, 'high'), limits.high);
  assert.throws(() => readLimits(fromBinary(CircuitBreakersSchema, Uint8Array.of(0x0a, 2, 8, 9)), 'c', createStats().scope('c')), {
    name: 'ConfigError',
    message: /^c\.circuit_breakers\.thresholds\[0\]\.priority: 9 is not known/,
  });
});

test('the runtime has the last word on caps, whenever it changes', (t) => {
  t.after(() => setRuntimeValues({}));
  const stats = createStats().scope('cluster.c');
  const thresholds = [{ maxRequests: 2, maxRetries: 7 }];
  const limits = readLimits(create(CircuitBreakersSchema, { thresholds }), 'c', stats, { name: 'c' });
  const caps = (): number[] => [limits.maxRequests, limits.maxRetries, limits.high?.maxRequests ?? 0, limits.high?.maxConnections ?? 0];
  assert.deepEqual(caps(), [2, 7, 1024, 1024]);
  setRuntimeValues({
    'circuit_breakers.c.default.max_requests': 1,
    'circuit_breakers.c.high.max_connections': 5,
    'circuit_breakers.d.default.max_retries': 0,
  });
  assert.deepEqual(caps(), [1, 7, 1024, 5]);
  limits.requests.value = 1;
  assert.equal(stats.gauge('circuit_breakers.default.rq_open').value, 1);
  setRuntimeValues({ 'circuit_breakers.c.default.max_requests': 'many' });
  assert.deepEqual(caps(), [2, 7, 1024, 1024]);
});

test('counts are kept apart, and the gauge has their sum', () => {
  const stats = createStats().scope('cluster.c');
  const limits = readLimits(undefined, 'c', stats);
  limits.requests.value++;
  limitsFor({ limits }, 'high').requests.value += 2;
  assert.deepEqual([limits.requests.value, limits.high?.requests.value, stats.gauge('upstream_rq_active').value], [1, 2, 3]);
  limits.requests.value--;
  assert.deepEqual([limits.requests.value, stats.gauge('upstream_rq_active').value], [0, 2]);
});

test('gauges say whether a cap is reached, and where asked what is left', () => {
  const stats = createStats().scope('cluster.c');
  const thresholds = [{ maxRequests: 2, trackRemaining: true, retryBudget: { budgetPercent: { value: 50 }, minRetryConcurrency: 1 } }];
  const limits = readLimits(create(CircuitBreakersSchema, { thresholds }), 'c', stats);
  const read = (name: string): number => stats.gauge(`circuit_breakers.default.${name}`).value;
  const all = (): number[] => ['rq_open', 'remaining_rq', 'rq_retry_open', 'remaining_retries'].map(read);
  assert.deepEqual(all(), [0, 2, 0, 1]);
  limits.requests.value = 2;
  limits.retries.value = 1;
  assert.deepEqual(all(), [1, 0, 1, 0]);
  limits.requests.value = 6;
  limits.retries.value = 1;
  assert.deepEqual(all(), [1, 0, 0, 2], 'the budget grows with what is under way');
  assert.equal(read('remaining_cx_pools'), 0xffff_ffff, 'no cap');
});
