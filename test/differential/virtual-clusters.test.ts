/** Virtual clusters, and what routes count by themselves: which requests are counted where, under which names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask, of } from './framework/h1-case.ts';
import { direct, header, httpFilter, retry, to } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';
import { untilSame } from './framework/until-same.ts';
import { field, FOREVER } from './framework/wishes.ts';

/** A virtual cluster of requests of which each of these holds. */
const virtual = (name: string, ...headers: JsonObject[]): JsonObject => ({ name, headers });
const path = (string_match: JsonObject): JsonObject => ({ name: ':path', string_match });
const method = (exact: string): JsonObject => ({ name: ':method', string_match: { exact } });

const ROUTES: JsonObject[] = [
  direct('/items/direct', 200, 'here'),
  { match: { prefix: '/items/moved' }, redirect: { path_redirect: '/x' } },
  { match: { prefix: '/items/unknown' }, route: { cluster_header: 'x-cluster' } },
  to('/items/old', { prefix_rewrite: '/new' }),
  to('/items/dead', { cluster: 'dead' }),
  to('/items/empty', { cluster: 'empty' }),
  to('/items/slow', { timeout: '0.8s' }),
  to('/items/followed', { internal_redirect_policy: {} }),
  retry('/items/again', '5xx', { num_retries: 1 }),
  to('/items', {}, { stat_prefix: 'items', request_headers_to_add: [header('x-of-route', '1')] }),
  to('/agent'),
  to('/filter'),
  to('/tunnel', { upgrade_configs: [{ upgrade_type: 'websocket' }] }, { stat_prefix: 'tunnel' }),
];

const COUNTED: JsonObject = {
  name: 'counted:80',
  domains: ['counted.test'],
  virtual_clusters: [
    virtual('reads', method('GET'), path({ prefix: '/items' })),
    virtual('writes', method('POST'), path({ prefix: '/items' })),
    virtual('read-later', path({ prefix: '/items/1' })),
    virtual('new', path({ prefix: '/new' })),
    virtual('of-route', { name: 'x-of-route', present_match: true }),
    virtual('of-filter', { name: 'x-of-filter', string_match: { exact: 'yes' } }),
    virtual('not-mobile', path({ prefix: '/agent' }), { name: 'user-agent', string_match: { contains: 'Mobile' }, invert_match: true }),
    virtual('items_7', path({ safe_regex: { regex: '/tunnel/7' } })),
  ],
  routes: ROUTES,
};

/** Without virtual clusters: nothing is counted but by its route. */
const PLAIN: JsonObject = { name: 'plain', domains: ['plain.test'], routes: [to('/items', {}, { stat_prefix: 'items' })] };

const on = (name: string, target: string, more: Parameters<typeof ask>[2] = {}): Case =>
  ask(name, target, { host: 'counted.test', ...more });

const UPGRADE = ['connection: upgrade', 'upgrade: websocket'];

const CASES: Case[] = [
  on('the first that matches', '/items/1'),
  on('by method', '/items/1', { method: 'POST', body: 'x' }),
  on('the third', '/items/1', { method: 'PUT', body: 'x' }),
  on('none of them', '/items/2', { method: 'DELETE' }),
  on('with a query', '/items?a=b'),
  on('an error', '/items/3', { wish: 'status=404' }),
  on('an informational answer first', '/items/3', { wish: 'interim=103' }),
  on('answered by the route', '/items/direct'),
  on('redirected', '/items/moved'),
  on('no cluster', '/items/unknown', { fields: ['x-cluster: nobody'] }),
  on('before it is rewritten', '/items/old'),
  on('nobody listens', '/items/dead'),
  on('nobody there', '/items/empty'),
  on('too slow', '/items/slow', { wish: `delay=${FOREVER}` }),
  on('followed to another', '/items/followed', { wish: `status=302;${field('location: http://counted.test/agent')};times=1` }),
  on('retried', '/items/again', { wish: 'status=503;times=1' }),
  on('retried in vain', '/items/again', { wish: 'status=503' }),
  on('a field of a filter', '/filter'),
  on('a field that is not there', '/agent', { fields: ['user-agent: Desktop'] }),
  on('a field that is there', '/agent', { fields: ['user-agent: Mobile'] }),
  on('an upgrade that is not accepted', '/tunnel/7', { fields: UPGRADE }),
  on('answered by a filter', '/items/abort', { fields: ['x-envoy-fault-abort-request: 418'] }),
  of('an upgrade', `GET /tunnel/7 HTTP/1.1\r\nhost: counted.test\r\nx-case: @\r\n${UPGRADE.join('\r\n')}\r\nx-do: upgrade\r\n\r\n`),
  ask('without any', '/items', { host: 'plain.test' }),
  ask('counted nowhere', '/items'),
];

const FILTERS: JsonObject[] = [
  httpFilter('fault', 'fault.v3.HTTPFault', { abort: { header_abort: {}, percentage: { numerator: 100 } } }),
  httpFilter('header_mutation', 'header_mutation.v3.HeaderMutation', {
    mutations: { request_mutations: [{ append: header('x-of-filter', '%REQ(x-of-filter?:PATH)%') }] },
  }),
];

/** Counters by their names in `/stats`, those that have counted nothing yet among them, and the answers of the cluster. */
async function counted(proxy: Proxy): Promise<Readonly<Record<string, number>>> {
  const isMeant = (name: string): boolean =>
    name.startsWith('vhost.') || /^cluster\.origin\.(?:retry\.)?upstream_rq_(?:\d\w\w|completed)$/.test(name);
  const all = Object.entries(await proxy.stats('upstream_rq_'));
  return Object.fromEntries(all.filter(([name, count]) => isMeant(name) && !Number.isNaN(count)));
}

/** What Prometheus reads of them, labels in the order of their names; times differ, and are there from the first one on. */
async function scraped(proxy: Proxy): Promise<readonly string[]> {
  const text = await proxy.admin('/stats/prometheus');
  return text
    .split('\n')
    .filter((line) => line.startsWith('envoy_vhost_') && !line.includes('_rq_time_'))
    .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').toSorted().join(',')}}`))
    .toSorted();
}

compareTopic({
  name: 'virtual clusters',
  setup: () => ({
    hosts: [COUNTED, PLAIN],
    filters: FILTERS,
    log: { virtual_cluster: '%VIRTUAL_CLUSTER_NAME%' },
    listeners: { main: { manager: { upgrade_configs: [{ upgrade_type: 'websocket' }] } } },
  }),
  cases: CASES,
  more: (proxies) => {
    test('statistics of virtual clusters and routes', async () => {
      const same = await untilSame(proxies(), counted);
      assert.equal(same['vhost.counted:80.vcluster.new.upstream_rq_total'], 0);
    });
    test('the same for Prometheus', async () => {
      const same = await untilSame(proxies(), scraped);
      assert.ok(same.some((line) => line.includes('envoy_virtual_cluster="other"')));
    });
  },
});
