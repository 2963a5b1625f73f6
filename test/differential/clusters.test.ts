/** Limits of clusters and what clients get when they are reached; clusters of clusters; what is counted. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { upstreamTls, type World } from './framework/bootstrap.ts';
import type { Case } from './framework/case.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { address, cluster, h2Cluster, httpOptions, retry, ROOM, to, type } from './framework/pieces.ts';
import type { Proxy, Servers } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';
import { untilSame } from './framework/until-same.ts';

/** A server that takes connections and says nothing. */
async function silentServer(): Promise<Servers> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listening = server.address();
  assert.ok(listening !== null && typeof listening === 'object');
  return {
    ports: { silent: listening.port },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const limits = (thresholds: JsonObject, rest: JsonObject = {}): JsonObject => ({ circuit_breakers: { thresholds: [thresholds], ...rest } });

const aggregate = (name: string, clusters: readonly string[], rest: JsonObject = {}): JsonObject => ({
  name,
  connect_timeout: '20s',
  lb_policy: 'CLUSTER_PROVIDED',
  cluster_type: {
    name: 'envoy.clusters.aggregate',
    typed_config: type('envoy.extensions.clusters.aggregate.v3.ClusterConfig', { clusters: [...clusters] }),
  },
  ...rest,
});

const assigned = (name: string, port: number, rest: JsonObject): JsonObject => ({
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port), ...rest } }] }] },
});

/** Endpoints of one cluster, each list being those of a priority; `health` of all in it. */
const levels = (name: string, ...rows: readonly { ports: readonly number[]; health?: string }[]): JsonObject => ({
  load_assignment: {
    cluster_name: name,
    endpoints: rows.map(({ ports, health = 'UNKNOWN' }, priority) => ({
      priority,
      lb_endpoints: ports.map((port) => ({ endpoint: { address: address(port) }, health_status: health })),
    })),
  },
});

const dropping = (name: string, port: number, numerator: number): JsonObject => ({
  load_assignment: {
    cluster_name: name,
    policy: { drop_overloads: [{ category: 'lb', drop_percentage: { numerator } }] },
    endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
  },
});

/** A budget of a fifth, and nothing besides. */
const FIFTH = { budget_percent: { value: 20 }, min_retry_concurrency: 0 };

function clusters(world: World): JsonObject[] {
  const { origin, originH2, dead } = world.ports;
  const silent = world.servers['silent'] ?? 0;
  const quick = { connect_timeout: '0.8s' };
  return [
    cluster('no-requests', [origin], limits({ max_requests: 0 })),
    cluster('no-pending', [origin], limits({ max_pending_requests: 0 })),
    cluster('no-retries', [origin], limits({ max_retries: 0 })),
    cluster('no-connections', [origin], limits({ max_connections: 0 })),
    cluster('no-pools', [origin], limits({ max_connection_pools: 0 })),
    cluster('no-budget', [origin], limits({ retry_budget: { budget_percent: { value: 0 }, min_retry_concurrency: 0 } })),
    cluster('budget', [origin], limits({ retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: 3 } })),
    cluster('span', [origin], limits({ retry_budget: { ...FIFTH, budget_interval: '60s' } })),
    cluster('span-of-one', [origin], limits({ retry_budget: { ...FIFTH, budget_interval: '60s' } })),
    cluster('no-span', [origin], limits({ retry_budget: FIFTH })),
    cluster('per-host', [origin], limits({ max_connections: 9 }, { per_host_thresholds: [{ max_connections: 1 }] })),
    cluster('high', [origin], limits({ priority: 'HIGH', max_requests: 0 })),
    cluster(
      'tracked',
      [origin],
      limits({
        max_connections: 7,
        max_pending_requests: 6,
        max_requests: 5,
        max_retries: 4,
        max_connection_pools: 3,
        track_remaining: true,
      }),
    ),
    h2Cluster('no-requests-h2', [originH2], limits({ max_requests: 0 })),
    h2Cluster('no-pending-h2', [originH2], limits({ max_pending_requests: 0 })),
    cluster('once', [origin], { max_requests_per_connection: 1, ...ROOM }),
    cluster('twice', [origin], {
      ...ROOM,
      typed_extension_protocol_options: httpOptions({
        common_http_protocol_options: { max_requests_per_connection: 2 },
        explicit_http_config: { http_protocol_options: {} },
      }),
    }),
    h2Cluster('once-h2', [originH2], {}, {}),
    cluster('short', [origin], {
      ...ROOM,
      typed_extension_protocol_options: httpOptions({
        common_http_protocol_options: { max_connection_duration: '0.1s' },
        explicit_http_config: { http_protocol_options: {} },
      }),
    }),
    cluster('silent', [silent], { ...quick, ...ROOM, transport_socket: upstreamTls(world) }),
    h2Cluster('silent-h2', [silent], { ...quick, transport_socket: upstreamTls(world) }),
    cluster('many-addresses', [], {
      ...ROOM,
      ...assigned('many-addresses', dead, { additional_addresses: [{ address: address(origin) }] }),
    }),
    cluster('dead-addresses', [], { ...ROOM, ...assigned('dead-addresses', dead, { additional_addresses: [{ address: address(dead) }] }) }),
    cluster('drops', [], dropping('drops', origin, 100)),
    cluster('drops-none', [], dropping('drops-none', origin, 0)),
    aggregate('all', ['origin']),
    aggregate('all-skipping', ['empty', 'nobody', 'origin']),
    aggregate('all-empty', ['empty', 'nobody']),
    aggregate('all-dead', ['dead', 'origin']),
    aggregate('all-limited', ['no-requests']),
    aggregate('all-unlimited', ['origin'], limits({ max_requests: 0 })),
    cluster('sick', [], levels('sick', { ports: [dead], health: 'UNHEALTHY' })),
    cluster('second', [], levels('second', { ports: [dead], health: 'UNHEALTHY' }, { ports: [origin] })),
    cluster('tired', [], levels('tired', { ports: [origin], health: 'DEGRADED' })),
    aggregate('all-failover', ['sick', 'origin']),
    aggregate('all-levels', ['second', 'dead']),
    aggregate('all-tired', ['tired', 'dead']),
    aggregate('all-nested', ['all', 'origin']),
  ];
}

