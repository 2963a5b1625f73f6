import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { createStats } from '../telemetry/registry.ts';
import { buildCluster, type ClusterScope, type MutableCluster } from './build-cluster.ts';
import type { Host, PickContext } from './cluster.ts';
import type { NameResolver } from './dns/resolver.ts';
import { ClusterHost } from './host.ts';
import { seededRandom } from './testing/fake-hosts.ts';
import { noSecrets } from './testing/no-secrets.ts';

const open: MutableCluster[] = [];
afterEach(() => {
  for (const cluster of open.splice(0)) cluster.close();
});

const ANY_HOST: PickContext = { hash: undefined, avoid: [], avoidAttempts: 0, originalDestination: undefined };

function build(config: JsonObject, changes: Partial<ClusterScope> = {}) {
  const stats = createStats();
  const removed: string[] = [];
  const cluster = buildCluster(fromJson(ClusterSchema, { name: 'c', ...config }), 'clusters[0]', {
    stats,
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    random: seededRandom(1),
    secrets: noSecrets,
    log: silentLog,
    onHostRemoved: (host: Host) => removed.push(host.key),
    ...changes,
  });
  open.push(cluster);
  return { cluster, removed, stat: (name: string) => stats.scope('cluster.c').gauge(name).value };
}

function endpoints(...addresses: string[]): JsonObject {
  const lbEndpoints = addresses.map((text) => {
    const [address = '', port = ''] = text.split(':');
    return { endpoint: { address: { socketAddress: { address, portValue: Number(port) } } } };
  });
  return { clusterName: 'c', endpoints: [{ lbEndpoints }] };
}

function assignment(...addresses: string[]): ClusterLoadAssignment {
  return fromJson(ClusterLoadAssignmentSchema, endpoints(...addresses));
}

const EDS = { type: 'EDS', edsClusterConfig: { edsConfig: { ads: {} } } };

test('hosts that a request names come first, healthy ones; where it is strict, none but them', () => {
  const { cluster } = build({ loadAssignment: endpoints('10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80') });
  const pick = (keys: readonly string[], isStrict: boolean): string | undefined =>
    cluster.pick({ ...ANY_HOST, override: { keys, isStrict } })?.key;
  for (let i = 0; i < 3; i++) assert.equal(pick(['10.0.0.9:80', '10.0.0.2:80', '10.0.0.1:80'], false), '10.0.0.2:80');
  assert.equal(pick(['10.0.0.9:80'], true), undefined);
  assert.notEqual(pick(['10.0.0.9:80'], false), undefined);
  const host = cluster.hosts.find(({ key }) => key === '10.0.0.2:80');
  assert.ok(host);
  host.isHealthy = false;
  assert.equal(pick(['10.0.0.2:80'], true), undefined);
});

test('a STATIC cluster is warm at once and takes turns', () => {
  const { cluster, stat } = build({ loadAssignment: endpoints('10.0.0.1:80', '10.0.0.2:80') });
  assert.equal(cluster.isWarm, true);
  const keys = Array.from({ length: 4 }, () => cluster.pick(ANY_HOST)?.key);
  assert.deepEqual(new Set(keys.slice(0, 2)), new Set(['10.0.0.1:80', '10.0.0.2:80']));
  assert.deepEqual(keys.slice(2), keys.slice(0, 2));
  assert.deepEqual([stat('membership_total'), stat('membership_healthy')], [2, 2]);
});

test('EDS comes from the server of ADS alone', () => {
  const source = { apiConfigSource: { apiType: 'GRPC', grpcServices: [{ envoyGrpc: { clusterName: 'x' } }] } };
  assert.throws(
    () => build({ type: 'EDS', edsClusterConfig: { edsConfig: source } }),
    /eds_cluster_config\.eds_config: only ads is supported/,
  );
});

test('an EDS cluster is warm when its endpoints have come, even if there are none', () => {
  const { cluster } = build(EDS);
  let warmed = 0;
  cluster.onWarm(() => warmed++);
  assert.deepEqual([cluster.isWarm, cluster.edsName, cluster.pick(ANY_HOST)], [false, 'c', undefined]);
  cluster.update(create(ClusterLoadAssignmentSchema, { clusterName: 'c' }));
  assert.deepEqual([cluster.isWarm, warmed], [true, 1]);
});

