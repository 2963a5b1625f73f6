/** Warming, replacing and refusing of clusters, routes and listeners, against a server that is a list of calls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { type Clock, systemClock } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import type { AdsResource } from '../../xds/client.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { buildCluster } from '../cluster/build-cluster.ts';
import { buildOpenTable } from '../router/open-route-table.ts';
import { buildRouteTable } from '../router/route-table.ts';
import { createStats } from '../telemetry/registry.ts';
import { ClusterStore, type ClusterStoreOptions } from './cluster-store.ts';
import { EndpointStore } from './endpoint-store.ts';
import { ListenerStore, type ManagedListener } from './listener-store.ts';
import { createResourceLog } from './resource-log.ts';
import { RouteStore } from './route-store.ts';
import { notedSubscriptions, resource, shortType } from './testing/fake-server.ts';
import { noSources } from './testing/no-sources.ts';
import { Secrets } from './secrets.ts';

function stores(mode: ClusterStoreOptions['mode'] = 'wildcard', clock: Clock = systemClock) {
  const { subscriptions, takeAsked } = notedSubscriptions();
  const stats = createStats();
  const resources = createResourceLog(systemClock);
  const secrets = new Secrets({ subscriptions, ownNames: new Set(), watchFile() {}, readSource: noSources });
  const endpoints = new EndpointStore(subscriptions, resources);
  const scope = { stats, clock, random: () => 0, secrets, log: silentLog };
  const clusters = new ClusterStore({
    mode,
    build: (config, path) => buildCluster(config, path, scope),
    subscriptions,
    endpoints,
    resources,
    log: silentLog,
  });
  const routes = new RouteStore({
    build: (config, path) => buildRouteTable(config, path, []),
    buildOpen: (config) => buildOpenTable(config, []),
    clusters,
    subscriptions,
    resources,
    stats,
  });
  const states = (name: string): string[] =>
    [...resources.all()]
      .filter((r) => r.name === name)
      .map((r) => `${r.state}${r.version}`)
      .toSorted();
  const refusals = (): (readonly [what: string, why: string, name: unknown])[] =>
    [...resources.all()]
      .filter(({ state }) => state === 'refused')
      .map(({ typeUrl, name, version, error, message }) => [
        `${shortType(typeUrl)} ${name} ${version}`,
        error,
        Reflect.get(message, 'name') ?? Reflect.get(message, 'clusterName'),
      ]);
  return { clusters, endpoints, routes, secrets, stats, states, refusals, takeAsked };
}

/** The same in version 2, with a field 999 that nobody knows. */
const strange = (resource: AdsResource): AdsResource => ({
  ...resource,
  version: '2',
  any: Buffer.concat([resource.any, Uint8Array.of(0xb8, 0x3e, 1)]),
});

const eds = (name: string, more: JsonObject = {}, version?: string): AdsResource =>
  resource(ClusterSchema, name, { name, type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } }, ...more }, { version });

const endpointsOf = (name: string, ...ports: number[]): AdsResource =>
  resource(ClusterLoadAssignmentSchema, name, {
    cluster_name: name,
    endpoints: [
      { lb_endpoints: ports.map((port) => ({ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } })) },
    ],
  });

const routesTo = (cluster: string, version?: string): AdsResource =>
  resource(
    RouteConfigurationSchema,
    '80',
    { name: '80', virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }] },
    { version },
  );

