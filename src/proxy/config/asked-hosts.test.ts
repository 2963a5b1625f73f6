import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { systemClock } from '../../core/clock.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { AdsResource } from '../../xds/client.ts';
import { VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { VIRTUAL_HOST_TYPE } from '../../xds/types.ts';
import { buildOpenTable, isOpenTable } from '../router/open-route-table.ts';
import { createStats } from '../telemetry/registry.ts';
import { statNames } from '../telemetry/testing/stat-names.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { AskedHosts } from './asked-hosts.ts';
import { createResourceLog } from './resource-log.ts';

const MINUTE_MS = 60_000;

function headOf(authority: string): RequestHead {
  return { method: 'GET', path: '/', authority, scheme: 'http', protocol: 'HTTP/1.1', headers: new HeaderBlock(), contentLength: 0 };
}

/** A virtual host that answers with `status`, or leads to a cluster. */
function host(name: string, domains: readonly string[], to: number | string): JsonObject {
  const action = typeof to === 'number' ? { direct_response: { status: to } } : { route: { cluster: to } };
  return { name, domains: [...domains], routes: [{ match: { prefix: '/' }, ...action }] };
}

const config = (status = 404): ReturnType<typeof fromJson<typeof RouteConfigurationSchema>> =>
  fromJson(RouteConfigurationSchema, {
    name: '80',
    virtual_hosts: [host('rest', ['*'], status)],
    vhds: { config_source: { ads: {} } },
    metadata: { filter_metadata: { 'tulle.on_demand_hosts': {} } },
    ignore_port_in_host_matching: true,
  });

const sent = (asked: string, version: string, json: JsonObject): AdsResource => ({
  name: `80/${asked}`,
  version,
  typeUrl: VIRTUAL_HOST_TYPE,
  any: toBinary(VirtualHostSchema, fromJson(VirtualHostSchema, json)),
});

function setUp() {
  const log: string[] = [];
  /** Clusters that are not there; who waits for them. */
  const absent = new Set<string>();
  const preparing: (() => void)[] = [];
  const resources = createResourceLog(systemClock);
  const stats = createStats();
  let table = buildOpenTable(config(), []);
  const hosts = new AskedHosts(table, {
    clusters: {
      refer(who, names, _timeoutMs, callback) {
        log.push(`${who}: ${[...names].join(' ') || 'nothing'}`);
        callback();
      },
      areActive: (names) => [...names].every((name) => !absent.has(name)),
      prepare(names, _timeoutMs, callback) {
        if ([...names].every((name) => !absent.has(name))) callback();
        else preparing.push(callback);
      },
    },
    subscriptions: {
      subscribe: (_type, names) => log.push(`+${String(names)}`),
      unsubscribe: (_type, names) => log.push(`-${String(names)}`),
    },
    resources,
    stats,
  });
  /** What a request gets at once; undefined where it has to wait. */
  const call = (authority: string, then: (status: string) => void = () => {}): string | undefined => {
    const status = (): string => {
      const action = table.match(headOf(authority), 0, fakeInfo())?.action;
      return action?.kind === 'direct'
        ? String(action.status)
        : action?.kind === 'cluster'
          ? action.cluster(headOf(authority), 0).name
          : 'none';
    };
    return hosts.awaits(headOf(authority), () => then(status())) ? undefined : status();
  };
  const moveTo = (status: number): void => {
    const next = buildOpenTable(config(status), []);
    hosts.moveTo(next);
    table = next;
  };
  return { hosts, call, moveTo, resources, stats, absent, preparing, take: () => log.splice(0) };
}

test('a table is open that says so and has VHDS', () => {
  assert.equal(isOpenTable(config()), true);
  assert.equal(isOpenTable(create(RouteConfigurationSchema, { ...config(), vhds: undefined })), false);
  assert.equal(isOpenTable(create(RouteConfigurationSchema, { ...config(), metadata: undefined })), false);
});

test('a host is asked for when it is first called, by all who call it together', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, take } = setUp();
  const got: string[] = [];
  assert.equal(
    call('Reviews:8080', (status) => got.push(status)),
    undefined,
  );
  assert.equal(
    call('reviews', (status) => got.push(status)),
    undefined,
  );
  assert.deepEqual(take(), ['+80/reviews'], 'without its port, which does not count');
  hosts.receive([sent('reviews', '1', host('r', ['reviews', 'reviews.shop'], 'c'))], []);
  assert.deepEqual(got, ['c', 'c']);
  assert.deepEqual(take(), ['virtual host 80 1: c']);
  assert.equal(call('reviews.shop'), 'c', 'another name of the same is known already');
  assert.deepEqual(take(), []);
});

