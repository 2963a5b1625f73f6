/** Filters that hold requests, answer for the upstream, or set what others read: buffer, health_check, set_filter_state, grpc_stats. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import { h2Cluster, header, httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { field, trailer } from './framework/wishes.ts';

const check = (path: string, fields: JsonObject): JsonObject =>
  httpFilter('health_check', 'health_check.v3.HealthCheck', {
    pass_through_mode: false,
    headers: [{ name: ':path', string_match: { exact: path } }],
    ...fields,
  });

const value = (object_key: string, text: string, more: JsonObject = {}, format: JsonObject = {}): JsonObject => ({
  object_key,
  factory_key: 'envoy.string',
  format_string: { text_format_source: { inline_string: text }, ...format },
  ...more,
});

const FILTERS: JsonObject[] = [
  check('/plain', {}),
  check('/healthy', { cluster_min_healthy_percentages: { origin: { value: 100 } } }),
  check('/empty', { cluster_min_healthy_percentages: { empty: { value: 1 } } }),
  check('/may-be-empty', { cluster_min_healthy_percentages: { empty: { value: 0 } } }),
  check('/no-cluster', { cluster_min_healthy_percentages: { nobody: { value: 0 } } }),
  check('/cached', { pass_through_mode: true, cache_time: '60s' }),
  httpFilter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 10 }),
  httpFilter('set_filter_state', 'set_filter_state.v3.Config', {
    on_request_headers: [
      value('said', 'a=%REQ(x-a)%'),
      value('missing', '%REQ(x-none)%', { skip_if_empty: true }),
      value('omitted', '%REQ(x-none)%', { skip_if_empty: true }, { omit_empty_values: true }),
      value('twice', '1'),
      value('twice', '2'),
      value('fixed', '1', { read_only: true }),
      value('fixed', '2'),
    ],
  }),
  httpFilter('grpc_stats', 'grpc_stats.v3.FilterConfig', { emit_filter_state: true, stats_for_all_methods: true }),
];

const ROUTES: JsonObject[] = [
  to('/unbuffered', {}, { typed_per_filter_config: perFilter('buffer', 'buffer.v3.BufferPerRoute', { disabled: true }) }),
  to('/larger', {}, { typed_per_filter_config: perFilter('buffer', 'buffer.v3.BufferPerRoute', { buffer: { max_request_bytes: 20 } }) }),
  to('/state', {}, { request_headers_to_add: [header('x-said', '%FILTER_STATE(said:PLAIN)%')] }),
  to('/s/', { cluster: 'h2' }, { typed_per_filter_config: perFilter('buffer', 'buffer.v3.BufferPerRoute', { disabled: true }) }),
];

const post = (body: string): { method: string; body: string } => ({ method: 'POST', body });
const chunked = (body: string) => ({
  method: 'POST',
  fields: ['transfer-encoding: chunked'],
  body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
});
const GRPC = ['content-type: application/grpc', 'te: trailers'];
const TWO = '\0\0\0\0\x01a\0\0\0\0\x02bc';
const REPLY = `${field('content-type: application/grpc')};body=${encodeURIComponent('\0\0\0\0\x02ok')};${trailer('grpc-status: 0')}`;

const CASES: Case[] = [
  ...['/plain', '/healthy', '/empty', '/may-be-empty', '/no-cluster'].map((path) => ask(`check of ${path}`, path)),
  ask('check with a body', '/plain', post('abc')),
  ask('check that is not one', '/plain/x'),
  of('check that is remembered', [bytes('/cached', { wish: 'status=404' }), bytes('/cached')]),

  ask('body with a length', '/x', post('abc')),
  ask('body in chunks', '/x', chunked('abc')),
  ask('body too long', '/x', post('01234567890')),
  ask('body in chunks too long', '/x', chunked('01234567890')),
  ask('longer body of a route', '/larger', chunked('01234567890')),
  ask('unbuffered body', '/unbuffered', chunked('01234567890')),
  ask('no body', '/x'),

  ask('filter state', '/state', { fields: ['x-a: 1'] }),
  ask('filter state of nothing', '/state'),

  ask2('messages', '/s/M', { method: 'POST', fields: GRPC, body: TWO, wish: REPLY }),
  ask2('part of a message', '/s/M', { method: 'POST', fields: GRPC, body: '\0\0', wish: REPLY }),
  ask2('no gRPC', '/s/M', { method: 'POST', body: TWO, wish: REPLY }),
];

const state = (key: string): string => `%FILTER_STATE(${key}:PLAIN)%`;

compareTopic({
  name: 'filters',
  setup: ({ ports }) => ({
    filters: FILTERS,
    routes: ROUTES,
    clusters: [h2Cluster('h2', [ports.originH2])],
    log: Object.fromEntries([
      ...['said', 'missing', 'omitted', 'twice', 'fixed'].map((key) => [key, state(key)]),
      ['messages', state('envoy.filters.http.grpc_stats')],
    ]),
  }),
  cases: CASES,
});
