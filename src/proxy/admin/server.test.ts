import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { createLog } from '../../core/log.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { CLUSTER_TYPE, LISTENER_TYPE, SECRET_TYPE } from '../../xds/types.ts';
import { ownSockets } from '../listener/listen-sockets.ts';
import { testCluster, testClusters } from '../testing/http-harness.ts';
import { createStats } from '../telemetry/registry.ts';
import { observe } from '../telemetry/stats.ts';
import type { AdminAnswer } from './endpoint.ts';
import { answerAdmin, type AdminView, type ConfigResource, startAdmin } from './server.ts';
import { typeRegistry } from '../../xds/type-registry.ts';

function resource(
  more: Pick<ConfigResource, 'name' | 'typeUrl' | 'schema'> & { json: JsonObject } & Partial<ConfigResource>,
): ConfigResource {
  const { json, ...rest } = more;
  const message = fromJson(more.schema, json, { registry: typeRegistry });
  return { version: '1', updatedMs: 0, isStatic: false, state: 'active', error: '', message, ...rest };
}

const RESOURCES: readonly ConfigResource[] = [
  resource({ name: 'b', typeUrl: CLUSTER_TYPE, schema: ClusterSchema, json: { name: 'b' } }),
  resource({ name: 'a', typeUrl: CLUSTER_TYPE, schema: ClusterSchema, json: { name: 'a' }, state: 'warming' }),
  resource({ name: 'xds', typeUrl: CLUSTER_TYPE, schema: ClusterSchema, json: { name: 'xds' }, isStatic: true }),
  resource({
    name: 'l',
    typeUrl: LISTENER_TYPE,
    schema: ListenerSchema,
    json: {
      name: 'l',
      filterChains: [
        {
          filters: [
            {
              name: 'tcp',
              typedConfig: {
                '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                statPrefix: 'p',
                cluster: 'a',
              },
            },
          ],
        },
      ],
    },
  }),
  resource({
    name: 'l',
    typeUrl: LISTENER_TYPE,
    schema: ListenerSchema,
    json: { name: 'l' },
    state: 'refused',
    error: 'address: is missing',
    version: '2',
  }),
  resource({
    name: 'default',
    typeUrl: SECRET_TYPE,
    schema: SecretSchema,
    json: { name: 'default', tlsCertificate: { certificateChain: { inlineString: 'CHAIN' }, privateKey: { inlineString: 'SECRET' } } },
  }),
  resource({
    name: 'bytes',
    typeUrl: SECRET_TYPE,
    schema: SecretSchema,
    json: { name: 'bytes', tlsCertificate: { privateKey: { inlineBytes: Buffer.from('SECRET').toString('base64') } } },
  }),
];

function view(calls: string[] = []): AdminView {
  const stats = createStats();
  stats.scope('cluster.a.b').counter('upstream_rq_total').value = 3;
  stats.gauge('server.live').value = 0;
  const histogram = stats.scope('cluster.a.b').histogram('upstream_rq_time');
  for (const value of [2, 4, 8]) observe(histogram, value);
  return {
    version: 'tulle/0',
    node: { id: 'n', cluster: 'c', metadata: {} },
    startedMs: Date.now(),
    stats,
    clusters: { get: () => undefined, request() {}, forEach() {} },
    log: createLog(
      () => {},
      () => 0,
    ),
    state: () => 'LIVE',
    bootstrap: () => ({ schema: BootstrapSchema, message: fromJson(BootstrapSchema, { node: { id: 'n' } }), updatedMs: 0 }),
    resources: () => RESOURCES,
    listeners: () => [
      {
        name: 'l',
        addresses: [
          { host: '127.0.0.1', port: 15006 },
          { host: '/run/x.sock', port: 0 },
        ],
      },
    ],
    secrets: () => [],
    certificates: () => [],
    setHealth: (isHealthy) => void calls.push(`health ${isHealthy}`),
    drainListeners: ({ isGraceful, isInboundOnly }) => void calls.push(`drain ${isGraceful} ${isInboundOnly}`),
    otherCounts: () => ({ activeConnections: 0, activeRequests: 0, requestsTotal: 0, healthFlags: [] }),
    handOver: (socketPath) => (socketPath === '/gone' ? 'nobody listens there' : void calls.push(`hand over to ${socketPath}`)),
    crashLoop: (loop) => void calls.push(`crash ${loop}`),
    reopenLogs: () => void calls.push('reopen'),
    quit: () => void calls.push('quit'),
  };
}

function bodyOf({ body }: AdminAnswer): string {
  return typeof body === 'string' ? body : [...body].join('');
}