test('what is refused stands in the log with all that it says, until it is mended or gone', () => {
  const { clusters, endpoints, routes, refusals } = stores();
  clusters.receive([eds('a')], []);
  endpoints.receive([endpointsOf('a', 81)]);
  routes.use('80');
  routes.receive([routesTo('a')]);
  const given = [strange(eds('a')), strange(eds('new')), strange(routesTo('a')), strange(endpointsOf('a', 82))] as const;
  assert.throws(() => clusters.receive(given.slice(0, 2), []), ConfigError);
  assert.throws(() => routes.receive([given[2]]), ConfigError);
  assert.throws(() => endpoints.receive([given[3]]), ConfigError);
  const why = (type: string): string => `field number 999 of envoy.config.${type} is not supported by Tulle`;
  assert.deepEqual(refusals(), [
    ['Cluster a 2', why('cluster.v3.Cluster'), 'a'],
    ['Cluster new 2', why('cluster.v3.Cluster'), 'new'],
    ['ClusterLoadAssignment a 2', why('endpoint.v3.ClusterLoadAssignment'), 'a'],
    ['RouteConfiguration 80 2', why('route.v3.RouteConfiguration'), '80'],
  ]);
  clusters.receive([eds('a', {}, '3')], ['new']);
  endpoints.receive([endpointsOf('a', 82)]);
  routes.receive([routesTo('a')]);
  assert.deepEqual(refusals(), []);
});

test('bytes that are no message are refused too', () => {
  const { clusters, refusals } = stores();
  assert.throws(() => clusters.receive([{ ...eds('a'), any: Uint8Array.of(0xff) }], []), ConfigError);
  assert.deepEqual(
    refusals().map(([what, , name]) => [what, name]),
    [['Cluster a 1', '']],
  );
});

test('a cluster is active once its endpoints have come, and leaves with its subscription', () => {
  const { clusters, endpoints, takeAsked, states } = stores();
  clusters.receive([eds('a')], []);
  assert.equal(clusters.get('a'), undefined);
  assert.deepEqual([states('a'), takeAsked()], [['warming1'], ['+ClusterLoadAssignment a']]);
  endpoints.receive([endpointsOf('a', 81, 82)]);
  assert.equal(clusters.get('a')?.hosts.length, 2);
  clusters.receive([], ['a']);
  assert.equal(clusters.get('a'), undefined);
  assert.deepEqual(takeAsked(), ['-ClusterLoadAssignment a']);
});

test('a changed cluster takes over with the endpoints that are known, and its statistics go on', () => {
  const { clusters, endpoints, takeAsked, stats } = stores();
  clusters.receive([eds('a')], []);
  endpoints.receive([endpointsOf('a', 81)]);
  const before = clusters.get('a');
  const counter = before?.stats.counter('upstream_rq_total');
  assert.ok(counter);
  counter.value = 7;
  clusters.receive([eds('a')], []);
  assert.equal(clusters.get('a'), before, 'the same bytes change nothing');
  takeAsked();
  clusters.receive([eds('a', { connect_timeout: '9s' })], []);
  assert.equal(clusters.get('a')?.connectTimeoutMs, 9000);
  assert.equal(stats.scope('cluster.a').counter('upstream_rq_total').value, 7);
  assert.deepEqual(takeAsked(), []);
});

test('hosts that a changed cluster has from the former one are as old as they were there, to slow start', () => {
  const now = { ms: 1000 };
  const { clusters, endpoints } = stores('wildcard', { ...systemClock, monotonicMs: () => now.ms });
  const slow = { slow_start_config: { slow_start_window: '10s', min_weight_percent: { value: 1 } } };
  const policy = { lb_policy: 'ROUND_ROBIN', round_robin_lb_config: slow };
  clusters.receive([eds('a', policy)], []);
  endpoints.receive([endpointsOf('a', 81)]);
  now.ms += 60_000;
  endpoints.receive([endpointsOf('a', 81, 82)]);
  now.ms += 5000;
  clusters.receive([eds('a', { ...policy, connect_timeout: '9s' })], []);
  const changed = clusters.get('a');
  assert.deepEqual(
    changed?.hosts.map((host) => host.healthySinceMs),
    [1000, 61_000],
  );
  const picks = Array.from(
    { length: 300 },
    () => changed?.pick({ avoid: [], avoidAttempts: 1, hash: undefined, originalDestination: undefined })?.key,
  );
  const share = picks.filter((key) => key === '127.0.0.1:82').length / picks.length;
  assert.ok(Math.abs(share - 1 / 3) < 0.02, `a half beside a whole: ${share}`);
});

