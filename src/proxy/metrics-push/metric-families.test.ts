import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { StreamMetricsMessageSchema } from '../../xds/gen/envoy/service/metrics_service_pb.ts';
import { createStats } from '../telemetry/registry.ts';
import { observe } from '../telemetry/stats.ts';
import { Interval } from './interval.ts';
import { type FamilyOptions, FamilyWriter } from './metric-families.ts';
import { readFamily } from './testing/read-family.ts';

function pushed(options: FamilyOptions) {
  const stats = createStats();
  const interval = new Interval();
  const writer = new FamilyWriter(options);
  return {
    stats,
    next: () => writer.write(interval.next(stats, 'all'), 1_700_000_000_000).map(readFamily),
  };
}

test('counters are deltas where that is asked for, and left out where there is none', () => {
  const { stats, next } = pushed({ reportsDeltas: true, emitsTags: true, histograms: 'histogram' });
  const counter = stats.labelledCounter('istio_requests_total', { reporter: 'source', text: 'é"\n' });
  counter.value = 300;
  const family = { name: 'istio_requests_total', type: 0, labels: { reporter: 'source', text: 'é"\n' }, timestampMs: 1_700_000_000_000 };
  assert.deepEqual(next(), [{ ...family, counter: 300 }]);
  assert.deepEqual(next(), []);
  counter.value++;
  assert.deepEqual(next(), [{ ...family, counter: 1 }]);
});

test('without deltas a counter is told at every flush', () => {
  const { stats, next } = pushed({ reportsDeltas: false, emitsTags: false, histograms: 'histogram' });
  stats.scope('cluster.a.b').counter('upstream_rq_503').value = 2;
  const want = [{ name: 'cluster.a.b.upstream_rq_503', type: 0, labels: {}, timestampMs: 1_700_000_000_000, counter: 2 }];
  assert.deepEqual(next(), want);
  assert.deepEqual(next(), want);
});

test("names in Envoy's names become labels where tags are asked for", () => {
  const { stats, next } = pushed({ reportsDeltas: false, emitsTags: true, histograms: 'histogram' });
  stats.scope('cluster.a.b').counter('upstream_rq_503').value = 2;
  stats.scope('listener.0.0.0.0_80').gauge('downstream_cx_active').value = 1;
  assert.deepEqual(
    next().map(({ name, labels, counter, gauge }) => ({ name, labels, counter, gauge })),
    [
      { name: 'cluster.upstream_rq', labels: { 'envoy.cluster_name': 'a.b', 'envoy.response_code': '503' }, counter: 2, gauge: undefined },
      { name: 'listener.downstream_cx_active', labels: { 'envoy.listener_address': '0.0.0.0_80' }, counter: undefined, gauge: 1 },
    ],
  );
});

test('histograms are of the interval, as buckets, quantiles or both', () => {
  for (const histograms of ['histogram', 'summary', 'both'] as const) {
    const { stats, next } = pushed({ reportsDeltas: true, emitsTags: true, histograms });
    const histogram = stats.labelledHistogram('ms', { a: 'b' }, [1, 10]);
    observe(histogram, 100);
    next();
    observe(histogram, 0.5);
    observe(histogram, 5);
    const families = next();
    assert.deepEqual(
      families.map(({ type }) => type),
      { histogram: [4], summary: [2], both: [2, 4] }[histograms],
    );
    for (const { histogram: buckets, summary } of families) {
      if (buckets !== undefined)
        assert.deepEqual(buckets, {
          count: 2,
          sum: 5.5,
          buckets: [
            [1, 1],
            [10, 2],
          ],
        });
      if (summary !== undefined)
        assert.deepEqual(
          summary.quantiles.find(([q]) => q === 0.5),
          [0.5, 1],
        );
    }
    assert.deepEqual(next(), []);
  }
});

test('families stand in the message as they are', () => {
  const stats = createStats();
  stats.counter('x').value = 1;
  const families = new FamilyWriter({ reportsDeltas: true, emitsTags: true, histograms: 'both' }).write(
    new Interval().next(stats, 'all'),
    5,
  );
  const bytes = toBinary(StreamMetricsMessageSchema, create(StreamMetricsMessageSchema, { envoyMetrics: families }));
  assert.deepEqual(fromBinary(StreamMetricsMessageSchema, bytes).envoyMetrics.map(readFamily), families.map(readFamily));
});