test('what a virtual host counts under comes and goes with it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, moveTo, stats } = setUp();
  const names = (): string[] => statNames(stats, 'vhost.').filter((name) => name.endsWith('_total'));
  const counting = (name: string): JsonObject => ({
    ...host('r', ['reviews'], 'c'),
    virtual_clusters: [{ name, headers: [{ name: ':path', string_match: { prefix: '/' } }] }],
  });
  call('reviews');
  hosts.receive([sent('reviews', '1', counting('all'))], []);
  const former = ['vhost.r.vcluster.all.upstream_rq_total', 'vhost.r.vcluster.other.upstream_rq_total'];
  assert.deepEqual(names(), former);
  moveTo(405);
  assert.deepEqual(names(), former);
  hosts.receive([sent('reviews', '2', counting('most'))], []);
  assert.deepEqual(names(), ['vhost.r.vcluster.most.upstream_rq_total', 'vhost.r.vcluster.other.upstream_rq_total']);
  hosts.receive([], ['80/reviews']);
  assert.deepEqual(names(), []);
});

test('a wildcard that is here says nothing of hosts that were not asked for', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, take } = setUp();
  const wild = host('w', ['*.wild'], 201);
  call('a.wild');
  hosts.receive([sent('a.wild', '1', wild)], []);
  assert.equal(call('a.wild'), '201');
  assert.equal(call('b.wild'), undefined);
  hosts.receive([sent('b.wild', '2', host('b', ['b.wild'], 202))], []);
  assert.deepEqual([call('a.wild'), call('b.wild')], ['201', '202']);
  call('c.wild');
  hosts.receive([sent('c.wild', '1', wild)], []);
  hosts.receive([], ['80/a.wild']);
  assert.deepEqual([call('a.wild'), call('c.wild')], ['201', '201'], 'it stays while one of its names is left');
  hosts.receive([], ['80/c.wild']);
  assert.deepEqual([call('a.wild'), call('b.wild'), call('c.wild')], ['404', '202', '404']);
  take();
});

test('a host that is unknown gets the rest at once, and is not asked for again', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, take } = setUp();
  const got: string[] = [];
  call('nobody', (status) => got.push(status));
  hosts.receive([], ['80/nobody']);
  assert.deepEqual([got, call('nobody')], [['404'], '404']);
  assert.deepEqual(take(), ['+80/nobody']);
  hosts.receive([sent('nobody', '1', host('n', ['nobody'], 203))], []);
  assert.equal(call('nobody'), '203', 'it has come since');
});

test('without an answer the rest takes it after five seconds, and then at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call } = setUp();
  const got: string[] = [];
  call('slow', (status) => got.push(status));
  t.mock.timers.tick(4999);
  assert.deepEqual(got, []);
  t.mock.timers.tick(1);
  assert.deepEqual([got, call('slow')], [['404'], '404']);
  hosts.receive([sent('slow', '1', host('s', ['slow'], 204))], []);
  assert.equal(call('slow'), '204');
});

test('a domain that goes from one virtual host to another is never without', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, take } = setUp();
  call('a');
  call('b');
  hosts.receive([sent('a', '1', host('a', ['a', 'x'], 'one')), sent('b', '2', host('b', ['b'], 'two'))], []);
  take();
  hosts.receive([sent('b', '3', host('b', ['b', 'x'], 'two')), sent('a', '4', host('a', ['a'], 'three'))], []);
  assert.deepEqual([call('a'), call('b'), call('x')], ['three', 'two', 'two']);
  assert.deepEqual(take(), [
    'virtual host 80 3: two',
    'virtual host 80 4: three',
    'virtual host 80 2: nothing',
    'virtual host 80 1: nothing',
  ]);
});