test('a cluster that the server takes away stays while route tables name it, for a bounded time', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { clusters, endpoints } = stores();
  const arrive = (): void => {
    clusters.receive([eds('a')], []);
    endpoints.receive([endpointsOf('a', 81)]);
  };
  const nothing = (): void => {};
  arrive();
  clusters.refer('routes', new Set(['a']), 0, nothing);
  clusters.receive([], ['a']);
  assert.ok(clusters.get('a'), 'a table names it');
  clusters.refer('routes', new Set(), 0, nothing);
  assert.equal(clusters.get('a'), undefined, 'none does');
  arrive();
  clusters.refer('routes', new Set(['a']), 0, nothing);
  clusters.receive([], ['a']);
  t.mock.timers.tick(3000);
  arrive();
  t.mock.timers.tick(3000);
  assert.ok(clusters.get('a'), 'it has come again');
  clusters.receive([], ['a']);
  t.mock.timers.tick(5000);
  assert.equal(clusters.get('a'), undefined, 'the time is over');
});

test('a refused cluster is named with its field; the former one and its neighbours stay', () => {
  const { clusters, endpoints, states } = stores();
  clusters.receive([eds('a')], []);
  endpoints.receive([endpointsOf('a', 81)]);
  const before = clusters.get('a');
  const bad = eds('a', { connection_pool_per_downstream_connection: true }, '2');
  const wrong = eds('c', { connect_timeout: '-1s' }, '2');
  assert.throws(() => clusters.receive([bad, wrong, eds('b')], []), {
    name: 'ConfigError',
    message: /^a: connection_pool_per_downstream_connection: field is not supported by Tulle; c: connect_timeout: -1 s is not above zero$/,
  });
  assert.equal(clusters.get('a'), before);
  assert.deepEqual(states('b'), ['warming1']);
  assert.deepEqual(states('c'), ['refused2']);
});

test('a refused cluster is forgotten when the former one comes again', () => {
  const { clusters, endpoints, states } = stores();
  clusters.receive([eds('a')], []);
  endpoints.receive([endpointsOf('a', 81)]);
  const bad = eds('a', { connect_timeout: '-1s' }, '2');
  assert.throws(() => clusters.receive([bad], []));
  assert.deepEqual(states('a'), ['active1', 'active1', 'refused2']);
  clusters.receive([eds('a', {}, '3')], []);
  assert.deepEqual(states('a'), ['active1', 'active1'], 'its endpoints are the other');
});

test('a cluster that gets no endpoints goes on without when its time is over', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { clusters } = stores();
  clusters.receive([eds('a')], []);
  let got: unknown = 'waiting';
  clusters.request('a', 20_000, (cluster) => (got = cluster?.name));
  assert.equal(got, 'waiting');
  t.mock.timers.tick(15_000);
  assert.equal(clusters.get('a')?.hosts.length, 0);
  assert.equal(got, 'a');
});

test('on demand: clusters are asked for as traffic needs them, and left with the last route that names them', () => {
  const { clusters, endpoints, routes, takeAsked } = stores('on-demand');
  const source = routes.use('80');
  routes.receive([routesTo('a')]);
  assert.deepEqual(takeAsked(), ['+RouteConfiguration 80']);
  assert.ok(source.current(), 'the table does not wait for clusters that nobody asked for');
  let got: unknown = 'waiting';
  clusters.request('a', 1000, (cluster) => (got = cluster?.name));
  assert.deepEqual(takeAsked(), ['+Cluster a']);
  clusters.receive([eds('a')], []);
  assert.equal(got, 'waiting');
  endpoints.receive([endpointsOf('a', 81)]);
  assert.equal(got, 'a');
  takeAsked();
  routes.receive([routesTo('b', '2')]);
  assert.deepEqual(takeAsked(), ['-Cluster a', '-ClusterLoadAssignment a']);
  assert.equal(clusters.get('a'), undefined);
  routes.release('80');
  assert.deepEqual(
    takeAsked().filter((line) => line.includes('Route')),
    ['-RouteConfiguration 80'],
  );
});

