/** Which virtual cluster a request is of, and where it is counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { createStats } from '../telemetry/registry.ts';
import { taggedName } from '../telemetry/tagged-name.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { countRequest, UNCOUNTED } from './request-stats.ts';
import { type Given, headOf, tableOf } from './testing/routes.ts';
import { statsOfRequest } from './virtual-clusters.ts';

const path = (string_match: JsonObject): JsonObject => ({ name: ':path', string_match });
const method = (exact: string): JsonObject => ({ name: ':method', string_match: { exact } });

const CLUSTERS: JsonObject[] = [
  { name: 'reads', headers: [method('GET'), path({ prefix: '/items' })] },
  { name: 'items', headers: [path({ prefix: '/items' })] },
  { name: 'v1.admin', headers: [{ name: 'x-admin', present_match: true }] },
];

function table(virtual_clusters: JsonObject[], route: JsonObject = {}) {
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'c' }, ...route }];
  return tableOf({ virtual_hosts: [{ name: 'shop.test:80', domains: ['*'], virtual_clusters, routes }] });
}

/** The names under which a request is counted, and that of its virtual cluster. */
function countedAs(
  given: Given,
  from = table(CLUSTERS),
): { readonly names: readonly string[]; readonly virtualCluster: string | undefined } {
  const stats = createStats();
  const info = fakeInfo();
  const head = headOf(given);
  const entry = from.match(head, 0, info);
  assert.ok(entry !== undefined);
  countRequest(statsOfRequest(stats, entry, head, info), 'upstream_rq_total');
  const names: string[] = [];
  stats.forEach(({ name, value }) => {
    if (value.kind === 'counter' && value.counter.value === 1) names.push(name);
  });
  return { names, virtualCluster: info.virtualClusterName };
}

const REQUESTS: readonly (readonly [name: string, given: Given, cluster: string])[] = [
  ['the first of two that match', { path: '/items/1' }, 'reads'],
  ['all matchers have to hold', { path: '/items/1', method: 'POST' }, 'items'],
  ['a name with dots', { headers: { 'x-admin': '' } }, 'v1.admin'],
];

for (const [name, given, cluster] of REQUESTS)
  test(name, () => {
    assert.deepEqual(countedAs(given), { names: [`vhost.shop.test:80.vcluster.${cluster}.upstream_rq_total`], virtualCluster: cluster });
  });

test('what none of them takes is counted as other, and has no name', () => {
  assert.deepEqual(countedAs({}), { names: ['vhost.shop.test:80.vcluster.other.upstream_rq_total'], virtualCluster: undefined });
});

test('a route with a stat_prefix counts too', () => {
  assert.deepEqual(countedAs({ path: '/items' }, table(CLUSTERS, { stat_prefix: 'all' })).names, [
    'vhost.shop.test:80.vcluster.reads.upstream_rq_total',
    'vhost.shop.test:80.route.all.upstream_rq_total',
  ]);
});

test('nothing is looked for where nothing counts', () => {
  const entry = table([]).match(headOf({}), 0, fakeInfo());
  assert.ok(entry !== undefined);
  assert.equal(statsOfRequest(createStats(), entry, headOf({}), fakeInfo()), UNCOUNTED);
});

test('labels of Prometheus are the names of virtual host and virtual cluster, with their dots', () => {
  const stats = createStats();
  stats.scope('vhost.shop.test:80').scope('vcluster.v1.admin').counter('upstream_rq_503');
  stats.forEach((stat) =>
    assert.deepEqual(taggedName(stat), {
      name: 'vhost.vcluster.upstream_rq',
      tags: { 'envoy.virtual_host': 'shop.test:80', 'envoy.virtual_cluster': 'v1.admin', 'envoy.response_code': '503' },
    }),
  );
});

const REFUSED: readonly (readonly [cluster: JsonObject, message: RegExp])[] = [
  [{ headers: [method('GET')] }, /virtual_hosts\[0\]\.virtual_clusters\[0\]\.name.*empty/],
  [{ name: 'none' }, /virtual_clusters\[0\]\.headers.*empty/],
  [{ name: 'value', headers: [path({})] }, /virtual_clusters\[0\]\.headers\[0\].*string_match/],
];

for (const [cluster, message] of REFUSED)
  test(`refused: ${JSON.stringify(cluster)}`, () => {
    assert.throws(
      () => table([cluster]),
      (error: unknown) => error instanceof ConfigError && message.test(`${error.message}`),
    );
  });
