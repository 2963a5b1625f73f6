import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from '../telemetry/registry.ts';
import { observe } from '../telemetry/stats.ts';
import { Interval } from './interval.ts';

const LABELS = { a: '1', b: '2' };

test('each flush tells what came since the one before, of what was ever used', () => {
  const stats = createStats();
  const interval = new Interval();
  const requests = stats.labelledCounter('requests', LABELS);
  const active = stats.scope('http.ingress').gauge('downstream_cx_active');
  stats.counter('unused');
  requests.value += 3;
  active.value = 2;
  const points = interval.next(stats, 'all');
  assert.deepEqual(
    points.map(({ name, value, delta }) => ({ name, value, delta })),
    [
      { name: 'http.ingress.downstream_cx_active', value: 2, delta: 0 },
      { name: 'requests', value: 3, delta: 3 },
    ],
  );
  requests.value += 4;
  active.value = 0;
  const [gauge, counter] = interval.next(stats, 'all');
  assert.deepEqual([gauge?.value, counter?.value, counter?.delta], [0, 7, 4]);
  assert.equal(interval.next(stats, 'all')[1]?.delta, 0);
  assert.equal(interval.next(stats, 'labelled').length, 1);
});

test('a counter that has begun again is told from its start', () => {
  const stats = createStats();
  const interval = new Interval();
  const counter = stats.counter('x');
  counter.value = 10;
  interval.next(stats, 'all');
  counter.value = 4;
  assert.equal(interval.next(stats, 'all')[0]?.delta, 4);
});

test('histograms tell of the interval and of everything', () => {
  const stats = createStats();
  const interval = new Interval();
  const histogram = stats.labelledHistogram('ms', LABELS, [1, 10]);
  observe(histogram, 0.5);
  observe(histogram, 50);
  interval.next(stats, 'all');
  observe(histogram, 5);
  const [point] = interval.next(stats, 'all');
  assert.deepEqual(point?.recent, { counts: Float64Array.of(0, 1, 0), sum: 5, count: 1 });
  assert.deepEqual(point?.all, { counts: Float64Array.of(1, 1, 1), sum: 55.5, count: 3 });
  assert.equal(interval.next(stats, 'all')[0]?.recent.count, 0);
});

test('what a former process has counted is no news', () => {
  const stats = createStats();
  const interval = new Interval();
  const counter = stats.labelledCounter('requests', LABELS);
  stats.scope('cluster.a').counter('cx').value += 1;
  counter.value += 2;
  const counters = [
    { prefixes: [], leaf: 'requests', labels: { b: '2', a: '1' }, value: 100 },
    { prefixes: ['cluster.a'], leaf: 'cx', value: 7 },
  ];
  stats.absorb(counters);
  interval.absorbed(counters);
  assert.deepEqual(
    interval.next(stats, 'all').map(({ name, value, delta }) => ({ name, value, delta })),
    [
      { name: 'cluster.a.cx', value: 8, delta: 1 },
      { name: 'requests', value: 102, delta: 2 },
    ],
  );
});

test('the same series of other objects is the same series', () => {
  const interval = new Interval();
  const reader = (value: number) => {
    const stats = createStats();
    stats.labelledCounter('requests', { ...LABELS }).value = value;
    return stats;
  };
  interval.next(reader(5), 'labelled');
  assert.equal(interval.next(reader(8), 'labelled')[0]?.delta, 3);
});
