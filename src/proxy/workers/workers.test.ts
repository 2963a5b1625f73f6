import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdsResource } from '../../xds/client.ts';
import { createStats } from '../telemetry/registry.ts';
import { counterReader } from '../restart/counters.ts';
import { type Delivery, SharedConfiguration } from './shared-configuration.ts';
import { countersOf, hostCounts, mergeStats, takeSnapshot } from './stats-snapshot.ts';

const NO_CLUSTERS = { forEach() {} };

function loopStats(requests: number, active: number) {
  const stats = createStats();
  const cluster = stats.scope('cluster.a.b');
  cluster.counter('upstream_rq_total').value = requests;
  cluster.gauge('upstream_rq_active').value = active;
  cluster.gauge('membership_total').value = 3;
  const histogram = cluster.histogram('upstream_rq_time');
  histogram.counts[0] = requests;
  histogram.count = requests;
  stats.scope('listener.l').counter('downstream_cx_total').value = requests;
  stats.labelledCounter('istio_requests_total', { b: '2', a: '1' }).value = requests;
  return stats;
}

test('statistics of loops add up where they count, and not where they say what is', () => {
  const own = loopStats(1, 2);
  const merged = mergeStats(own, [takeSnapshot(1, loopStats(10, 20), NO_CLUSTERS), takeSnapshot(2, loopStats(100, 200), NO_CLUSTERS)]);
  const values: Record<string, number> = {};
  merged.forEach(({ name, value }) => {
    values[name] =
      value.kind === 'counter' ? value.counter.value : value.kind === 'gauge' ? value.gauge.value : (value.histogram.counts[0] ?? 0);
  });
  assert.deepEqual(values, {
    'cluster.a.b.upstream_rq_total': 111,
    'cluster.a.b.upstream_rq_active': 222,
    'cluster.a.b.membership_total': 3,
    'cluster.a.b.upstream_rq_time': 111,
    'listener.l.downstream_cx_total': 111,
    'listener.l.worker_0.downstream_cx_total': 1,
    'listener.l.worker_1.downstream_cx_total': 10,
    'listener.l.worker_2.downstream_cx_total': 100,
    istio_requests_total: 111,
  });
  assert.equal(own.scope('cluster.a.b').counter('upstream_rq_total').value, 1, 'nothing of them changes');
});

test('what a loop has counted is kept when it has ended', () => {
  const own = loopStats(1, 0);
  const read = counterReader(own);
  assert.equal(read().find(({ leaf }) => leaf === 'upstream_rq_total')?.value, 1);
  own.absorb(countersOf(takeSnapshot(1, loopStats(10, 5), NO_CLUSTERS)));
  assert.deepEqual(
    read().map(({ leaf, value }) => `${leaf} ${value}`),
    ['upstream_rq_total 10', 'downstream_cx_total 10', 'istio_requests_total 10'],
  );
  assert.deepEqual(read(), []);
  assert.equal(own.scope('cluster.a.b').counter('upstream_rq_total').value, 11);
});

test('hosts are counted over all loops', () => {
  const counts = { activeConnections: 1, activeRequests: 2, requestsTotal: 3, healthFlags: ['failed_outlier_check'] };
  const of = hostCounts([
    { loop: 1, stats: [], hosts: [['c', 'h', counts]] },
    { loop: 2, stats: [], hosts: [['c', 'h', counts]] },
  ]);
  assert.deepEqual(of('c', 'h'), {
    activeConnections: 2,
    activeRequests: 4,
    requestsTotal: 6,
    healthFlags: ['failed_outlier_check', 'failed_outlier_check'],
  });
  assert.equal(of('c', 'other').requestsTotal, 0);
});

function shared() {
  const asked: string[] = [];
  const delivered: string[] = [];
  const refused: string[] = [];
  const record = (what: string) => (typeUrl: string, names: readonly string[] | '*') =>
    void asked.push(`${what} ${typeUrl} ${String(names)}`);
  const configuration = new SharedConfiguration({
    subscriptions: { subscribe: record('+'), unsubscribe: record('-') },
    resources: () => refused.map((name) => ({ typeUrl: 't', name, version: '2', state: 'refused' as const })),
    useCluster: (name) => void asked.push(`use ${name}`),
    broadcast: (message) =>
      void delivered.push(`all ${message.kind === 'resources' ? message.resources.map(({ version }) => version).join() : message.kind}`),
    deliver: (loop, { resources, removed }: Delivery) =>
      void delivered.push(
        `${loop} ${[...resources.map(({ name, version }) => name + version), ...removed.map((name) => `-${name}`)].join()}`,
      ),
  });
  return { configuration, asked, delivered, refused };
}

const resource = (name: string, version: string): AdsResource => ({ typeUrl: 't', name, version, any: new Uint8Array([1]) });

test('a loop is told that there is nothing of a name, as another was', () => {
  const { configuration, delivered } = shared();
  configuration.subscriptionsOf(0).subscribe('t', ['a', 'b']);
  configuration.received('t', [], ['a', 'b', 'never asked for']);
  configuration.received('t', [resource('b', '1')], []);
  configuration.subscriptionsOf(1).subscribe('t', ['a', 'b', 'never asked for']);
  assert.deepEqual(delivered, ['all ', 'all 1', '1 b1,-a']);
});

test('what several loops ask for is asked for once, and left when nobody needs it', () => {
  const { configuration, asked } = shared();
  const [main, other] = [configuration.subscriptionsOf(0), configuration.subscriptionsOf(1)];
  main.subscribe('t', ['a']);
  other.subscribe('t', ['a', 'b']);
  main.unsubscribe('t', ['a']);
  other.unsubscribe('t', ['a', 'b']);
  assert.deepEqual(asked, ['+ t a', '+ t b', '- t a,b']);
});

test('what nobody asks for any more is not kept', () => {
  const { configuration, delivered } = shared();
  const [main, other] = [configuration.subscriptionsOf(0), configuration.subscriptionsOf(1)];
  main.subscribe('t', ['a', 'b']);
  configuration.received('t', [resource('a', '1'), resource('b', '1')], []);
  main.unsubscribe('t', ['a']);
  main.subscribe('t', ['a']);
  other.subscribe('t', ['a', 'b']);
  assert.deepEqual(delivered, ['all 1,1', '1 b1']);
});

test('a loop that asks late gets what has come, but nothing that is refused', () => {
  const { configuration, delivered, refused } = shared();
  configuration.subscriptionsOf(0).subscribe('t', '*');
  configuration.received('t', [resource('a', '1'), resource('b', '1')], []);
  refused.push('a');
  configuration.received('t', [resource('a', '2')], []);
  configuration.received('t', [], ['b']);
  configuration.subscriptionsOf(1).subscribe('t', '*');
  assert.deepEqual(delivered, ['all 1,1', 'all ', 'all ', '1 a1']);
});
