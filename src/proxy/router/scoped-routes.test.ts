import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { ScopedRoutesSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { buildRouteTable } from './route-table.ts';
import { openScopes, readScopedRoutes, type ScopeSupply } from './scoped-config.ts';
import { compileScopeKey } from './scoped-routes.ts';
import { headOf, tableOf } from './testing/routes.ts';

function read(config: JsonObject) {
  return readScopedRoutes(fromJson(ScopedRoutesSchema, config), 'sr', (table, path) => buildRouteTable(table, path, []));
}

const header = (name: string, more: JsonObject): JsonObject => ({ header_value_extractor: { name, ...more } });
const builder = (...fragments: JsonObject[]): JsonObject => ({ scope_key_builder: { fragments } });
const key = (...parts: string[]): JsonObject => ({ key: { fragments: parts.map((part) => ({ string_key: part })) } });
const answering = (status: number): JsonObject => ({
  name: `t${status}`,
  internal_only_headers: [`x-inside-${status}`],
  virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status } }] }],
});
const list = (...scopes: JsonObject[]): JsonObject => ({ scoped_route_configurations_list: { scoped_route_configurations: scopes } });
const NOTHING: ScopeSupply = { routes: () => ({ current: () => undefined }) };

test('keys are made of parts of header fields', () => {
  const config = fromJson(ScopedRoutesSchema, {
    ...builder(
      header('X-Route', { element_separator: ';', element: { key: 'vip', separator: '=' } }),
      header('X-List', { element_separator: ',', index: 1 }),
      header('X-Whole', { index: 0 }),
    ),
  });
  const keyOf = compileScopeKey(config.scopeKeyBuilder, 'b');
  const cases: [fields: Record<string, string>, want: string | undefined][] = [
    [{ 'x-route': 'a=1;vip=10.1', 'x-list': 'p,q,r', 'x-whole': 'a,b;c' }, '10.1|q|a,b;c|'],
    [{ 'x-route': 'vip=', 'x-list': ',', 'x-whole': '' }, '|||'],
    [{ 'x-route': 'vipx=1', 'x-list': 'p,q', 'x-whole': 'w' }, undefined],
    [{ 'x-route': 'vip=1', 'x-list': 'p', 'x-whole': 'w' }, undefined],
    [{ 'x-list': 'p,q', 'x-whole': 'w' }, undefined],
    [{ 'x-route': 'vip=1', 'x-list': 'p,q' }, undefined],
  ];
  for (const [headers, want] of cases) assert.equal(keyOf(headOf({ headers }))?.replaceAll('\0', '|'), want, JSON.stringify(headers));
});

test('each scope has its table, in place or by name', () => {
  const asked: string[] = [];
  const table = tableOf(answering(203));
  const routes = openScopes(
    read({
      name: 's',
      ...builder(header('x-a', { index: 0 }), header('x-b', { index: 0 })),
      rds_config_source: { ads: {} },
      ...list(
        { name: 'one', ...key('1', '1'), route_configuration: answering(201) },
        { name: 'two', ...key('1', '2'), route_configuration_name: 'named' },
        { name: 'late', ...key('2', '2'), route_configuration_name: 'absent' },
      ),
    }),
    {
      routes: (name) => {
        asked.push(name);
        return { current: () => (name === 'named' ? table : undefined) };
      },
    },
  );
  const statusOf = (a: string, b: string): number | undefined => {
    const action = routes.current()?.match(headOf({ headers: { 'x-a': a, 'x-b': b } }), 0, fakeInfo())?.action;
    return action?.kind === 'direct' ? action.status : undefined;
  };
  const internalOnly = (a: string): unknown => routes.current()?.internalOnlyHeaders?.(headOf({ headers: { 'x-a': a, 'x-b': '1' } }));
  assert.deepEqual([internalOnly('1'), internalOnly('7')], [['x-inside-201'], []]);
  assert.deepEqual(asked, ['named', 'absent']);
  assert.deepEqual([statusOf('1', '1'), statusOf('1', '2'), statusOf('2', '2'), statusOf('11', '')], [201, 203, undefined, undefined]);
});

test('what is wrong is named', () => {
  const good = { name: 's', ...builder(header('a', { index: 0 })) };
  const one = { name: 'one', ...key('1'), route_configuration: answering(200) };
  const cases: [config: JsonObject, message: RegExp][] = [
    [{}, /^sr\.name: is empty/],
    [{ name: 's', ...list(one) }, /^sr\.scope_key_builder\.fragments: is empty/],
    [{ ...good, ...builder({}), ...list(one) }, /fragments\[0\]\.header_value_extractor: is missing/],
    [{ ...good, ...builder(header('', { index: 0 })) }, /header_value_extractor\.name: is empty/],
    [{ ...good, ...builder(header('a', {})) }, /header_value_extractor: says neither index nor element/],
    [{ ...good, ...builder(header('a', { index: 1 })) }, /index: 1 needs an element_separator/],
    [{ ...good, ...builder(header('a', { element: { key: 'k' } })) }, /element\.separator: is empty/],
    [good, /^sr: has neither/],
    [{ ...good, ...list({ ...one, key: {} }) }, /scoped_route_configurations\[0\]\.key\.fragments: is empty/],
    [{ ...good, ...list({ ...one, key: { fragments: [{}] } }) }, /key\.fragments\[0\]\.string_key: is missing/],
    [{ ...good, ...list({ name: 'x', ...key('1') }) }, /needs one of route_configuration_name and route_configuration/],
    [{ ...good, ...list(one, { ...one, name: 'two' }) }, /scoped_route_configurations\[1\]\.key: stands twice/],
    [{ ...good, ...list({ name: 'x', ...key('1'), route_configuration_name: 'r' }) }, /^sr\.rds_config_source: only ads/],
    [{ ...good, rds_config_source: { ads: {} }, scoped_rds: {} }, /^sr\.scoped_rds\.scoped_rds_config_source: only ads/],
  ];
  for (const [config, message] of cases) assert.throws(() => read(config), { name: 'ConfigError', message }, JSON.stringify(config));
  const served = read({ ...good, rds_config_source: { ads: {} }, scoped_rds: { scoped_rds_config_source: { ads: {} } } });
  assert.throws(() => openScopes(served, NOTHING), /^ConfigError: sr\.scoped_rds: there is no server/);
});