const OF_RETRIES = ['no-retries', 'no-budget', 'budget', 'span', 'span-of-one', 'no-span'];
const SPECIAL = new Set([...OF_RETRIES, 'high']);

function routes(world: World): JsonObject[] {
  const names = clusters(world).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  const plain = names.filter((name) => !SPECIAL.has(name)).map((name) => to(`/${name}/`, { cluster: name }));
  const retrying = OF_RETRIES.map((name) => retry(`/${name}/`, '5xx', {}, { cluster: name }));
  return [
    ...plain,
    ...retrying,
    to('/high/', { cluster: 'high', priority: 'HIGH' }),
    to('/low/', { cluster: 'high' }),
    retry('/failing-over/', 'connect-failure', { retry_priority: previousPriorities() }, { cluster: 'all-dead' }),
  ];
}

const previousPriorities = (): JsonObject => ({
  name: 'envoy.retry_priorities.previous_priorities',
  typed_config: type('envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', { update_frequency: 1 }),
});

const status = (code: string): { expects: Record<string, unknown> } => ({ expects: { 'answers.0.line': `HTTP/1.1 ${code}` } });
const OVERFLOW = { expects: { 'answers.0.line': 'HTTP/1.1 503 Service Unavailable', 'log.0.flags': 'UO' } };
const OK = status('200 OK');
const FAILED = status('503 Service Unavailable');

/** Four requests that succeed, and one that fails. */
const fiveTo = (name: string) => [...Array.from({ length: 4 }, () => bytes(`/${name}/`)), bytes(`/${name}/`, { wish: 'status=503' })];

const get = (name: string, options: Parameters<typeof ask>[3] = OK): Case => ask(name, `/${name}/`, {}, options);

const CASES: Case[] = [
  get('no-requests', OVERFLOW),
  get('no-pending', OVERFLOW),
  get('no-requests-h2', OVERFLOW),
  get('no-pending-h2', OVERFLOW),
  // a pool without any connection gets one
  get('no-connections'),
  get('no-pools', FAILED),
  get('per-host'),
  get('high', OVERFLOW),
  get('low'),
  get('tracked'),
  ask('no-retries', '/no-retries/', { wish: 'status=503' }, FAILED),
  ask('no-budget', '/no-budget/', { wish: 'status=503' }, FAILED),
  ask('budget', '/budget/', { wish: 'times=1;status=503' }, OK),
  // the fifth request of a minute may be tried again, for all five count
  of('span', fiveTo('span'), { expects: { 'log.4.attempts': 2 } }),
  of('no-span', fiveTo('no-span'), { expects: { 'log.4.attempts': 1 } }),
  ask('span-of-one', '/span-of-one/', { wish: 'status=503' }, { expects: { 'log.0.attempts': 1 } }),
  of('once', [bytes('/once/'), bytes('/once/'), bytes('/once/')]),
  of('twice', [bytes('/twice/'), bytes('/twice/'), bytes('/twice/')]),
  get('short'),
  get('silent', FAILED),
  get('silent-h2', FAILED),
  get('many-addresses'),
  get('dead-addresses', FAILED),
  get('drops', FAILED),
  get('drops-none'),
  get('all'),
  get('all-skipping'),
  get('all-empty', FAILED),
  get('all-dead', FAILED),
  get('all-limited', OVERFLOW),
  get('all-unlimited'),
  get('all-failover'),
  get('all-levels'),
  get('all-tired', FAILED),
  get('failing-over'),
];

