import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from '../telemetry/registry.ts';
import { AnswerStats } from './answer-stats.ts';
import { clusterHttpStats } from './http-stats.ts';

/** Counters and numbers of observations that are not zero, by name. */
function counts(stats: ReturnType<typeof createStats>): Record<string, number> {
  const all: Record<string, number> = {};
  stats.forEach(({ name, value }) => {
    if (value.kind === 'counter' && value.counter.value > 0) all[name] = value.counter.value;
    if (value.kind === 'histogram' && value.histogram.count > 0) all[name] = value.histogram.count;
  });
  return all;
}

test('answers are counted by class and status, whichever came before', () => {
  const stats = createStats();
  const answers = new AnswerStats(stats.scope('cluster.c'));
  for (const status of [200, 200, 404, 200, 503, 500]) answers.count(status);
  answers.observe(3);
  assert.deepEqual(counts(stats), {
    'cluster.c.upstream_rq_200': 3,
    'cluster.c.upstream_rq_2xx': 3,
    'cluster.c.upstream_rq_404': 1,
    'cluster.c.upstream_rq_4xx': 1,
    'cluster.c.upstream_rq_500': 1,
    'cluster.c.upstream_rq_503': 1,
    'cluster.c.upstream_rq_5xx': 2,
    'cluster.c.upstream_rq_completed': 6,
    'cluster.c.upstream_rq_time': 1,
  });
});

test('zones are told apart by their names, localities without one are none', () => {
  const stats = createStats();
  const ofCluster = clusterHttpStats(stats.scope('cluster.c'));
  assert.equal(ofCluster.answersOfZone('a', 'region//sub'), undefined);
  assert.equal(ofCluster.answersOfZone('a', ''), undefined);
  for (const locality of ['r/b/1', 'r/b/2', 's/c/']) ofCluster.answersOfZone('a', locality)?.count(200);
  const { 'cluster.c.zone.a.b.upstream_rq_200': toB, 'cluster.c.zone.a.c.upstream_rq_200': toC } = counts(stats);
  assert.deepEqual([toB, toC], [2, 1]);
});
