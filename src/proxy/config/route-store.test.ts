/** Virtual hosts and scopes that come by themselves, against a server that is a list of calls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { systemClock } from '../../core/clock.ts';
import type { AdsResource } from '../../xds/client.ts';
import { VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { ScopedRouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/scoped_route_pb.ts';
import { buildOpenTable } from '../router/open-route-table.ts';
import { buildRouteTable } from '../router/route-table.ts';
import type { RouteSource } from '../router/route.ts';
import { headOf } from '../router/testing/routes.ts';
import { createStats } from '../telemetry/registry.ts';
import { statNames } from '../telemetry/testing/stat-names.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { createResourceLog } from './resource-log.ts';
import { RouteStore, type RouteStoreOptions } from './route-store.ts';
import { ScopeStore } from './scope-store.ts';
import { notedSubscriptions, resource } from './testing/fake-server.ts';

function setUp() {
  const { subscriptions, takeAsked } = notedSubscriptions();
  const resources = createResourceLog(systemClock);
  const stats = createStats();
  const build: RouteStoreOptions['build'] = (config, path) => buildRouteTable(config, path, []);
  const buildOpen: RouteStoreOptions['buildOpen'] = (config) => buildOpenTable(config, []);
  const clusters: RouteStoreOptions['clusters'] = {
    refer: (_who, _names, _ms, done) => done(),
    expect: (_names, _ms, done) => done(),
    areActive: () => true,
    prepare: (_names, _ms, done) => done(),
  };
  const routes = new RouteStore({ build, buildOpen, clusters, subscriptions, resources, stats });
  const scopes = new ScopeStore({ routes, build, subscriptions, resources });
  return { routes, scopes, resources, stats, takeAsked };
}

const hostOf = (domain: string, status: number): JsonObject => ({
  name: domain,
  domains: [domain],
  routes: [{ match: { prefix: '/' }, direct_response: { status } }],
});

const tableOf = (name: string, ...hosts: JsonObject[]): AdsResource =>
  resource(RouteConfigurationSchema, name, { name, vhds: { config_source: { ads: {} } }, virtual_hosts: hosts });

const vhost = (name: string, domain: string, status: number, aliases: string[] = []): AdsResource =>
  resource(VirtualHostSchema, name, hostOf(domain, status), { aliases });

function statusOf(source: RouteSource | undefined, authority: string, headers: Record<string, string> = {}): number | undefined {
  const action = source?.current()?.match(headOf({ authority, headers }), 0, fakeInfo())?.action;
  return action?.kind === 'direct' ? action.status : undefined;
}

test('what a table counts under is there from the start, and stays as long as one of its names', () => {
  const { routes, stats } = setUp();
  const names = (): string[] => statNames(stats, 'vhost.').filter((name) => name.endsWith('_total'));
  const counting = (prefix: string, vcluster: string): JsonObject => ({
    name: 'v',
    domains: ['*'],
    virtual_clusters: [{ name: vcluster, headers: [{ name: ':method', string_match: { exact: 'GET' } }] }],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200 }, stat_prefix: prefix }],
  });
  routes.use('t');
  routes.receive([tableOf('t', counting('a', 'gets'))]);
  const kept = ['vhost.v.vcluster.gets.upstream_rq_total', 'vhost.v.vcluster.other.upstream_rq_total'];
  assert.deepEqual(names(), ['vhost.v.route.a.upstream_rq_total', ...kept]);
  const total = stats.scope('vhost.v').scope('vcluster.gets').counter('upstream_rq_total');
  total.value = 3;
  routes.receive([{ ...tableOf('t', counting('b', 'gets')), version: '2' }]);
  assert.deepEqual(names(), ['vhost.v.route.b.upstream_rq_total', ...kept]);
  assert.equal(stats.scope('vhost.v').scope('vcluster.gets').counter('upstream_rq_total'), total, 'goes on counting');
});

test('virtual hosts come when requests ask for them, and stay over a new table', () => {
  const { routes, takeAsked } = setUp();
  const source = routes.use('t');
  assert.equal(
    source.request?.(headOf({ authority: 'a.com' }), () => assert.fail('asked too early')),
    false,
  );
  routes.receive([tableOf('t', hostOf('own.com', 201))]);
  assert.deepEqual(takeAsked(), ['+RouteConfiguration t', '+VirtualHost t']);
  assert.deepEqual([statusOf(source, 'own.com'), statusOf(source, 'a.com')], [201, undefined]);
  const called: string[] = [];
  assert.equal(
    source.request?.(headOf({ authority: 'A.com' }), () => called.push('first')),
    true,
  );
  assert.equal(
    source.request?.(headOf({ authority: 'a.com' }), () => called.push('second')),
    true,
  );
  assert.deepEqual(takeAsked(), ['+VirtualHost t/a.com']);
  routes.receiveHosts([vhost('t/the-a', 'a.com', 202, ['t/a.com'])], []);
  assert.deepEqual(called, ['first', 'second']);
  assert.equal(statusOf(source, 'a.com'), 202);
  routes.receive([tableOf('t', hostOf('own.com', 203))]);
  assert.deepEqual([statusOf(source, 'own.com'), statusOf(source, 'a.com')], [203, 202]);
  routes.receiveHosts([], ['t/the-a']);
  assert.equal(statusOf(source, 'a.com'), undefined);
  takeAsked();
  routes.release('t');
  assert.deepEqual(takeAsked(), ['-RouteConfiguration t', '-VirtualHost t,t/a.com']);
});

test('a host that does not exist keeps nobody waiting, and is asked for again', () => {
  const { routes, takeAsked } = setUp();
  const source = routes.use('t');
  routes.receive([tableOf('t')]);
  takeAsked();
  let calls = 0;
  const ask = (): void => void source.request?.(headOf({ authority: 'none' }), () => calls++);
  ask();
  routes.receiveHosts([], ['t/none']);
  assert.equal(calls, 1);
  ask();
  assert.deepEqual(takeAsked(), ['+VirtualHost t/none', '-VirtualHost t/none', '+VirtualHost t/none']);
  routes.release('t');
  assert.equal(calls, 2, 'nobody waits for a table that is gone');
});

test('made-up names are asked for in a bounded number', () => {
  const { routes } = setUp();
  const source = routes.use('t');
  routes.receive([tableOf('t')]);
  const asked = Array.from({ length: 1001 }, (_, i) => source.request?.(headOf({ authority: `h${i}` }), () => {}));
  assert.deepEqual([asked.filter((isAsked) => isAsked === true).length, asked.at(-1)], [1000, false]);
});

test('a virtual host that is wrong is refused by name, and what was there stays', () => {
  const { routes } = setUp();
  const source = routes.use('t');
  routes.receive([tableOf('t', hostOf('own.com', 201))]);
  routes.receiveHosts([vhost('t/a', 'a.com', 202)], []);
  assert.throws(() => routes.receiveHosts([vhost('t/a', 'own.com', 203)], []), {
    name: 'ConfigError',
    message: /^t\/a: virtual_hosts\[1\]\.name: "own\.com" stands twice/,
  });
  assert.equal(statusOf(source, 'a.com'), 202);
  const wrong = resource(RouteConfigurationSchema, 't', { name: 't', vhds: {} });
  assert.throws(() => routes.receive([wrong]), /t: vhds\.config_source: only ads/);
});

test('scopes come from the server, with the tables that they name', () => {
  const { routes, scopes, takeAsked } = setUp();
  const scope = (name: string, key: string, more: JsonObject): AdsResource =>
    resource(ScopedRouteConfigurationSchema, name, { name, key: { fragments: [{ string_key: key }] }, ...more });
  const found = scopes.use();
  let isReady = false;
  scopes.whenReady(() => (isReady = true));
  assert.deepEqual(takeAsked(), ['+ScopedRouteConfiguration *']);
  scopes.receive(
    [
      scope('one', 'k1', { route_configuration_name: 't' }),
      scope('late', 'k2', { route_configuration_name: 'u', on_demand: true }),
      scope('own', 'k3', { route_configuration: { name: 'w', virtual_hosts: [hostOf('*', 203)] } }),
    ],
    [],
  );
  assert.deepEqual(takeAsked(), ['+RouteConfiguration t']);
  assert.equal(isReady, false);
  routes.receive([resource(RouteConfigurationSchema, 't', { name: 't', virtual_hosts: [hostOf('*', 201)] })]);
  assert.equal(isReady, true);
  const statusAt = (key: string): number | undefined => statusOf(found.find(`${key}\0`), 'a');
  assert.deepEqual(['k1', 'k2', 'k3', 'k4'].map(statusAt), [201, undefined, 203, undefined]);
  let called = 0;
  assert.equal(
    found.find('k2\0')?.request?.(headOf({}), () => called++),
    true,
  );
  assert.deepEqual(takeAsked(), ['+RouteConfiguration u']);
  routes.receive([resource(RouteConfigurationSchema, 'u', { name: 'u', virtual_hosts: [hostOf('*', 202)] })]);
  assert.deepEqual([called, statusAt('k2')], [1, 202]);
  assert.throws(
    () => scopes.receive([scope('again', 'k1', { route_configuration_name: 't' })], []),
    /again: key: is that of the scope "one"/,
  );
  scopes.receive([], ['one', 'late', 'unknown']);
  assert.deepEqual(takeAsked(), ['-RouteConfiguration t', '-RouteConfiguration u']);
  assert.deepEqual(['k1', 'k2', 'k3'].map(statusAt), [undefined, undefined, 203]);
  scopes.release();
  assert.deepEqual(takeAsked(), ['-ScopedRouteConfiguration *']);
  assert.equal(statusAt('k3'), undefined);
});

test('scopes exchange their keys in one response, and those that cannot have theirs stay as they were', () => {
  const { scopes } = setUp();
  const scope = (name: string, key: string, status: number): AdsResource =>
    resource(ScopedRouteConfigurationSchema, name, {
      name,
      key: { fragments: [{ string_key: key }] },
      route_configuration: { name, virtual_hosts: [hostOf('*', status)] },
    });
  const found = scopes.use();
  const statuses = (): unknown => ['k1', 'k2', 'k3'].map((key) => statusOf(found.find(`${key}\0`), 'a'));
  scopes.receive([scope('a', 'k1', 201), scope('b', 'k2', 202)], []);
  assert.deepEqual(statuses(), [201, 202, undefined]);
  scopes.receive([scope('a', 'k2', 201), scope('b', 'k1', 202)], []);
  assert.deepEqual(statuses(), [202, 201, undefined]);
  scopes.receive([scope('c', 'k1', 203)], ['b']);
  assert.deepEqual(statuses(), [203, 201, undefined], 'a key of a scope that goes is free');
  // `d` cannot have the key of `c`, nor `c` then that of `a`, which keeps its own with `c`
  const broken = { ...scope('a', 'k3', 201), any: new Uint8Array([0xff]) };
  assert.throws(() => scopes.receive([broken, scope('c', 'k2', 203), scope('d', 'k1', 204)], []), {
    name: 'ConfigError',
    message: /^a: .*; c: key: is that of the scope "a" too; d: key: is that of the scope "c" too$/,
  });
  assert.deepEqual(statuses(), [203, 201, undefined]);
});