/** What is counted of clusters after all cases. */
const COUNTED: Readonly<Record<string, readonly string[]>> = {
  'no-requests': [
    'upstream_cx_total',
    'upstream_rq_total',
    'upstream_rq_active_overflow',
    'upstream_rq_pending_overflow',
    'upstream_rq_503',
  ],
  'no-pending': ['upstream_cx_total', 'upstream_rq_pending_overflow', 'upstream_rq_pending_total', 'upstream_rq_total'],
  'no-connections': ['upstream_cx_total', 'upstream_cx_overflow', 'upstream_rq_total'],
  'no-pools': ['upstream_cx_pool_overflow', 'upstream_cx_total', 'upstream_cx_none_healthy'],
  'no-retries': ['upstream_rq_total', 'upstream_rq_retry', 'upstream_rq_retry_overflow'],
  'no-budget': ['upstream_rq_total', 'upstream_rq_retry', 'upstream_rq_retry_overflow'],
  once: ['upstream_cx_total', 'upstream_cx_max_requests', 'upstream_cx_destroy', 'upstream_cx_destroy_local', 'upstream_rq_total'],
  twice: ['upstream_cx_total', 'upstream_cx_max_requests', 'upstream_cx_destroy', 'upstream_cx_destroy_local', 'upstream_rq_total'],
  short: ['upstream_cx_total', 'upstream_cx_max_duration_reached', 'upstream_cx_destroy', 'upstream_cx_destroy_local'],
  silent: [
    'upstream_cx_total',
    'upstream_cx_connect_fail',
    'upstream_cx_connect_timeout',
    'upstream_cx_destroy',
    'upstream_cx_destroy_local',
    'upstream_rq_pending_failure_eject',
  ],
  'dead-addresses': [
    'upstream_cx_total',
    'upstream_cx_connect_fail',
    'upstream_cx_destroy',
    'upstream_cx_destroy_remote',
    'upstream_rq_pending_failure_eject',
  ],
  'many-addresses': ['upstream_cx_total', 'upstream_cx_connect_fail', 'upstream_cx_destroy'],
  drops: ['upstream_rq_503', 'upstream_rq_completed', 'upstream_rq_total', 'upstream_cx_total'],
  all: ['upstream_rq_200', 'upstream_rq_completed', 'upstream_rq_total', 'upstream_cx_total'],
  'all-empty': ['upstream_cx_none_healthy', 'upstream_rq_503'],
  empty: ['upstream_cx_none_healthy'],
  tracked: [
    'cx_open',
    'cx_pool_open',
    'rq_open',
    'rq_pending_open',
    'rq_retry_open',
    'remaining_cx',
    'remaining_pending',
    'remaining_rq',
    'remaining_retries',
    'remaining_cx_pools',
  ].map((name) => `circuit_breakers.default.${name}`),
  'per-host': ['circuit_breakers.default.cx_open', 'upstream_cx_total', 'upstream_cx_overflow'],
};

async function countsOf(proxy: Proxy, name: string, stats: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const found = await proxy.stats(`cluster.${name}.`);
  return Object.fromEntries(stats.map((stat) => [stat, found[`cluster.${name}.${stat}`] ?? 0]));
}

compareTopic({
  name: 'clusters',
  servers: silentServer,
  setup: (world) => ({ routes: routes(world), clusters: clusters(world) }),
  cases: CASES,
  more(proxies) {
    for (const [name, stats] of Object.entries(COUNTED)) {
      test(`what is counted of ${name}`, async () => {
        await untilSame(proxies(), (proxy) => countsOf(proxy, name, stats));
      });
    }
  },
});
