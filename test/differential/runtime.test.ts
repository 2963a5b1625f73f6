/** Values of the runtime take the place of those that fields name as their defaults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { address, cluster, direct, httpFilter, perFilter, retry, to } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';
import { untilSame } from './framework/until-same.ts';

/** Layers of the bootstrap; the later one has the last word. */
const LAYERS: JsonObject[] = [
  { name: 'base', static_layer: { route: { all: 0, none: 0, parts: { numerator: 10_000, denominator: 'TEN_THOUSAND' }, text: 'most' } } },
  {
    name: 'over',
    static_layer: {
      route: { all: 100, beyond: 700, broken: 0.5, above: 100.7, negative: -1, quoted: '100' },
      weights: { origin: 0, dead: 10 },
      swapped: { origin: 10, dead: 0 },
      csrf: { on: 100, off: 0 },
      limit: { off: 0 },
      'fault.http.abort.http_status': 429,
      'fault.http.abort.abort_percent': 100,
      my: { share: 0, status: 409 },
      log: { from: 500 },
      'upstream.maintenance_mode.closed': 100,
      'upstream.maintenance_mode.open': 0,
      'upstream.use_retry': 0,
      'upstream.healthy_panic_threshold': 0,
      circuit_breakers: {
        capped: { default: { max_requests: 0 }, high: { max_pending_requests: 0 } },
        raised: { default: { max_requests: 10, max_pending_requests: 10 } },
      },
    },
  },
];

const share = (runtime_key: string, numerator: number): JsonObject => ({ default_value: { numerator }, runtime_key });

/** A cluster whose only host is not well: it is used all the same unless panic is switched off. */
const sick = (port: number): JsonObject =>
  cluster('sick', [], {
    load_assignment: {
      cluster_name: 'sick',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) }, health_status: 'UNHEALTHY' }] }],
    },
  });

/** What the runtime has a say in of clusters, where it is more than nothing. */
async function clusterCounts(proxy: Proxy): Promise<Readonly<Record<string, number>>> {
  const isTold = /^cluster\.(?:closed|open|capped|raised|sick)\..*(?:maintenance|overflow|healthy_panic|retry)/;
  return Object.fromEntries(Object.entries(await proxy.stats('cluster.')).filter(([name, count]) => isTold.test(name) && count > 0));
}

/** Circuit breakers that let nothing pass. */
const NOTHING: JsonObject = { circuit_breakers: { thresholds: [{ max_requests: 0, max_pending_requests: 0 }] } };

/** A route that takes its share, and one that takes the rest. */
const shared = (path: string, key: string, numerator: number): JsonObject[] => [
  { ...direct(path, 250, 'share'), match: { prefix: path, runtime_fraction: share(key, numerator) } },
  direct(path, 251, 'rest'),
];

const weighted = (path: string, runtime_key_prefix: string): JsonObject => {
  const clusters = [
    { name: 'origin', weight: 1 },
    { name: 'dead', weight: 0 },
  ];
  return { match: { prefix: path }, route: { weighted_clusters: { clusters, runtime_key_prefix } } };
};

const csrf = (path: string, key: string, numerator: number): JsonObject => {
  const policy = perFilter('csrf', 'csrf.v3.CsrfPolicy', { filter_enabled: share(key, numerator) });
  return to(path, {}, { typed_per_filter_config: policy });
};

const limited = (path: string, key: string): JsonObject => {
  const bucket = { max_tokens: 1, tokens_per_fill: 1, fill_interval: '3600s' };
  const policy = perFilter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', {
    stat_prefix: 'own',
    token_bucket: bucket,
    filter_enabled: share(key, 100),
    filter_enforced: share('', 100),
  });
  return to(path, {}, { typed_per_filter_config: policy });
};

const fault = (path: string, more: JsonObject): JsonObject => {
  const abort = { http_status: 418, percentage: { numerator: 0 } };
  return to(path, {}, { typed_per_filter_config: perFilter('fault', 'fault.v3.HTTPFault', { abort, ...more }) });
};

/** Clusters that the runtime knows by their names. */
const NAMED = ['closed', 'open', 'capped', 'raised'];

const ROUTES: JsonObject[] = [
  ...shared('/all', 'route.all', 0),
  ...shared('/none', 'route.none', 100),
  ...shared('/parts', 'route.parts', 0),
  ...shared('/beyond', 'route.beyond', 0),
  ...shared('/broken', 'route.broken', 100),
  ...shared('/above', 'route.above', 0),
  ...shared('/negative', 'route.negative', 100),
  ...shared('/text', 'route.text', 100),
  ...shared('/quoted', 'route.quoted', 0),
  ...shared('/unknown', 'route.unknown', 100),
  weighted('/weights', 'weights'),
  weighted('/swapped', 'swapped'),
  weighted('/unweighted', 'nobody'),
  csrf('/csrf-on', 'csrf.on', 0),
  csrf('/csrf-off', 'csrf.off', 100),
  limited('/unlimited', 'limit.off'),
  fault('/fault', {}),
  fault('/own-fault', { abort_percent_runtime: 'my.share' }),
  ...NAMED.map((name) => to(`/to/${name}`, { cluster: name })),
  to('/to/sick', { cluster: 'sick' }),
  to('/urgent', { cluster: 'capped', priority: 'HIGH' }),
  retry('/again', '5xx', { num_retries: 2 }),
  fault('/other-fault', { abort_http_status_runtime: 'my.status' }),
];

const POST = { method: 'POST', fields: ['origin: http://elsewhere.test', 'content-length: 0'] };
const PATHS = ['/all', '/none', '/parts', '/beyond', '/broken', '/above', '/negative', '/text', '/quoted', '/unknown'];

const CASES: Case[] = [
  ...PATHS.map((path) => ask(`share of ${path}`, path)),
  ...['/weights', '/swapped', '/unweighted'].map((path) => ask(`weights of ${path}`, path)),
  ask('policy switched on', '/csrf-on', POST, { expects: { 'answers.0.line': 'HTTP/1.1 403 Forbidden' } }),
  ask('policy switched off', '/csrf-off', POST, { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }),
  ask('limit switched off', '/unlimited'),
  ask('limit switched off, once more', '/unlimited'),
  ask('fault', '/fault', {}, { expects: { 'answers.0.line': 'HTTP/1.1 429 Too Many Requests' } }),
  ask('fault by another key', '/own-fault', {}, { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }),
  ask('fault with another status', '/other-fault'),
  ...NAMED.map((name) => ask(`cluster ${name}`, `/to/${name}`)),
  ask('cluster capped for what is urgent', '/urgent'),
  ask('panic switched off', '/to/sick'),
  ask('retries switched off', '/again', { wish: 'status=503;times=1' }),
];

compareTopic({
  name: 'the runtime',
  setup: ({ ports }) => ({
    clusters: [...NAMED.map((name) => cluster(name, [ports.origin], name === 'raised' ? NOTHING : {})), sick(ports.origin)],
    routes: ROUTES,
    filters: [
      httpFilter('csrf', 'csrf.v3.CsrfPolicy', { filter_enabled: { default_value: { numerator: 0 } } }),
      httpFilter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'none' }),
      httpFilter('fault', 'fault.v3.HTTPFault'),
    ],
    bootstrap: { layered_runtime: { layers: LAYERS } },
  }),
  cases: CASES,
  more: (proxies) =>
    test('statistics of clusters', async () => {
      const same = await untilSame(proxies(), clusterCounts);
      assert.equal(same['cluster.closed.upstream_rq_maintenance_mode'], 1);
    }),
});