function get(target: string, proxy = view()): string {
  const answer = answerAdmin('GET', target, proxy);
  const body = bodyOf(answer);
  assert.equal(answer.status, 200, `${target}: ${body}`);
  return body;
}

function getJson(target: string): unknown {
  return JSON.parse(get(target));
}

test('ready says the state, and 503 unless it is LIVE', () => {
  assert.equal(get('/ready'), 'LIVE\n');
  assert.deepEqual(answerAdmin('GET', '/ready', { ...view(), state: () => 'INITIALIZING' }).status, 503);
});

test('stats as text, filtered, used only, JSON and Prometheus', () => {
  assert.match(
    get('/stats'),
    /^cluster\.a\.b\.upstream_rq_total: 3\nserver\.live: 0\ncluster\.a\.b\.upstream_rq_time: P0\(nan,1\) .* P100\(nan,10\)\n$/,
  );
  assert.equal(get('/stats?filter=rq_total$'), 'cluster.a.b.upstream_rq_total: 3\n');
  assert.doesNotMatch(get('/stats?usedonly'), /server\.live/);
  assert.deepEqual(getJson('/stats?format=json&filter=rq_total'), { stats: [{ name: 'cluster.a.b.upstream_rq_total', value: 3 }] });
  assert.match(get('/stats/prometheus'), /^envoy_cluster_upstream_rq_total\{envoy_cluster_name="a\.b"\} 3$/m);
  assert.equal(answerAdmin('GET', '/stats?filter=(', view()).status, 400);
  assert.equal(answerAdmin('GET', '/stats?format=xml', view()).status, 400);
});

const bad = (name: string): ConfigResource =>
  resource({
    name,
    typeUrl: CLUSTER_TYPE,
    schema: ClusterSchema,
    json: { name },
    state: 'refused',
    error: 'no',
    version: '2',
    message: create(ClusterSchema, {
      name,
      filters: [{ name: 'f', typedConfig: { typeUrl: 'type.googleapis.com/acme.Filter', value: Uint8Array.of(8, 1) } }],
    }),
  });

test('what was refused stands with what is in force, and what was never in force waits; unknown types have their name alone', () => {
  const refusing: AdminView = { ...view(), resources: () => [...RESOURCES, bad('b'), bad('new')] };
  const entriesOf = (field: string): unknown => JSON.parse(get(`/config_dump?resource=${field}`, refusing));
  const errorOf = (name: string): object => ({
    client_status: 'NACKED',
    error_state: {
      details: 'no',
      last_update_attempt: '1970-01-01T00:00:00.000Z',
      version_info: '2',
      failed_configuration: {
        '@type': CLUSTER_TYPE,
        name,
        filters: [{ name: 'f', typed_config: { '@type': 'type.googleapis.com/acme.Filter' } }],
      },
    },
  });
  const stateOf = (name: string): object => ({
    version_info: '1',
    cluster: { '@type': CLUSTER_TYPE, name },
    last_updated: '1970-01-01T00:00:00.000Z',
  });
  assert.deepEqual(entriesOf('dynamic_active_clusters'), { configs: [{ ...stateOf('b'), ...errorOf('b') }] });
  assert.deepEqual(entriesOf('dynamic_warming_clusters'), { configs: [stateOf('a'), errorOf('new')] });
});

test('the dump has what is in force, warming and refused, and no private key', () => {
  const body = get('/config_dump');
  assert.doesNotMatch(body, /SECRET|U0VDUkVU/);
  assert.match(body, /CHAIN/);
  const { configs } = JSON.parse(body) as { configs: Record<string, unknown>[] };
  assert.deepEqual(
    configs.map((section) => [String(section['@type']).replace(/.*\./, ''), ...Object.keys(section).slice(1)]),
    [
      ['BootstrapConfigDump', 'bootstrap', 'last_updated'],
      ['ClustersConfigDump', 'static_clusters', 'dynamic_active_clusters', 'dynamic_warming_clusters'],
      ['ListenersConfigDump', 'dynamic_listeners'],
      ['RoutesConfigDump'],
      ['SecretsConfigDump', 'dynamic_active_secrets'],
    ],
  );
});