test('on demand: a request asks for a cluster by name and learns that there is none', () => {
  const { clusters, takeAsked } = stores('on-demand');
  const answers: unknown[] = [];
  clusters.request('x', 1000, (cluster) => answers.push(cluster));
  assert.deepEqual([takeAsked(), answers], [['+Cluster x'], []]);
  clusters.receive([], ['x']);
  assert.deepEqual(answers, [undefined]);
});

test('on demand: what is prepared is asked for, and there once all are active or the time is over', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { clusters, takeAsked } = stores('on-demand');
  const told: string[] = [];
  clusters.prepare(new Set(), 5000, () => told.push('nothing to wait for'));
  clusters.prepare(new Set(['a', 'b']), 5000, () => told.push(`a ${clusters.areActive(new Set(['a', 'b']))}`));
  assert.deepEqual(takeAsked(), ['+Cluster a', '+Cluster b']);
  const plain = (name: string): AdsResource => resource(ClusterSchema, name, { name, type: 'STATIC' });
  clusters.receive([plain('a')], ['b']);
  assert.deepEqual(told, ['nothing to wait for'], 'the server may have it yet');
  clusters.receive([plain('b')], []);
  assert.deepEqual(told.splice(0), ['nothing to wait for', 'a true']);
  clusters.prepare(new Set(['a', 'c']), 5000, () => told.push(`c ${clusters.areActive(new Set(['a', 'c']))}`));
  clusters.receive([], ['c']);
  t.mock.timers.tick(1999);
  assert.deepEqual(told, []);
  t.mock.timers.tick(1);
  clusters.receive([plain('c')], []);
  assert.deepEqual(told.splice(0), ['c false'], 'once');
  let isOver = false;
  clusters.prepare(new Set(['d']), 5000, () => (isOver = true));
  t.mock.timers.tick(4999);
  assert.equal(isOver, false);
  t.mock.timers.tick(1);
  assert.equal(isOver, true);
});

test('a table that comes before its clusters leaves the former one in force until they have come, not for ever', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { clusters, routes, states } = stores();
  const plain = (name: string): AdsResource => resource(ClusterSchema, name, { name, type: 'STATIC' });
  routes.use('80');
  const current = (): string | undefined => states('80').find((state) => state.startsWith('active'));
  routes.receive([routesTo('a')]);
  assert.equal(current(), 'active1', 'where none serves, the first waits for nobody');
  clusters.receive([plain('a')], []);
  routes.receive([routesTo('b', '2')]);
  clusters.receive([], ['a']);
  assert.equal(current(), 'active1');
  assert.ok(clusters.get('a'), 'nor does its cluster leave');
  clusters.receive([plain('b')], []);
  assert.deepEqual([current(), clusters.get('a')], ['active2', undefined]);
  routes.receive([routesTo('c', '3')]);
  t.mock.timers.tick(1999);
  assert.equal(current(), 'active2');
  routes.receive([routesTo('d', '4')]);
  t.mock.timers.tick(1999);
  assert.equal(current(), 'active2');
  t.mock.timers.tick(1);
  assert.equal(current(), 'active4', 'there is no such cluster');
});

test('a cluster that a request asks for is asked for besides all that the server sends, and not left', () => {
  const cases: readonly (readonly [mode: ClusterStoreOptions['mode'], asks: boolean])[] = [
    ['wildcard', true],
    ['named', true],
    ['static', false],
  ];
  for (const [mode, asks] of cases) {
    const { clusters, takeAsked } = stores(mode);
    const answers: unknown[] = [];
    assert.equal(clusters.get('x'), undefined);
    assert.deepEqual(takeAsked(), [], mode);
    clusters.request('x', 1000, (cluster) => answers.push(cluster?.name));
    assert.deepEqual([takeAsked(), answers], asks ? [['+Cluster x'], []] : [[], [undefined]], mode);
    if (!asks) continue;
    clusters.refer('somebody', new Set(['x']), 0, () => {});
    clusters.receive([resource(ClusterSchema, 'x', { name: 'x', type: 'STATIC' })], []);
    assert.deepEqual(answers, ['x']);
    clusters.refer('somebody', new Set(), 0, () => {});
    assert.equal(clusters.get('x') !== undefined, mode === 'wildcard', mode);
  }
});

