import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { HttpConnectionManagerSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { typeRegistry } from '../../xds/type-registry.ts';
import type { Cluster, ClusterManager } from '../cluster/cluster.ts';
import { httpFilters } from '../http/filters/index.ts';
import { createStats } from '../telemetry/registry.ts';
import { answering, ask, response, startOrigin, startProxy, testCluster, testClusters } from '../testing/http-harness.ts';
import type { RouteSource, RouteTable } from './route.ts';
import { buildRouteTable } from './route-table.ts';

const REQUEST = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody';

const to = (cluster: string, more: JsonObject = {}): JsonObject => ({ match: { prefix: '/' }, route: { cluster }, ...more });
const DIRECT: JsonObject = { match: { prefix: '/' }, direct_response: { status: 299, body: { inline_string: 'said' } } };
const disabled = (name: string): JsonObject => ({
  typed_per_filter_config: { [name]: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true } },
});

function tableOf(...routes: JsonObject[]): RouteTable {
  const config = { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes }] };
  return buildRouteTable(fromJson(RouteConfigurationSchema, config, { registry: typeRegistry }), '', httpFilters);
}

/** What is in force, and what comes while a request waits for a cluster: another table each time; then what there is stays. */
interface World {
  readonly tables: RouteTable[];
  /** Clusters that were waited for, in vain. */
  readonly asked: string[];
  /** True where a host's routes are being replaced, so that the next request for them waits. */
  isChanging: boolean;
}

async function setUp(t: TestContext, ...tables: RouteTable[]) {
  const seen: string[] = [];
  const origin = await startOrigin(
    answering((message) => {
      seen.push(message);
      return response(200, 'hello');
    }),
  );
  const stats = createStats();
  const there: readonly Cluster[] = [testCluster('there', [origin.port], stats)];
  const world: World = { tables, asked: [], isChanging: false };
  const change = (): void => void (world.tables.length > 1 && world.tables.shift());
  const clusters: ClusterManager = {
    ...testClusters(there),
    onDemandMs: 5000,
    request(name, _timeoutMs, callback) {
      world.asked.push(name);
      setImmediate(() => {
        if (!world.isChanging) change();
        callback(undefined);
      });
    },
  };
  const routes: RouteSource = {
    current: () => world.tables[0],
    awaits(_head, callback) {
      // the first look at routes is before any cluster was asked for
      if (!world.isChanging || world.asked.length === 0) return false;
      world.isChanging = false;
      setImmediate(() => {
        change();
        callback();
      });
      return true;
    },
  };
  const configSource = { configSourceSpecifier: { case: 'ads', value: {} } } as const;
  const message = create(HttpConnectionManagerSchema, {
    routeSpecifier: { case: 'rds', value: { configSource, routeConfigName: 'r' } },
  });
  const proxy = await startProxy(message, clusters, stats, undefined, routes);
  t.after(async () => {
    await origin.close();
    await proxy.close();
  });
  return { world, seen, send: () => ask(proxy.port, REQUEST), stats };
}

test('a request whose cluster goes while it waits takes the route that is in force then, with its body', async (t) => {
  const { world, seen, send } = await setUp(t, tableOf(to('gone')), tableOf(to('there')));
  assert.match(await send(), /^HTTP\/1.1 200 [^]*hello$/);
  assert.deepEqual(world.asked, ['gone']);
  assert.equal(seen.length, 1);
  assert.match(seen[0] ?? '', /body$/);
});

test('it waits for routes that are being replaced', async (t) => {
  const { world, seen, send } = await setUp(t, tableOf(to('gone')), tableOf(to('there')));
  world.isChanging = true;
  assert.match(await send(), /^HTTP\/1.1 200 [^]*hello$/);
  assert.match(seen[0] ?? '', /body$/);
});

test('it is answered by the route in force: directly, or that there is none', async (t) => {
  const direct = await setUp(t, tableOf(to('gone')), tableOf(DIRECT));
  assert.match(await direct.send(), /^HTTP\/1.1 299 [^]*said$/);
  const none = await setUp(t, tableOf(to('gone')), tableOf());
  assert.match(await none.send(), /^HTTP\/1.1 404 /);
  assert.equal(none.stats.scope('http.test').counter('no_route').value, 1);
  assert.equal(none.stats.scope('http.test').counter('rq_total').value, 1);
});

test('a cluster that is not there is not there, as long as routes lead to it', async (t) => {
  const { world, send } = await setUp(t, tableOf(to('gone')));
  assert.match(await send(), /^HTTP\/1.1 503 /);
  assert.deepEqual(world.asked, ['gone']);
});

test('routes that take a share of requests take the same requests when one looks again', async (t) => {
  const share: JsonObject = { match: { prefix: '/', runtime_fraction: { default_value: { numerator: 50 } } }, route: { cluster: 'gone' } };
  const { world, send } = await setUp(t, tableOf(share, to('there')));
  const answers = await Promise.all(Array.from({ length: 40 }, send));
  const failed = answers.filter((text) => text.startsWith('HTTP/1.1 503')).length;
  assert.equal(failed, world.asked.length);
  assert.ok(failed > 0, 'one in a million million runs has none');
});

test('it looks for another route a bounded number of times', async (t) => {
  const names = Array.from({ length: 20 }, (_, i) => `gone-${i}`);
  const { world, send } = await setUp(t, ...names.map((name) => tableOf(to(name))));
  assert.match(await send(), /^HTTP\/1.1 503 /);
  assert.equal(world.asked.length, 6);
});

test('it does not go on where a filter might have refused it', async (t) => {
  const cases: readonly (readonly [former: JsonObject, next: JsonObject, want: RegExp])[] = [
    [{}, disabled('envoy.filters.http.cors'), /^HTTP\/1.1 200 /],
    [{}, disabled('envoy.filters.http.rbac'), /^HTTP\/1.1 503 /],
    [disabled('envoy.filters.http.rbac'), {}, /^HTTP\/1.1 503 /],
  ];
  for (const [former, next, want] of cases) {
    // oxlint-disable-next-line no-await-in-loop
    const { send } = await setUp(t, tableOf(to('gone', former)), tableOf(to('there', next)));
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await send(), want);
  }
});