test('another version serves once its clusters are there, the newest of them', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, absent, preparing, take, moveTo } = setUp();
  call('a');
  call('b');
  hosts.receive([sent('a', '1', host('a', ['a', 'x'], 'one')), sent('b', '2', host('b', ['b'], 'two'))], []);
  absent.add('three').add('four');
  hosts.receive([sent('a', '3', host('a', ['a'], 'three')), sent('b', '4', host('b', ['b', 'x'], 'two'))], []);
  assert.deepEqual([call('a'), call('b'), call('x')], ['one', 'two', 'one'], 'all of one response waits');
  take();
  hosts.receive([sent('a', '5', host('a', ['a'], 'four'))], []);
  assert.deepEqual(take(), ['virtual host 80 5: four', 'virtual host 80 3: nothing']);
  moveTo(500);
  preparing.shift()?.();
  assert.deepEqual([call('a'), call('b'), call('x')], ['one', 'two', 'two'], 'what is out of date changes nothing');
  preparing.shift()?.();
  assert.equal(call('a'), 'four');
  assert.deepEqual(take(), ['virtual host 80 2: nothing', 'virtual host 80 1: nothing']);
});

test('where the former version has not all of its clusters either, requests wait for the next', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, absent, preparing } = setUp();
  const got: string[] = [];
  const wait = (): void =>
    assert.equal(
      call('a', (status) => got.push(status)),
      undefined,
    );
  call('a');
  absent.add('one').add('two').add('three').add('four');
  hosts.receive([sent('a', '1', host('a', ['a'], 'one'))], []);
  assert.equal(call('a'), 'one', 'the first version is there at once: its clusters are asked for as requests need them');
  hosts.receive([sent('a', '2', host('a', ['a'], 'two'))], []);
  wait();
  hosts.receive([sent('a', '3', host('a', ['a'], 'three'))], []);
  wait();
  for (const prepared of preparing.splice(0)) prepared();
  assert.deepEqual([got.splice(0), call('a')], [['three', 'three'], 'three']);
  hosts.receive([sent('a', '4', host('a', ['a'], 'four'))], []);
  wait();
  t.mock.timers.tick(5000);
  assert.deepEqual([got.splice(0), call('a')], [['four'], 'four'], 'not for ever');
  hosts.receive([sent('a', '5', host('a', ['a'], 'one'))], []);
  wait();
  hosts.receive([], ['80/a']);
  assert.deepEqual([got, call('a')], [['404'], '404'], 'what is taken away waits for nothing');
});

test('one that is refused keeps the former one, and its requests do not wait', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, resources } = setUp();
  const got: string[] = [];
  call('a', (status) => got.push(status));
  call('b', (status) => got.push(status));
  const broken = { ...host('a', ['a*b'], 200) };
  assert.throws(() => hosts.receive([sent('a', '1', broken), sent('b', '2', host('b', ['b'], 205))], []), {
    name: 'ConfigError',
    message: '80/a: domains[0]: "a*b" has a * that is neither first nor last',
  });
  assert.deepEqual(got, ['404', '205']);
  hosts.receive([sent('a', '3', host('a', ['a'], 206))], []);
  assert.throws(() => hosts.receive([sent('a', '4', broken)], []));
  assert.equal(call('a'), '206');
  assert.deepEqual([...resources.all()].map(({ name, state, version }) => `${name} ${state} ${version}`).toSorted(), [
    '80/a active 3',
    '80/a refused 4',
    '80/b active 2',
  ]);
});

test('a host leaves that nobody calls, with its clusters', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, take, resources } = setUp();
  for (const name of ['idle', 'busy', 'nobody']) call(name);
  hosts.receive([sent('idle', '1', host('i', ['idle'], 'i')), sent('busy', '2', host('b', ['busy', 'busy.shop'], 'b'))], ['80/nobody']);
  take();
  for (let minutes = 0; minutes < 11; minutes++) {
    call('busy.shop');
    t.mock.timers.tick(MINUTE_MS);
  }
  assert.deepEqual(take(), ['-80/idle,80/nobody', 'virtual host 80 1: nothing']);
  assert.deepEqual(
    [...resources.all()].map(({ name }) => name),
    ['80/busy'],
  );
  assert.equal(call('idle'), undefined, 'and is asked for again');
});

test('what has come is in a table that takes the place of another', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, moveTo } = setUp();
  call('a');
  hosts.receive([sent('a', '1', host('a', ['a'], 207))], []);
  call('nobody');
  hosts.receive([], ['80/nobody']);
  moveTo(500);
  assert.deepEqual([call('a'), call('nobody')], ['207', '500']);
});

test('names that are none are not asked for, and nobody waits for a table that is gone', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { hosts, call, take } = setUp();
  assert.deepEqual([call(''), call('a/b'), call('x'.repeat(300))], ['404', '404', '404']);
  const got: string[] = [];
  call('a', (status) => got.push(status));
  hosts.close();
  assert.deepEqual(got, ['404']);
  assert.deepEqual(take(), ['+80/a', '-80/a']);
});