test('hosts keep their identity across updates, and those that leave drain', () => {
  const { cluster, removed } = build(EDS);
  cluster.update(assignment('10.0.0.1:80', '10.0.0.2:80'));
  const [first, second] = cluster.hosts;
  assert.ok(first && second);
  first.activeRequests = 7;
  cluster.update(assignment('10.0.0.3:80', '10.0.0.1:80'));
  assert.equal(cluster.hosts[1], first);
  assert.equal(first.activeRequests, 7);
  assert.deepEqual([first.isDraining, second.isDraining, removed], [false, true, ['10.0.0.2:80']]);
});

test('an ejection outlives an update of the endpoints', () => {
  const { cluster } = build({ ...EDS, outlierDetection: { consecutive5xx: 1, maxEjectionPercent: 100 } });
  cluster.update(assignment('10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'));
  const [bad] = cluster.hosts;
  bad?.report({ kind: 'status', status: 500 });
  cluster.update(assignment('10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80', '10.0.0.4:80'));
  const picked = Array.from({ length: 8 }, () => cluster.pick(ANY_HOST)?.key);
  assert.ok(!picked.includes('10.0.0.1:80'), picked.join(' '));
});

test('a wrong assignment is refused and the former one stays', () => {
  const { cluster } = build(EDS);
  cluster.update(assignment('10.0.0.1:80'));
  assert.throws(() => cluster.update(assignment('not-an-address:80')), ConfigError);
  assert.equal(cluster.pick(ANY_HOST)?.key, '10.0.0.1:80');
});

test('a retry avoids hosts that were tried, while there are others', () => {
  const { cluster } = build({ loadAssignment: endpoints('10.0.0.1:80', '10.0.0.2:80') });
  const [first, second] = cluster.hosts;
  assert.ok(first && second);
  for (let i = 0; i < 6; i++) assert.equal(cluster.pick({ ...ANY_HOST, avoid: [first], avoidAttempts: 5 }), second);
  assert.ok(cluster.pick({ ...ANY_HOST, avoid: [first, second], avoidAttempts: 5 }));
});

test('metadata and locality weight of an endpoint change in place', () => {
  const { cluster } = build(EDS);
  cluster.update(assignment('10.0.0.1:80'));
  const [host] = cluster.hosts;
  const next = assignment('10.0.0.1:80');
  const [endpoint] = next.endpoints[0]?.lbEndpoints ?? [];
  assert.ok(endpoint);
  endpoint.metadata = fromJson(ClusterSchema, { name: 'x', metadata: { filterMetadata: { istio: { workload: 'w' } } } }).metadata;
  cluster.update(next);
  assert.equal(cluster.hosts[0], host);
  assert.deepEqual(host?.metadata, { istio: { workload: 'w' } });
});

