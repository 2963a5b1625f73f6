/** Which route a request takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { talk } from './framework/h1-client.ts';
import { header, ORIGIN } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';

const MATCHES: JsonObject[] = [
  { name: 'exact', match: { path: '/exact' }, route: ORIGIN },
  { name: 'folded', match: { path: '/FoLd', case_sensitive: false }, route: ORIGIN },
  { name: 'separated', match: { path_separated_prefix: '/sep' }, route: ORIGIN },
  { name: 'regex', match: { safe_regex: { regex: '/re/[0-9]+(/x)?' } }, route: ORIGIN },
  { name: 'by-method', match: { prefix: '/m', headers: [{ name: ':method', string_match: { exact: 'DELETE' } }] }, route: ORIGIN },
  { name: 'by-header', match: { prefix: '/m', headers: [{ name: 'x-user', string_match: { prefix: 'ann' } }] }, route: ORIGIN },
  { name: 'by-range', match: { prefix: '/m', headers: [{ name: 'x-age', range_match: { start: 10, end: 20 } }] }, route: ORIGIN },
  {
    name: 'by-absence',
    match: { prefix: '/m/none', headers: [{ name: 'x-user', present_match: true, invert_match: true }] },
    route: ORIGIN,
  },
  { name: 'by-query', match: { prefix: '/m', query_parameters: [{ name: 'v', string_match: { exact: '2' } }] }, route: ORIGIN },
  { name: 'by-query-presence', match: { prefix: '/m', query_parameters: [{ name: 'p', present_match: true }] }, route: ORIGIN },
  { name: 'grpc-only', match: { prefix: '/m', grpc: {} }, route: ORIGIN },
];

const weighted = (name: string, weight: number): JsonObject => ({
  name: 'origin',
  weight,
  request_headers_to_add: [header('x-part', name)],
  response_headers_to_add: [header('x-part', name)],
});

const OTHERS: JsonObject[] = [
  { name: 'weighted', match: { prefix: '/weighted' }, route: { weighted_clusters: { clusters: [weighted('a', 1), weighted('b', 1)] } } },
  { name: 'one-sided', match: { prefix: '/one-sided' }, route: { weighted_clusters: { clusters: [weighted('a', 0), weighted('b', 1)] } } },
  { name: 'by-cluster-header', match: { prefix: '/cluster-header' }, route: { cluster_header: 'x-cluster' } },
];

const HOSTS: JsonObject[] = [
  {
    name: 'exact-host',
    domains: ['exact.test'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'exact' } } }],
  },
  {
    name: 'suffix-host',
    domains: ['*.suffix.test'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'suffix' } } }],
  },
  {
    name: 'prefix-host',
    domains: ['prefix.*'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'prefix' } } }],
  },
  { name: 'tls-host', domains: ['tls.test'], require_tls: 'ALL', routes: [{ match: { prefix: '/' }, route: ORIGIN }] },
  { name: 'narrow-host', domains: ['narrow.test'], routes: [{ match: { path: '/only' }, route: ORIGIN }] },
];

const CASES: Case[] = [
  ask('plain', '/x?q=1'),
  ask('exact path', '/exact?x'),
  ask('exact path misses', '/exact/'),
  ask('folded path', '/FOLD'),
  ask('separated prefix', '/sep/a'),
  ask('separated prefix itself', '/sep'),
  ask('separated prefix misses', '/separate'),
  ask('regex', '/re/12/x?y'),
  ask('regex misses', '/re/12/xx'),
  ask('by method', '/m', { method: 'DELETE' }),
  ask('by header', '/m', { fields: ['X-User: anna'] }),
  ask('by two header lines', '/m', { fields: ['X-User: ann', 'x-user: bob'] }),
  ask('by range', '/m', { fields: ['x-age: 19'] }),
  ask('by range misses', '/m', { fields: ['x-age: 20'] }),
  ask('by absence', '/m/none'),
  ask('by query', '/m?a=1&v=2'),
  ask('by query twice', '/m?v=1&v=2'),
  ask('by query escaped', '/m?v=%32'),
  ask('by query presence', '/m?p'),
  ask('grpc only', '/m', { method: 'POST', fields: ['content-type: application/grpc'] }),
  ask('host exact', '/', { host: 'exact.test' }),
  ask('host upper case', '/', { host: 'EXACT.test' }),
  ask('host with a port', '/', { host: 'exact.test:80' }),
  ask('host by suffix', '/', { host: 'a.b.suffix.test' }),
  ask('host by prefix', '/', { host: 'prefix.com' }),
  ask('no route', '/other', { host: 'narrow.test' }),
  ask('no route with a body', '/other', { host: 'narrow.test', method: 'POST', body: 'lost' }),
  ask('tls demanded', '/a?b', { host: 'tls.test' }),
  ask('tls demanded and told', '/a?b', { host: 'tls.test', fields: ['x-forwarded-proto: https'] }),
  ask('one sided weights', '/one-sided'),
  ask('cluster by header', '/cluster-header', { fields: ['x-cluster: origin'] }),
  ask('cluster by header misses', '/cluster-header'),
  ask('cluster by header unknown', '/cluster-header', { fields: ['x-cluster: nobody'] }),
];

/** Requests to two clusters of equal weight: that all go to one of them happens once in 2^59 runs. */
const WEIGHTED = 60;

async function checkWeights(proxy: Proxy): Promise<void> {
  const parts = new Map<string, number>();
  const pieces = ['GET /weighted HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'];
  for (let i = 0; i < WEIGHTED; i++) {
    const { answers } = await talk(proxy.target('main'), { pieces, answers: 1, isHead: false, endsAfter: false });
    const part = answers[0]?.fields.find((line) => line.startsWith('x-part:')) ?? '';
    parts.set(part, (parts.get(part) ?? 0) + 1);
  }
  assert.deepEqual([...parts.keys()].toSorted(), ['x-part: a', 'x-part: b']);
  assert.equal(
    [...parts.values()].reduce((sum, count) => sum + count),
    WEIGHTED,
  );
}

compareTopic({
  name: 'routing',
  setup: () => ({ routes: [...MATCHES, ...OTHERS], hosts: HOSTS }),
  cases: CASES,
  more: (proxies) =>
    test('weights are shares of requests', async () => {
      for (const proxy of proxies()) await checkWeights(proxy);
    }),
});
