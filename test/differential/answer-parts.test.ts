/** Which parts of a cluster's answers are counted apart: of requests from within and without, of canaries, from zone to zone, retried. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { World } from './framework/bootstrap.ts';
import { DIFFERENCES, ofMirrored } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { address, cluster, direct, httpFilter, retry, to } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';
import { untilSame } from './framework/until-same.ts';
import { field, FOREVER } from './framework/wishes.ts';

/** A cluster of one host, which may be a canary and in a zone. */
function placed(name: string, port: number, zone: string, isCanary: boolean): JsonObject {
  const endpoint = { endpoint: { address: address(port) }, metadata: { filter_metadata: { 'envoy.lb': { canary: isCanary } } } };
  const locality = { region: 'r', zone };
  return cluster(name, [port], { load_assignment: { cluster_name: name, endpoints: [{ locality, lb_endpoints: [endpoint] }] } });
}

function clusters({ ports: { origin, dead } }: World): JsonObject[] {
  return [
    placed('near', origin, 'a', false),
    placed('far', origin, 'b.c', false),
    placed('canary', origin, '', true),
    placed('dead-canary', dead, 'b', true),
    placed('mirror', origin, 'b', false),
  ];
}

const ROUTES: JsonObject[] = [
  direct('/direct', 200, 'here'),
  ...['near', 'far', 'canary', 'dead-canary', 'empty'].map((name) => to(`/${name}`, { cluster: name })),
  to('/slow', { cluster: 'far', timeout: '0.8s' }),
  to('/mirrored', { request_mirror_policies: [{ cluster: 'mirror' }] }),
  to('/followed', { internal_redirect_policy: {} }),
  to('/tunnel', { upgrade_configs: [{ upgrade_type: 'websocket' }] }),
  retry('/again', '5xx', { num_retries: 1 }),
];

const CANARY = field('x-envoy-upstream-canary: true');
const ABORT = { fields: ['x-envoy-fault-abort-request: 418'] };
const UPGRADE = ['connection: upgrade', 'upgrade: websocket'];

/** All of this from without, and from within. */
const casesOf = (listener: string): Case[] => [
  ask(`${listener}: an answer`, '/', {}, { listener }),
  ask(`${listener}: an error`, '/', { wish: 'status=404' }, { listener }),
  ask(`${listener}: informational first`, '/', { wish: 'interim=103' }, { listener }),
  ask(`${listener}: an answer that says it is a canary's`, '/', { wish: CANARY }, { listener }),
  ask(`${listener}: one that says it is not`, '/canary', { wish: field('x-envoy-upstream-canary: false') }, { listener }),
  ask(`${listener}: of a canary`, '/canary', {}, { listener }),
  ask(`${listener}: of a canary that nobody listens at`, '/dead-canary', {}, { listener }),
  ask(`${listener}: in the same zone`, '/near', {}, { listener }),
  ask(`${listener}: in another zone`, '/far', {}, { listener }),
  ask(`${listener}: nobody there`, '/empty', {}, { listener }),
  ask(`${listener}: nobody listens`, '/dead', {}, { listener }),
  ask(`${listener}: too slow`, '/slow', { wish: `delay=${FOREVER}` }, { listener }),
  ask(`${listener}: retried`, '/again', { wish: 'status=503;times=1' }, { listener }),
  ask(`${listener}: retried in vain`, '/again', { wish: `status=503;${CANARY}` }, { listener }),
  ask(`${listener}: followed`, '/followed', { wish: `status=302;${field('location: /near')};times=1` }, { listener }),
  ask(`${listener}: an upgrade that is not accepted`, '/tunnel', { fields: UPGRADE }, { listener }),
  ask(`${listener}: the router's own`, '/direct', {}, { listener }),
  ask(`${listener}: a filter's`, '/near', ABORT, { listener }),
];

/** Counters of answers, by cluster and part. */
async function counted(proxy: Proxy): Promise<Readonly<Record<string, number>>> {
  const all = Object.entries(await proxy.stats('upstream_rq_'));
  const isMeant = (name: string): boolean => /^cluster\..*\.upstream_rq_(?:\d\w\w|completed)$/.test(name);
  return Object.fromEntries(all.filter(([name, count]) => isMeant(name) && !Number.isNaN(count) && count > 0));
}

/** The same for Prometheus, and how many times there are of each. */
async function scraped(proxy: Proxy): Promise<readonly string[]> {
  const text = await proxy.admin('/stats/prometheus');
  return text
    .split('\n')
    .filter((line) => /^envoy_cluster_(?:internal|external|canary|zone)_/.test(line) && !/_rq_time_(?:bucket|sum)/.test(line))
    .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').toSorted().join(',')}}`))
    .toSorted();
}

compareTopic({
  name: 'parts of answers',
  setup: (world) => ({
    bootstrap: { node: { id: 'compare', cluster: 'compare', locality: { region: 'r', zone: 'a' } } },
    clusters: clusters(world),
    routes: ROUTES,
    filters: [httpFilter('fault', 'fault.v3.HTTPFault', { abort: { header_abort: {}, percentage: { numerator: 100 } } })],
    listeners: {
      main: { manager: { upgrade_configs: [{ upgrade_type: 'websocket' }] } },
      inside: {
        manager: {
          use_remote_address: true,
          internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
          upgrade_configs: [{ upgrade_type: 'websocket' }],
        },
      },
    },
  }),
  cases: [...casesOf('main'), ...casesOf('inside'), differing(ask('mirrored', '/mirrored'), ofMirrored(DIFFERENCES.mirroredAlike))],
  more: (proxies) => {
    test('answers of each part', async () => {
      const same = await untilSame(proxies(), counted);
      assert.ok((same['cluster.far.zone.a.b.c.upstream_rq_2xx'] ?? 0) > 0);
      assert.ok((same['cluster.canary.canary.upstream_rq_200'] ?? 0) > 0);
      assert.ok((same['cluster.origin.internal.upstream_rq_404'] ?? 0) > 0);
    });
    test('the same for Prometheus', async () => {
      const same = await untilSame(proxies(), scraped);
      assert.ok(same.some((line) => line.startsWith('envoy_cluster_external_upstream_rq_time_count')));
    });
  },
});