/** A resolver whose answers are handed out one by one. */
function scripted(answers: (readonly string[] | undefined)[]): NameResolver & { asked: number } {
  return {
    asked: 0,
    resolve() {
      const answer = answers[this.asked++];
      return answer === undefined ? Promise.reject(new Error('SERVFAIL')) : Promise.resolve({ addresses: answer, ttlMs: undefined });
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('STRICT_DNS takes every address, follows changes, and keeps the last answer where none comes', async (t) => {
  const resolver = scripted([['10.0.0.1', '10.0.0.2'], undefined, ['10.0.0.2']]);
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { cluster } = build({ type: 'STRICT_DNS', dnsRefreshRate: '5s', loadAssignment: endpoints('name.example:80') }, { resolver });
  const keys = (): string[] => cluster.hosts.map((host) => host.key);
  await until(() => cluster.isWarm);
  assert.deepEqual(keys(), ['10.0.0.1:80', '10.0.0.2:80']);
  assert.equal(cluster.hosts[0]?.hostname, 'name.example');
  t.mock.timers.tick(5000);
  await until(() => resolver.asked === 2);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(keys(), ['10.0.0.1:80', '10.0.0.2:80']);
  t.mock.timers.tick(5000);
  await until(() => keys().length === 1);
  assert.deepEqual(keys(), ['10.0.0.2:80']);
});

test('LOGICAL_DNS has one host', async () => {
  const { cluster } = build(
    { type: 'LOGICAL_DNS', loadAssignment: endpoints('name.example:80') },
    { resolver: scripted([['10.0.0.1', '10.0.0.2']]) },
  );
  await until(() => cluster.isWarm);
  assert.deepEqual(
    cluster.hosts.map((host) => host.key),
    ['10.0.0.1:80'],
  );
});

test('ORIGINAL_DST goes where the client wanted to go, and forgets hosts that nobody uses', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { cluster, removed } = build({ type: 'ORIGINAL_DST', lbPolicy: 'CLUSTER_PROVIDED' });
  const to = (host: string): Host | undefined => cluster.pick({ ...ANY_HOST, originalDestination: { host, port: 9 } });
  assert.equal(cluster.pick(ANY_HOST), undefined);
  const busy = to('10.0.0.1');
  assert.ok(busy);
  busy.activeConnections = 1;
  to('10.0.0.2');
  assert.equal(to('10.0.0.1'), busy);
  t.mock.timers.tick(5000);
  assert.deepEqual(removed, [], 'chosen since the last sweep');
  t.mock.timers.tick(5000);
  assert.deepEqual(removed, ['10.0.0.2:9']);
  assert.equal(to('10.0.0.1'), busy);
});

test('limits have Envoy’s defaults and are read where given', () => {
  const { cluster } = build({ loadAssignment: endpoints('10.0.0.1:80') });
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries, retryBudget } = cluster.limits;
  assert.deepEqual([maxConnections, maxPendingRequests, maxRequests, maxRetries, retryBudget], [1024, 1024, 1024, 3, undefined]);
  const thresholds = [{ maxConnections: 1, maxRequests: 2, retryBudget: { budgetPercent: { value: 50 } } }];
  const { cluster: own } = build({ loadAssignment: endpoints('10.0.0.1:80'), circuitBreakers: { thresholds } });
  assert.deepEqual(
    [own.limits.maxConnections, own.limits.maxRequests, own.limits.retryBudget],
    [1, 2, { fraction: 0.5, minConcurrency: 3 }],
  );
});

/** An assignment of EDS with a policy. */
function withPolicy(policy: JsonObject, ...addresses: string[]): ClusterLoadAssignment {
  return fromJson(ClusterLoadAssignmentSchema, { ...endpoints(...addresses), policy });
}

test('an assignment that is stale is forgotten, unless another one has come', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { cluster, stat } = build(EDS);
  cluster.update(withPolicy({ endpointStaleAfter: '5s' }, '10.0.0.1:80'));
  t.mock.timers.tick(4000);
  cluster.update(withPolicy({ endpointStaleAfter: '5s' }, '10.0.0.1:80'));
  t.mock.timers.tick(4000);
  assert.deepEqual([cluster.hosts.length, stat('membership_total')], [1, 1]);
  t.mock.timers.tick(1000);
  assert.deepEqual([cluster.hosts.length, cluster.isWarm], [0, true]);
  cluster.update(assignment('10.0.0.1:80'));
  t.mock.timers.tick(60_000);
  assert.equal(cluster.hosts.length, 1);
  cluster.update(withPolicy({ endpointStaleAfter: '2592000s' }, '10.0.0.1:80'));
  t.mock.timers.tick(60_000);
  assert.equal(cluster.hosts.length, 1, 'thirty days are more than a timer can have');
});

test('the server of EDS may want less traffic, in one category', () => {
  const { cluster } = build(EDS);
  const drop = { category: 'lb', dropPercentage: { numerator: 25, denominator: 'TEN_THOUSAND' } };
  cluster.update(withPolicy({ dropOverloads: [drop] }, '10.0.0.1:80'));
  assert.equal(cluster.dropShare, 0.0025);
  assert.throws(() => cluster.update(withPolicy({ dropOverloads: [drop, drop] }, '10.0.0.1:80')), /has 2 categories/);
  assert.throws(() => cluster.update(withPolicy({ dropOverloads: [{ dropPercentage: { numerator: 101 } }] })), /above 100%/);
  cluster.update(assignment('10.0.0.1:80'));
  assert.equal(cluster.dropShare, undefined);
});

test('a host that fails after it has left is not ejected', () => {
  const { cluster, stat } = build({ ...EDS, outlierDetection: { consecutive5xx: 2, maxEjectionPercent: 100 } });
  cluster.update(assignment('10.0.0.1:80', '10.0.0.2:80'));
  const [first] = cluster.hosts;
  assert.ok(first);
  first.report({ kind: 'status', status: 500 });
  cluster.update(assignment('10.0.0.2:80'));
  first.report({ kind: 'status', status: 500 });
  assert.equal(stat('outlier_detection.ejections_active'), 0);
});

