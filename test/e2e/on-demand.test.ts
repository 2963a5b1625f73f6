/**
 * What comes when a request needs it, from a server that is not ours: virtual hosts (VHDS), tables by scope (SRDS) and
 * clusters. Tulle's proxy and, where there is one, a real Envoy must do the same.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { DescMessage, JsonObject } from '@bufbuild/protobuf';
import { ask } from '../../src/cli/demo/client.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { VirtualHostSchema } from '../../src/xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { ScopedRouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/scoped_route_pb.ts';
import { type Command, envoyCommand, TULLE } from '../differential/framework/proxies.ts';
import { findEnvoy } from '../interop/envoy-binary.ts';
import { freePort } from '../interop/envoy-process.ts';
import { ForeignDelta, type Held } from './foreign-delta.ts';
import { FROM_ADS, packed } from './foreign-xds.ts';
import { cluster, loopback } from './static-proxy.ts';
import { folderFor, startApp, until } from './two-planes.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters';

const held = (schema: DescMessage, json: JsonObject, ...aliases: string[]): Held => ({
  any: packed(schema, json),
  aliases,
});

/** A virtual host that answers by itself. */
const saying = (name: string, text: string, ...domains: string[]): JsonObject => ({
  name,
  domains,
  routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: text } } }],
});

const tableOf = (name: string, ...hosts: JsonObject[]): Held => held(RouteConfigurationSchema, { name, virtual_hosts: hosts });

/** A listener whose connection manager waits for what it needs. */
function listenerOf(port: number, routes: JsonObject, onDemand: JsonObject = {}): JsonObject {
  const manager = {
    '@type': `${TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    ...routes,
    http_filters: [
      { name: 'envoy.filters.http.on_demand', typed_config: { '@type': `${TYPE}.http.on_demand.v3.OnDemand`, ...onDemand } },
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.http.router.v3.Router` } },
    ],
  };
  return { name: 'front', address: loopback(port), filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }] };
}

interface World {
  readonly server: ForeignDelta;
  /** Status and body of a request to the listener. */
  get(host: string, headers?: Record<string, string>): Promise<string>;
  /** Waits until a request is answered so. */
  answers(want: string, host: string, headers?: Record<string, string>): Promise<void>;
  explain(): string;
}

