/** Retries in full: every name of `retry_on`, what requests themselves ask for, hosts that are left out, and waits that hosts name. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import { h2Cluster, retry, type } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { field, FOREVER } from './framework/wishes.ts';

const GRPC_NAMES = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'];
const GRPC_STATUSES = [1, 4, 13, 8, 14];
const RESETS = ['reset', 'reset-before-request', 'refused-stream', 'connect-failure', '5xx', 'gateway-error'];

const RETRY_AFTER = { reset_headers: [{ name: 'retry-after', format: 'SECONDS' }], max_interval: '300s' };
const UNIX = { reset_headers: [{ name: 'x-reset', format: 'UNIX_TIMESTAMP' }], max_interval: '300s' };

const predicate = (name: string, message: string, fields: JsonObject = {}): JsonObject => ({
  retry_host_predicate: [
    { name: `envoy.retry_host_predicates.${name}`, typed_config: type(`envoy.extensions.retry.host.${message}`, fields) },
  ],
  host_selection_retry_max_attempts: '8',
});
const CANARY = predicate('omit_canary_hosts', 'omit_canary_hosts.v3.OmitCanaryHostsPredicate');
const PREVIOUS = predicate('previous_hosts', 'previous_hosts.v3.PreviousHostsPredicate');
const MARKED = predicate('omit_host_metadata', 'omit_host_metadata.v3.OmitHostMetadataConfig', {
  metadata_match: { filter_metadata: { 'envoy.lb': { mark: 'no' } } },
});

const ROUTES: JsonObject[] = [
  ...GRPC_NAMES.map((name) => retry(`/g/${name}/`, name, { num_retries: 1 }, { cluster: 'h2' })),
  ...RESETS.map((name) => retry(`/r/${name}/`, name, { num_retries: 1 }, { cluster: 'h2' })),
  ...RESETS.map((name) => retry(`/r1/${name}/`, name, { num_retries: 1 })),
  retry('/limited/', 'envoy-ratelimited', { num_retries: 1 }),
  retry('/codes/', 'retriable-status-codes', { num_retries: 1 }),
  retry('/headers/', 'retriable-headers', { num_retries: 1 }),
  retry('/after/', '5xx', { num_retries: 1, rate_limited_retry_back_off: RETRY_AFTER }, { timeout: '1s' }),
  retry('/until/', '5xx', { num_retries: 1, rate_limited_retry_back_off: UNIX }, { timeout: '1s' }),
  retry('/canary/', '5xx', { num_retries: 3, ...CANARY }, { cluster: 'marked' }),
  retry('/previous/', '5xx', { num_retries: 3, ...PREVIOUS }, { cluster: 'marked' }),
  retry('/marked/', '5xx', { num_retries: 3, ...MARKED }, { cluster: 'marked' }),
  retry('/idle/', '5xx', { num_retries: 1, per_try_idle_timeout: '0.8s' }, { timeout: '20s' }),
  retry('/plain/', '', {}, { timeout: '8s' }),
  retry('/plain2/', '', {}, { timeout: '20s', cluster: 'h2' }),
];

const CALL = { method: 'POST', fields: ['content-type: application/grpc', 'te: trailers'] };
const failing = (status: number): string => `h=content-type%3A%20application%2Fgrpc;${field(`grpc-status: ${status}`)};body=`;

const CASES: Case[] = [
  ...GRPC_NAMES.flatMap((name, i) =>
    GRPC_STATUSES.map((status, j) =>
      ask2(
        `${name}, and gRPC status ${status}`,
        `/g/${name}/M`,
        { ...CALL, wish: failing(status) },
        { expects: { 'log.0.attempts': i === j ? 2 : 1 } },
      ),
    ),
  ),
  ...RESETS.flatMap((name) =>
    ['REFUSED_STREAM', 'INTERNAL_ERROR', 'CANCEL'].map((code) =>
      ask(`${name}, and a reset by ${code}`, `/r/${name}/`, { wish: `reset=${code}` }),
    ),
  ),
  ...RESETS.map((name) => ask(`${name}, and an end without an answer`, `/r1/${name}/`, { wish: 'reset' })),
  ask('limited', '/limited/', { wish: `${field('x-envoy-ratelimited: true')};status=429` }, { expects: { 'log.0.attempts': 2 } }),
  ask('limited by others', '/limited/', { wish: 'status=429' }),
  ask(
    'codes of the request',
    '/codes/',
    { fields: ['x-envoy-retriable-status-codes: 409,x,421'], wish: 'status=421' },
    { expects: { 'log.0.attempts': 2 } },
  ),
  ask('fields of the request', '/headers/', { fields: ['x-envoy-retriable-header-names: x-a, X-Again'], wish: field('x-again: 1') }),
  ask(
    'names of the request',
    '/plain/',
    { fields: ['x-envoy-retry-on: retriable-4xx,nonsense'], wish: 'status=409' },
    { expects: { 'log.0.attempts': 2 } },
  ),
  ask('number of the request', '/codes/', {
    fields: ['x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 3'],
    wish: 'status=503',
  }),
  ask2(
    'gRPC names of the request',
    '/plain2/M',
    { ...CALL, fields: [...CALL.fields, 'x-envoy-retry-grpc-on: internal'], wish: failing(13) },
    { expects: { 'log.0.attempts': 2 } },
  ),
  ask('time of a try of the request', '/plain/', {
    fields: ['x-envoy-retry-on: 5xx', 'x-envoy-upstream-rq-per-try-timeout-ms: 800'],
    wish: `delay=${FOREVER}`,
  }),
  ask('another answer to a timeout', '/plain/', {
    fields: ['x-envoy-upstream-rq-timeout-ms: 800', 'x-envoy-upstream-rq-timeout-alt-response: 1'],
    wish: `delay=${FOREVER}`,
  }),
  ask('how long a stream may take', '/plain/', { fields: ['x-envoy-upstream-stream-duration-ms: 800'], wish: `delay=${FOREVER}` }),
  ask('how long a stream may take, again', '/r1/reset/', {
    fields: ['x-envoy-upstream-stream-duration-ms: 800'],
    wish: `delay=${FOREVER};times=1`,
  }),
  ask('how long a body may take', '/plain/', {
    method: 'POST',
    fields: ['x-envoy-upstream-stream-duration-ms: 800', 'content-length: 10'],
    body: 'half',
    wish: `delay=${FOREVER}`,
  }),
  ask('a wait that the host names', '/after/', { wish: `status=503;${field('retry-after: 0')};times=1` }),
  ask('a wait beyond the time there is', '/after/', { wish: `status=503;${field('retry-after: 200')};times=1` }),
  ask('a wait beyond the longest', '/after/', { wish: `status=503;${field('retry-after: 400')};times=1` }),
  ask('a wait that is no number', '/after/', { wish: `status=503;${field('retry-after: soon')};times=1` }),
  ask('a time long ago', '/until/', { wish: `status=503;${field('x-reset: 1000')};times=1` }),
  ask('a time far away', '/until/', { wish: `status=503;${field('x-reset: 9999999999')};times=1` }),
  ask('no canary again', '/canary/', { wish: 'status=503' }),
  ask('no host again', '/previous/', { wish: 'status=503' }),
  ask('no marked host again', '/marked/', { wish: 'status=503' }),
  ask('an idle try', '/idle/', { wish: `delay=${FOREVER}` }),
];

compareTopic({
  name: 'retries in full',
  setup({ ports }) {
    // clients here are inside: what they say of retries counts
    const inside = { use_remote_address: true, internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] } };
    const host = (metadata: JsonObject): JsonObject => ({
      endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: ports.origin } } },
      metadata: { filter_metadata: { 'envoy.lb': metadata } },
    });
    const endpoints = [{ lb_endpoints: [host({ canary: true, mark: 'no' })] }];
    const marked = { name: 'marked', type: 'STATIC', connect_timeout: '5s', load_assignment: { cluster_name: 'marked', endpoints } };
    return { listeners: { main: { manager: inside } }, routes: ROUTES, clusters: [h2Cluster('h2', [ports.originH2]), marked] };
  },
  cases: CASES,
});
