import { type Case, join, resource, served, testCases } from '../testing/cases.ts';

const WEB = served('web', 'name: http, port: 80');
const HCM = 'envoy.filters.network.http_connection_manager';

/** An EnvoyFilter with one patch, on one line. */
const patch = (applyTo: string, operation: string, value = '{}', match = '', more = ''): string =>
  join(
    WEB,
    resource(
      'EnvoyFilter',
      'web',
      `{ configPatches: [{ applyTo: ${applyTo}, ${match === '' ? '' : `match: ${match}, `}patch: { operation: ${operation}, value: ${value} } }]${more} }`,
      'networking.istio.io/v1alpha3',
    ),
  );

const CORS = "{ name: c, typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors } }";
const ROUTER = `{ listener: { filterChain: { filter: { name: ${HCM}, subFilter: { name: envoy.filters.http.router } } } } }`;
const versions = (match: string): string => match.replace('{ listener', '{ proxy: { proxyVersion: "^1.2" }, listener');

const CASES: readonly Case[] = [
  {
    code: 'IST0151',
    name: 'a relative patch without priority',
    bad: patch('HTTP_FILTER', 'INSERT_BEFORE', CORS, ROUTER),
    at: 'INSERT_BEFORE',
    says: /no priority/,
    good: patch('HTTP_FILTER', 'INSERT_BEFORE', CORS, ROUTER, ', priority: 10'),
  },
  {
    code: 'IST0152',
    name: 'REPLACE of a cluster',
    bad: patch('CLUSTER', 'REPLACE'),
    at: 'REPLACE',
    says: /does nothing/,
    good: patch('VIRTUAL_HOST', 'REPLACE'),
  },
  {
    code: 'IST0153',
    name: 'ADD of a route configuration',
    bad: patch('ROUTE_CONFIGURATION', 'ADD'),
    at: 'ADD',
    says: /does nothing/,
    good: patch('HTTP_ROUTE', 'ADD'),
  },
  {
    code: 'IST0154',
    name: 'REMOVE of a route configuration',
    bad: patch('ROUTE_CONFIGURATION', 'REMOVE'),
    at: 'REMOVE',
    says: /does nothing/,
    good: patch('HTTP_ROUTE', 'REMOVE'),
  },
  {
    code: 'IST0155',
    name: 'a relative patch for some versions',
    bad: patch('HTTP_FILTER', 'INSERT_AFTER', CORS, versions(ROUTER)),
    at: 'INSERT_AFTER',
    says: /others get none of it/,
    good: patch('HTTP_FILTER', 'INSERT_AFTER', CORS, ROUTER),
  },
  {
    code: 'IST0127',
    name: 'workloads that do not exist',
    bad: patch('HTTP_FILTER', 'ADD', CORS, '', ', workloadSelector: { labels: { app: other } }'),
    at: 'workloadSelector',
    says: /does nothing/,
    good: patch('HTTP_FILTER', 'ADD', CORS, '', ', workloadSelector: { labels: { app: web } }'),
  },
  {
    code: 'TUL231',
    name: 'a filter that is not there',
    bad: patch('HTTP_FILTER', 'INSERT_BEFORE', CORS, ROUTER.replace('http.router', 'http.lua')),
    at: 'INSERT_BEFORE',
    says: /no proxy of the mesh has what it matches/,
    good: patch('HTTP_FILTER', 'INSERT_BEFORE', CORS, ROUTER),
  },
  {
    code: 'TUL231',
    name: "Istio's versions",
    bad: patch('HTTP_FILTER', 'INSERT_FIRST', CORS, versions(ROUTER)),
    at: 'INSERT_FIRST',
    says: /Tulle's have none/,
    severity: 'info',
    good: patch('HTTP_FILTER', 'INSERT_FIRST', CORS, ROUTER),
  },
  {
    code: 'TUL231',
    name: 'a port that the workload does not have',
    bad: patch('HTTP_FILTER', 'INSERT_FIRST', CORS, '{ context: SIDECAR_INBOUND, listener: { portNumber: 81 } }'),
    at: 'INSERT_FIRST',
    says: /no proxy of the mesh has what it matches/,
    good: patch('HTTP_FILTER', 'INSERT_FIRST', CORS, '{ context: SIDECAR_INBOUND, listener: { portNumber: 80 } }'),
  },
  {
    code: 'TUL232',
    name: "a field that Tulle's proxy does not obey",
    bad: patch('CLUSTER', 'MERGE', '{ dns_jitter: 1s, track_cluster_stats: { request_response_sizes: true } }'),
    at: 'track_cluster_stats',
    says: /track_cluster_stats/,
    good: patch('CLUSTER', 'MERGE', '{ connect_timeout: 1s }'),
  },
  {
    code: 'TUL232',
    name: 'a field in an extension',
    bad: patch(
      'NETWORK_FILTER',
      'MERGE',
      `{ typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, early_header_mutation_extensions: [{ name: x }] } }`,
      `{ listener: { filterChain: { filter: { name: ${HCM} } } } }`,
    ),
    at: 'early_header_mutation_extensions',
    says: /typed_config\.early_header_mutation_extensions: field is not supported/,
    good: patch(
      'NETWORK_FILTER',
      'MERGE',
      `{ typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stream_idle_timeout: 1s } }`,
      `{ listener: { filterChain: { filter: { name: ${HCM} } } } }`,
    ),
  },
];

testCases(CASES);