test('a refused route table leaves the former one in force', () => {
  const { routes, states } = stores('static');
  const source = routes.use('80');
  routes.receive([routesTo('a')]);
  const before = source.current();
  assert.ok(before);
  const bad = resource(RouteConfigurationSchema, '80', { name: '80', virtual_hosts: [{ name: 'v', domains: [] }] }, { version: '2' });
  assert.throws(() => routes.receive([bad]), /^ConfigError: 80: virtual_hosts\[0\]\.domains: is empty$/);
  assert.equal(source.current(), before);
  assert.deepEqual(states('80'), ['active1', 'refused2']);
});

class FakeListener implements ManagedListener<FakeListener> {
  activeConnections = 0;
  readonly log: string[];
  readonly name: string;
  failure: Error | undefined;

  constructor(name: string, log: string[]) {
    this.name = name;
    this.log = log;
  }

  async start(former?: FakeListener): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.log.push(`start ${this.name}${former === undefined ? '' : ` over ${former.name}`}`);
  }

  askToLeave(): void {
    this.log.push(`ask ${this.name} to leave`);
  }

  drain(keeping?: ReadonlySet<number>): void {
    this.log.push(`drain ${this.name}${keeping === undefined ? '' : ` but ${String([...keeping])}`}`);
  }

  endDrained(ms: number): void {
    this.log.push(`end of ${this.name} what drains for ${ms}`);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.log.push(`close ${this.name}`);
  }
}

function listeners() {
  const log: string[] = [];
  const ready = new Map<string, () => void>();
  const failing = new Set<string>();
  const broken = new Set(['bad']);
  const found = new Set<string>();
  const built = new Map<string, FakeListener>();
  const resources = createResourceLog(systemClock);
  const store = new ListenerStore<FakeListener>({
    build(config) {
      const id = config.defaultFilterChain?.name ?? '';
      if (broken.has(id)) throw new ConfigError('.stat_prefix', 'is bad');
      const listener = new FakeListener(id, log);
      built.set(id, listener);
      if (failing.has(id)) listener.failure = new Error('address in use');
      return {
        listener,
        whenReady: (callback) => ready.set(id, callback),
        release: () => log.push(`release ${id}`),
      };
    },
    resources,
    log: silentLog,
    drainMs: 1000,
    onActive: (listener) => found.add(listener.name),
    onInactive: (listener) => found.delete(listener.name),
  });
  const of = (id: string): AdsResource =>
    resource(ListenerSchema, 'l', { name: 'l', filter_chains: [{ name: 'same' }], default_filter_chain: { name: id } }, { version: id });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const open = async (id: string): Promise<void> => {
    ready.get(id)?.();
    await settle();
  };
  /** A listener that has what it needs, and starts no sooner than the function is called. */
  const startLater = async (id: string): Promise<() => void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    store.receive([of(id)], []);
    const listener = built.get(id);
    assert.ok(listener);
    listener.start = async () => {
      await promise;
      log.push(`start ${id}`);
    };
    await open(id);
    return resolve;
  };
  return { store, of, open, settle, startLater, log, failing, broken, found, built, resources };
}

test('a listener starts when all it needs is there, and takes the place of the former one, which drains', async () => {
  const { store, of, open, settle, log } = listeners();
  store.receive([of('1')], []);
  await settle();
  assert.equal(log.length, 0);
  await open('1');
  store.receive([of('2')], []);
  store.receive([of('2')], []);
  assert.deepEqual(
    [...store.active()].map((l) => l.name),
    ['1'],
  );
  await open('2');
  assert.deepEqual(log, ['start 1', 'start 2 over 1', 'drain 1']);
  store.receive([], ['l']);
  assert.deepEqual(log.slice(3), ['drain 1', 'drain 2']);
  await store.close();
  assert.deepEqual(
    log.slice(5).toSorted((a, b) => a.localeCompare(b)),
    ['close 1', 'close 2', 'release 1', 'release 2'],
  );
});