test('hosts that leave while checks find them healthy stay until they do not', () => {
  // nobody is asked in the time of the test: there is nobody at these addresses, and no answer is waited for
  const healthChecks = [{ timeout: '60s', interval: '60s', unhealthyThreshold: 1, healthyThreshold: 1, tcpHealthCheck: {} }];
  for (const ignoreHealthOnHostRemoval of [false, true]) {
    const { cluster } = build({ ...EDS, healthChecks, ignoreHealthOnHostRemoval });
    cluster.update(assignment('127.0.0.1:1', '127.0.0.1:2'));
    const [first] = cluster.hosts;
    assert.ok(first instanceof ClusterHost && first.check !== undefined);
    first.check.isFailing = false;
    cluster.update(assignment('127.0.0.1:2'));
    assert.equal(cluster.hosts.includes(first), !ignoreHealthOnHostRemoval);
    first.check.isFailing = true;
    cluster.update(assignment('127.0.0.1:2'));
    assert.equal(cluster.hosts.includes(first), false);
  }
});

test('connections are renewed when hosts come or go, and when one fails', () => {
  const failed: string[] = [];
  const onHostFailed = (host: Host): void => void failed.push(host.key);
  const outlierDetection = { consecutive5xx: 1, maxEjectionPercent: 100 };
  const { cluster } = build({ ...EDS, outlierDetection, commonLbConfig: { closeConnectionsOnHostSetChange: true } }, { onHostFailed });
  cluster.update(assignment('10.0.0.1:80'));
  failed.length = 0;
  cluster.update(assignment('10.0.0.1:80'));
  assert.deepEqual(failed, [], 'nothing has changed');
  cluster.update(assignment('10.0.0.1:80', '10.0.0.2:80'));
  assert.deepEqual(failed, ['10.0.0.1:80', '10.0.0.2:80']);
  failed.length = 0;
  cluster.hosts[1]?.report({ kind: 'status', status: 500 });
  assert.deepEqual(failed, ['10.0.0.2:80']);
});

test('an endpoint may have several addresses', () => {
  const more = { additionalAddresses: [{ address: { socketAddress: { address: '::1', portValue: 80 } } }] };
  const one = { endpoint: { address: { socketAddress: { address: '10.0.0.1', portValue: 80 } }, ...more } };
  const { cluster } = build({ loadAssignment: { clusterName: 'c', endpoints: [{ lbEndpoints: [one] }] } });
  assert.deepEqual(
    cluster.hosts.map(({ key, addresses }) => [key, addresses?.map(({ host }) => host)]),
    [['10.0.0.1:80', ['10.0.0.1', '::1']]],
  );
});

const refused: readonly [name: string, config: JsonObject, path: string][] = [
  ['a name in a STATIC cluster', { loadAssignment: endpoints('name.example:80') }, 'load_assignment'],
  ['a cluster without a name', { name: '' }, 'clusters[0].name'],
  ['CLUSTER_PROVIDED elsewhere', { lbPolicy: 'CLUSTER_PROVIDED' }, 'clusters[0].lb_policy'],
  [
    'one choice',
    { lbPolicy: 'LEAST_REQUEST', leastRequestLbConfig: { choiceCount: 1 } },
    'clusters[0].least_request_lb_config.choice_count',
  ],
  ['a table that is no prime', { lbPolicy: 'MAGLEV', maglevLbConfig: { tableSize: '100' } }, 'clusters[0].maglev_lb_config.table_size'],
  ['a timeout of 0', { connectTimeout: '0s' }, 'clusters[0].connect_timeout'],
  ['endpoints of a cluster of EDS', { ...EDS, loadAssignment: endpoints('10.0.0.1:80') }, 'clusters[0].load_assignment'],
  [
    'two endpoints of LOGICAL_DNS',
    { type: 'LOGICAL_DNS', loadAssignment: endpoints('a.example:80', 'b.example:80') },
    'clusters[0].load_assignment',
  ],
  [
    'a failure rate that shrinks',
    { type: 'STRICT_DNS', dnsFailureRefreshRate: { baseInterval: '2s', maxInterval: '1s' } },
    'clusters[0].dns_failure_refresh_rate.max_interval',
  ],
  [
    'requests of one host as a limit',
    { circuitBreakers: { perHostThresholds: [{ maxRequests: 1 }] } },
    'clusters[0].circuit_breakers.per_host_thresholds[0]',
  ],
  ['another cluster type', { clusterType: { name: 'envoy.clusters.aggregate' } }, 'clusters[0].cluster_type'],
  [
    'a port above 65535',
    { loadAssignment: endpoints('10.0.0.1:65536') },
    'clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value',
  ],
  ['another transport socket', { transportSocket: { name: 'quic' } }, 'clusters[0].transport_socket.typed_config'],
];

for (const [name, config, path] of refused) {
  test(`buildCluster() refuses ${name}`, () => {
    assert.throws(
      () => build(config),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}