test('a refused listener stands beside the one in force, with its reason', () => {
  assert.deepEqual(getJson('/config_dump?resource=dynamic_listeners'), {
    configs: [
      {
        name: 'l',
        active_state: {
          version_info: '1',
          listener: {
            '@type': LISTENER_TYPE,
            name: 'l',
            filter_chains: [
              {
                filters: [
                  {
                    name: 'tcp',
                    typed_config: {
                      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                      stat_prefix: 'p',
                      cluster: 'a',
                    },
                  },
                ],
              },
            ],
          },
          last_updated: '1970-01-01T00:00:00.000Z',
        },
        error_state: {
          details: 'address: is missing',
          last_update_attempt: '1970-01-01T00:00:00.000Z',
          version_info: '2',
          failed_configuration: { '@type': LISTENER_TYPE, name: 'l' },
        },
      },
    ],
  });
  assert.equal(answerAdmin('GET', '/config_dump?resource=nope', view()).status, 404);
  assert.equal(answerAdmin('GET', '/config_dump?mask=a', view()).status, 400);
});

test('the dump by name', () => {
  const { configs } = getJson('/config_dump?name_regex=^b$') as { configs: unknown[] };
  assert.equal(configs.length, 1);
});

test('listeners as text and JSON', () => {
  assert.equal(get('/listeners'), 'l::127.0.0.1:15006\nl::/run/x.sock\n');
  assert.deepEqual(getJson('/listeners?format=json'), {
    listener_statuses: [
      {
        name: 'l',
        local_address: { socket_address: { address: '127.0.0.1', port_value: 15006 } },
        additional_local_addresses: [{ pipe: { path: '/run/x.sock' } }],
      },
    ],
  });
});

test('what changes something takes POST only', () => {
  const calls: string[] = [];
  const proxy = view(calls);
  for (const target of [
    '/healthcheck/fail',
    '/healthcheck/ok',
    '/drain_listeners?graceful',
    '/reopen_logs',
    '/quitquitquit',
    '/logging?level=debug',
  ]) {
    assert.equal(answerAdmin('GET', target, proxy).status, 405, target);
    assert.equal(answerAdmin('POST', target, proxy).status, 200, target);
  }
  assert.deepEqual(calls, ['health false', 'health true', 'drain true false', 'reopen', 'quit']);
  assert.equal(proxy.log.level, 'debug');
  assert.equal(answerAdmin('POST', '/logging?level=loud', proxy).status, 400);
});

test('unknown paths answer with help', () => {
  const answer = answerAdmin('GET', '/nope', view());
  assert.equal(answer.status, 404);
  assert.match(bodyOf(answer), /\/config_dump: .*\n/);
  assert.match(get('/'), /<form action="quitquitquit" method="post">/);
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

function request(options: http.RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = http.request({ ...options, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject).end();
  });
}

test('it listens on loopback and answers no pages of other sites', async (t) => {
  const server = await startAdmin({ address: { host: '127.0.0.1', port: 0 }, proxy: view(), sockets: ownSockets });
  t.after(() => server.close());
  const at = { host: '127.0.0.1', port: server.address.port };
  assert.deepEqual(await request({ ...at, path: '/ready' }), { status: 200, body: 'LIVE\n' });
  assert.equal((await request({ ...at, path: '/quitquitquit', method: 'POST', headers: { origin: 'http://evil.example' } })).status, 403);
  assert.equal((await request({ ...at, path: '/config_dump', headers: { host: 'evil.example' } })).status, 403);
  assert.equal((await request({ ...at, path: '/healthcheck/ok', method: 'POST' })).status, 200);
  await assert.rejects(startAdmin({ address: { host: '0.0.0.0', port: 0 }, proxy: view(), sockets: ownSockets }), /not a loopback address/);
});

test('it listens on a Unix socket, also where a file was left', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-admin-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const socketPath = path.join(folder, 'admin.sock');
  for (let i = 0; i < 2; i++) {
    const server = await startAdmin({ address: { path: socketPath }, proxy: view(), sockets: ownSockets });
    assert.deepEqual(await request({ socketPath, path: '/ready' }), { status: 200, body: 'LIVE\n' });
    await server.close();
  }
});

test('a host of /clusters has the counts of all loops, and what speaks against it in any of them', () => {
  const cluster = testCluster('c', [9], createStats());
  const others = {
    activeConnections: 1,
    activeRequests: 2,
    requestsTotal: 3,
    healthFlags: ['failed_outlier_check', 'failed_outlier_check'],
  };
  const proxy = { ...view(), clusters: testClusters([cluster]), otherCounts: () => others };
  const lines = get('/clusters', proxy);
  assert.match(lines, /^c::127\.0\.0\.1:9::rq_total::3$/m);
  assert.match(lines, /^c::127\.0\.0\.1:9::health_flags::\/failed_outlier_check$/m);
  assert.match(get('/clusters?format=json', proxy), /"failed_outlier_check": true/);
});