test('what a replaced listener carries in chains that have not changed goes on; the rest has the drain time', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { store, of, open, log, built } = listeners();
  const put = async (id: string): Promise<void> => {
    store.receive([of(id)], []);
    await open(id);
  };
  await put('1');
  const first = built.get('1');
  assert.ok(first);
  first.activeConnections = 2;
  await put('2');
  await put('3');
  assert.deepEqual(log.splice(0), ['start 1', 'start 2 over 1', 'drain 1 but 0', 'start 3 over 2', 'drain 1 but 0', 'drain 2']);
  t.mock.timers.tick(1005);
  assert.ok(log.includes('end of 1 what drains for 1000') && log.includes('release 2') && !log.includes('release 1'));
  store.receive([], ['l']);
  assert.deepEqual(log.slice(-2), ['drain 1', 'drain 3']);
  first.activeConnections = 0;
  t.mock.timers.tick(1005);
  assert.ok(log.includes('release 1'));
  await store.close();
});

test('listeners of a proxy that drains are still found by its own connections', async () => {
  const { store, of, open, log, found } = listeners();
  store.receive([of('1')], []);
  await open('1');
  store.receive([of('2')], []);
  await open('2');
  store.drain();
  assert.deepEqual([log.slice(2), [...found]], [['drain 1', 'drain 2'], ['2']]);
  store.receive([], ['l']);
  assert.deepEqual([...found], []);
  await store.close();
});

test('a listener that waits is dropped for a newer one; one that is refused or cannot bind leaves the former', async () => {
  const { store, of, open, log, failing, resources } = listeners();
  store.receive([of('1')], []);
  await open('1');
  store.receive([of('2')], []);
  store.receive([of('3')], []);
  await open('2');
  assert.deepEqual(log, ['start 1', 'release 2', 'close 2']);
  assert.throws(() => store.receive([of('bad')], []), /^ConfigError: l: stat_prefix: is bad$/);
  failing.add('4');
  store.receive([of('4')], []);
  await open('4');
  assert.deepEqual(
    [...store.active()].map((l) => l.name),
    ['1'],
  );
  assert.deepEqual(
    [...resources.all()].filter((r) => r.state === 'refused').map((r) => r.error),
    ['address in use'],
  );
  await store.close();
});

test('a listener that is taken away while it starts listens no more', async () => {
  const { store, settle, log, startLater } = listeners();
  const start = await startLater('1');
  store.receive([], ['l']);
  start();
  await settle();
  assert.deepEqual(log, ['start 1', 'release 1', 'close 1']);
  assert.deepEqual([...store.all()], []);
});

test('a listener that is replaced while it starts keeps its route tables until the newer one is in force', async () => {
  const { store, of, open, log, startLater } = listeners();
  const start = await startLater('1');
  store.receive([of('2')], []);
  start();
  await open('2');
  assert.deepEqual(log, ['start 1', 'start 2 over 1', 'drain 1']);
  await store.close();
});

test('a listener that cannot be built any more when it is tried again is tried later', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { store, of, open, failing, broken, log } = listeners();
  failing.add('1');
  store.receive([of('1')], []);
  await open('1');
  failing.delete('1');
  broken.add('1');
  t.mock.timers.tick(1000);
  broken.delete('1');
  log.splice(0);
  t.mock.timers.tick(2000);
  await open('1');
  assert.deepEqual(log, ['start 1']);
  await store.close();
});

test('secrets: what is watched is asked for, and left with the last watcher', () => {
  const { secrets, takeAsked } = stores();
  const pair = secrets.keyPair('x');
  let calls = 0;
  const stop = pair.watch(() => calls++);
  assert.deepEqual(takeAsked(), ['+Secret x']);
  secrets.set('x', { keyPair: { certificateChain: 'c', privateKey: 'k' } });
  assert.deepEqual([calls, pair.current()?.privateKey], [1, 'k']);
  stop();
  assert.deepEqual(takeAsked(), ['-Secret x']);
});