/** Starts a proxy under a server that has `listener` for it. */
async function world(t: TestContext, command: Command, listener: (port: number) => JsonObject, setUp: (server: ForeignDelta) => void) {
  const folder = folderFor(t);
  const server = new ForeignDelta();
  const [listen, admin] = [await freePort(), await freePort()];
  setUp(server);
  server.say(ListenerSchema.typeName, { front: held(ListenerSchema, listener(listen)) });
  const xds = {
    ...cluster('xds', await server.start(t)),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
  const services = { grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] };
  const bootstrap = {
    node: { id: 'anything', cluster: 'at all' },
    admin: { address: loopback(admin) },
    dynamic_resources: { ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', ...services }, lds_config: FROM_ADS },
    static_resources: { clusters: [xds] },
  };
  const file = path.join(folder, 'bootstrap.json');
  writeFileSync(file, JSON.stringify(bootstrap));
  // seconds for which a listener drains
  const [program, ...args] = [...command(file), '--drain-time-s', '1'];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
  t.after(async () => {
    const isGone = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGKILL')) await isGone;
  });
  const explain = (): string => `${output}\n${server.refusals.join('\n')}`;
  await until('the proxy is up', async () => (await ask({ port: admin }, '/ready')).status === 200, explain);
  const get: World['get'] = async (host, headers = {}) => {
    // a connection of its own, so that a listener that goes need not wait for it
    const { status, text } = await ask({ port: listen }, '/', { headers: { host, connection: 'close', ...headers } });
    return `${status} ${text}`.trim();
  };
  const answers: World['answers'] = async (want, host, headers) => {
    let last = '';
    const isSo = async (): Promise<boolean> => (last = await get(host, headers)) === want;
    await until(`${host} answers ${want}`, isSo, () => `${last}\n${explain()}`);
  };
  return { server, get, answers, explain } satisfies World;
}

const HOST = VirtualHostSchema.typeName;
const TABLE = RouteConfigurationSchema.typeName;
const SCOPE = ScopedRouteConfigurationSchema.typeName;
const CLUSTER = ClusterSchema.typeName;

const envoy = findEnvoy();
const proxies: readonly { readonly name: string; readonly command: Command | undefined }[] = [
  { name: 'Tulle', command: TULLE },
  { name: 'Envoy', command: envoy === undefined ? undefined : envoyCommand(envoy) },
];

for (const { name, command = TULLE, command: own } of proxies) {
  const skip = own === undefined ? 'no Envoy found' : false;

  test(`${name}: a request waits for its virtual host`, { skip }, async (t) => {
    const rds = { rds: { config_source: FROM_ADS, route_config_name: 'table' } };
    const host = (text: string): Held => held(VirtualHostSchema, saying('table/late', text, 'late.test'), 'table/late.test');
    const { server, get, answers, explain } = await world(
      t,
      command,
      (port) => listenerOf(port, rds),
      (each) => {
        const table = { name: 'table', virtual_hosts: [saying('own', 'own', 'own.test')], vhds: { config_source: FROM_ADS } };
        each.say(TABLE, { table: held(RouteConfigurationSchema, table) });
        each.say(HOST, { 'table/pushed': held(VirtualHostSchema, saying('table/pushed', 'pushed', 'pushed.test')) });
      },
    );
    await answers('200 own', 'own.test');
    await answers('200 pushed', 'pushed.test');
    assert.equal(await get('nobody.test'), '404', 'of which there is none');
    server.unsure.add('table/slow.test');
    const slow = get('slow.test');
    await until('it is asked for', async () => server.asked(HOST).includes('table/slow.test'), explain);
    server.say(HOST, { 'table/slow': held(VirtualHostSchema, saying('table/slow', 'slow', 'slow.test'), 'table/slow.test') });
    assert.equal(await slow, '200 slow');
    server.say(HOST, { 'table/late': host('late') });
    assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => get('late.test'))), Array(5).fill('200 late'));
    server.say(HOST, { 'table/late': host('later') });
    await answers('200 later', 'late.test');
    server.say(HOST, { 'table/late': undefined });
    await answers('404', 'late.test');
    assert.equal(await get('own.test'), '200 own');
    assert.deepEqual(server.refusals, []);
  });

  test(`${name}: tables come by the scope of a request`, { skip }, async (t) => {
    const fragments = [{ header_value_extractor: { name: 'x-scope', index: 0 } }];
    const scoped = {
      name: 's',
      scope_key_builder: { fragments },
      rds_config_source: FROM_ADS,
      scoped_rds: { scoped_rds_config_source: FROM_ADS },
    };
    const scope = (own: string, key: string, table: string, more: JsonObject = {}): Held => {
      const json = { name: own, key: { fragments: [{ string_key: key }] }, route_configuration_name: table, ...more };
      return held(ScopedRouteConfigurationSchema, json);
    };
    const { server, get, answers, explain } = await world(
      t,
      command,
      (port) => listenerOf(port, { scoped_routes: scoped }),
      (each) => {
        each.say(SCOPE, { a: scope('a', 'k1', 'one'), b: scope('b', 'k2', 'two'), c: scope('c', 'k3', 'three', { on_demand: true }) });
        for (const table of ['one', 'two', 'three']) each.say(TABLE, { [table]: tableOf(table, saying('v', table, '*')) });
      },
    );
    const of = (key: string): Record<string, string> => ({ 'x-scope': key });
    await answers('200 one', 'any.test', of('k1'));
    await answers('200 two', 'any.test', of('k2'));
    assert.equal(await get('any.test', of('k4')), '404');
    assert.equal(await get('any.test'), '404');
    assert.ok(!server.asked(TABLE).includes('three'), 'nobody has needed it');
    assert.equal(await get('any.test', of('k3')), '200 three');
    // two that exchange their keys; an Envoy 1.40 loses the first of them
    server.say(SCOPE, { a: scope('a', 'k2', 'one'), b: scope('b', 'k1', 'two') });
    await answers('200 two', 'any.test', of('k1'));
    await answers(name === 'Envoy' ? '404' : '200 one', 'any.test', of('k2'));
    server.say(SCOPE, { b: undefined });
    await answers('404', 'any.test', of('k1'));
    await until('its table is left', async () => !server.asked(TABLE).includes('two'), explain);
    assert.deepEqual(server.refusals, []);
    server.say(ListenerSchema.typeName, { front: undefined });
    await until('tables are left with the listener', async () => server.asked(TABLE).length === 0, explain);
    // an Envoy 1.40 goes on asking for scopes
    if (name === 'Tulle') await until('scopes are left with the listener', async () => server.asked(SCOPE).length === 0, explain);
  });

  test(`${name}: a request waits for its cluster`, { skip }, async (t) => {
    const [first, second] = [await startApp(t, 'first'), await startApp(t, 'second')];
    const host = { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } }] };
    const routes = { route_config: { name: 'table', virtual_hosts: [host] } };
    const { server, get, answers, explain } = await world(
      t,
      command,
      (port) => listenerOf(port, routes, { odcds: { source: FROM_ADS } }),
      () => {},
    );
    const to = (cluster: string): Record<string, string> => ({ 'x-cluster': cluster });
    await until('it listens', () => get('any.test'), explain);
    assert.equal(await get('any.test', to('none')), '503');
    server.say(CLUSTER, { c: held(ClusterSchema, cluster('c', first)) });
    const all = await Promise.all(Array.from({ length: 5 }, () => get('any.test', to('c'))));
    assert.deepEqual(all, Array(5).fill('200 first plain'));
    server.say(CLUSTER, { c: held(ClusterSchema, cluster('c', second)) });
    await answers('200 second plain', 'any.test', to('c'));
    server.say(CLUSTER, { c: undefined });
    await answers('503', 'any.test', to('c'));
    assert.deepEqual(server.refusals, []);
  });
}

test('Tulle: a request whose cluster goes with its route while it waits goes where routes lead then', async (t) => {
  const app = await startApp(t, 'app');
  const rds = { rds: { config_source: FROM_ADS, route_config_name: 'table' } };
  const up = saying('up', 'up', 'up.test');
  const leadingTo = (name: string): Held =>
    tableOf('table', up, { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: name } }] });
  const { server, get, answers, explain } = await world(
    t,
    TULLE,
    (port) => listenerOf(port, rds, { odcds: { source: FROM_ADS } }),
    (each) => {
      each.unsure.add('former');
      each.say(TABLE, { table: leadingTo('former') });
      each.say(CLUSTER, { next: held(ClusterSchema, cluster('next', app)) });
    },
  );
  await answers('200 up', 'up.test');
  const waiting = get('any.test');
  await until('its cluster is asked for', async () => server.asked(CLUSTER).includes('former'), explain);
  server.say(TABLE, { table: leadingTo('next') });
  assert.equal(await waiting, '200 app plain');
  assert.ok(!server.asked(CLUSTER).includes('former'), 'it is left');
  assert.deepEqual(server.refusals, []);
});
