import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { AggregationTemporality as Temporality, MetricSchema } from '../../xds/gen/opentelemetry/proto/metrics/v1/metrics_pb.ts';
import { createStats } from '../telemetry/registry.ts';
import { observe } from '../telemetry/stats.ts';
import { Interval } from './interval.ts';
import { otlpMetric } from './otlp-metrics.ts';

const TIMES = { startMs: 1000, formerMs: 6000, nowMs: 11_000 };
const PLAIN = { counters: Temporality.CUMULATIVE, histograms: Temporality.CUMULATIVE, emitsTags: true, extractsTags: true, prefix: '' };
const DELTAS = { ...PLAIN, counters: Temporality.DELTA, histograms: Temporality.DELTA };

function flushed() {
  const stats = createStats();
  const interval = new Interval();
  const counter = stats.labelledCounter('istio_requests_total', { reporter: 'source' });
  const histogram = stats.labelledHistogram('ms', {}, [1, 10]);
  stats.scope('cluster.a').gauge('upstream_cx_active').value = 4;
  counter.value = 5;
  observe(histogram, 0.5);
  interval.next(stats, 'all');
  counter.value = 7;
  observe(histogram, 5);
  return interval.next(stats, 'all');
}

const metrics = (settings: Parameters<typeof otlpMetric>[1]) =>
  flushed().flatMap((point) => {
    const metric = otlpMetric(point, settings, TIMES);
    return metric === undefined ? [] : [create(MetricSchema, metric)];
  });

test('sums, gauges and histograms since the start', () => {
  const [gauge, sum, histogram] = metrics(PLAIN);
  assert.equal(gauge?.name, 'cluster.upstream_cx_active');
  assert.deepEqual(gauge.data.case === 'gauge' && gauge.data.value.dataPoints[0]?.attributes[0]?.key, 'envoy.cluster_name');
  assert.ok(sum?.data.case === 'sum' && sum.data.value.isMonotonic);
  assert.deepEqual(sum.data.value.dataPoints[0]?.value, { case: 'asInt', value: 7n });
  assert.equal(sum.data.value.dataPoints[0]?.startTimeUnixNano, 1_000_000_000n);
  assert.ok(histogram?.data.case === 'histogram');
  const [point] = histogram.data.value.dataPoints;
  assert.deepEqual([point?.count, point?.sum, point?.bucketCounts, point?.explicitBounds], [2n, 5.5, [1n, 1n, 0n], [1, 10]]);
});

test('deltas are of the interval, and what has none is left out', () => {
  const [, sum, histogram] = metrics(DELTAS);
  assert.ok(sum?.data.case === 'sum' && sum.data.value.aggregationTemporality === Temporality.DELTA);
  assert.deepEqual(sum.data.value.dataPoints[0]?.value, { case: 'asInt', value: 2n });
  assert.equal(sum.data.value.dataPoints[0]?.startTimeUnixNano, 6_000_000_000n);
  assert.ok(histogram?.data.case === 'histogram');
  assert.deepEqual(histogram.data.value.dataPoints[0]?.bucketCounts, [0n, 1n, 0n]);
});

test('names with what is a name in them, and a prefix', () => {
  const [gauge] = metrics({ ...PLAIN, extractsTags: false, emitsTags: false, prefix: 'tulle.' });
  assert.equal(gauge?.name, 'tulle.cluster.a.upstream_cx_active');
  assert.deepEqual(gauge.data.case === 'gauge' && gauge.data.value.dataPoints[0]?.attributes, []);
});
