/** Local rate limits. Every case has a route, and so a bucket, of its own; requests follow each other on one connection. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { bytes, of, type Request } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const ALL = { default_value: { numerator: 100 } };
const tokens = (max_tokens: number): JsonObject => ({ max_tokens, fill_interval: '3600s' });
const TOLD = { enable_x_ratelimit_headers: 'DRAFT_VERSION_03' };
const add = (key: string, value: string): JsonObject => ({ header: { key, value } });

const ROUTES: JsonObject[] = [];

/** A route with its limit: several requests of it, one after the other. */
function limited(name: string, config: JsonObject, requests: readonly Request[], action: JsonObject = {}): Case {
  // the slash: a route is for a prefix, and names begin with each other
  const path = `/${name.replaceAll(' ', '-')}/`;
  const limit = { stat_prefix: 'rl', filter_enabled: ALL, filter_enforced: ALL, ...TOLD, ...config };
  ROUTES.push(to(path, action, { typed_per_filter_config: perFilter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', limit) }));
  return of(
    name,
    requests.map((request) => bytes(`${path}?q=a%20b`, request)),
  );
}

const twice = [{}, {}];
const by = (...entries: readonly [key: string, value: string][]): JsonObject => ({
  entries: entries.map(([key, value]) => ({ key, value })),
  token_bucket: tokens(1),
});
const user = (value: string): Request => ({ fields: [`x-user: ${value}`] });
const BY_USER = { actions: [{ request_headers: { header_name: 'x-user', descriptor_key: 'user' } }] };

/** A descriptor that is looked for, and the actions that make it: the second request of it is one too many. */
function described(name: string, actions: JsonObject[], entries: readonly [string, string][], request: Request = {}): Case {
  const config = { token_bucket: tokens(9), descriptors: [by(...entries)], rate_limits: [{ actions }] };
  return limited(name, config, [request, request]);
}

const CASES: Case[] = [
  limited('one too many', { token_bucket: tokens(1) }, twice),
  limited('not told', { token_bucket: tokens(1), enable_x_ratelimit_headers: 'OFF' }, twice),
  limited('no tokens', { token_bucket: tokens(0) }, [{}]),
  limited('not enabled', { token_bucket: tokens(0), filter_enabled: { default_value: { numerator: 0 } } }, [{}]),
  limited(
    'not enforced',
    {
      token_bucket: tokens(1),
      filter_enforced: { default_value: { numerator: 0 } },
      request_headers_to_add_when_not_enforced: [add('x-limited', '%REQ(:method)%')],
    },
    twice,
  ),
  limited('status', { token_bucket: tokens(1), status: { code: 503 }, enable_retry_after_header: true }, twice),
  limited('status that is no refusal', { token_bucket: tokens(1), status: { code: 201 } }, twice),
  limited('fields', { token_bucket: tokens(1), response_headers_to_add: [add('x-path', '%REQ(:path)%')] }, twice),
  limited('retry after', { token_bucket: tokens(1), enable_retry_after_header: true }, twice),
  limited('grpc', { token_bucket: tokens(0) }, [{ fields: ['content-type: application/grpc'] }]),
  limited('grpc exhausted', { token_bucket: tokens(0), rate_limited_as_resource_exhausted: true }, [
    { fields: ['content-type: application/grpc'] },
  ]),
  limited('by user', { token_bucket: tokens(9), descriptors: [by(['user', 'ann'])] }, [user('ann'), user('bob'), user('ann')], {
    rate_limits: [BY_USER],
  }),
  limited(
    'by every user',
    { token_bucket: tokens(9), descriptors: [by(['user', ''])], max_dynamic_descriptors: 2 },
    ['ann', 'bob', 'ann'].map(user),
    { rate_limits: [BY_USER] },
  ),
  limited(
    'users that are forgotten',
    { token_bucket: tokens(9), descriptors: [by(['user', ''])], max_dynamic_descriptors: 1 },
    ['ann', 'bob', 'ann'].map(user),
    { rate_limits: [BY_USER] },
  ),
  limited(
    'shadow',
    { token_bucket: tokens(9), descriptors: [{ ...by(['user', 'ann']), shadow_mode: true }] },
    ['ann', 'ann', 'bob'].map(user),
    { rate_limits: [BY_USER] },
  ),
  limited(
    'the bucket for all is left alone',
    {
      token_bucket: tokens(1),
      always_consume_default_token_bucket: false,
      descriptors: [{ ...by(['user', 'ann']), token_bucket: tokens(5) }],
    },
    ['ann', 'ann', 'bob', 'bob'].map(user),
    { rate_limits: [BY_USER] },
  ),
  limited(
    'policies of another stage',
    { token_bucket: tokens(9), descriptors: [by(['user', 'ann'])], stage: 1 },
    ['ann', 'ann'].map(user),
    {
      rate_limits: [BY_USER],
    },
  ),
  limited('policies that can be disabled', { token_bucket: tokens(9), descriptors: [by(['user', 'ann'])] }, ['ann', 'ann'].map(user), {
    rate_limits: [{ ...BY_USER, disable_key: 'k' }],
  }),
  limited(
    'own policies',
    { token_bucket: tokens(9), descriptors: [by(['user', 'ann'])], rate_limits: [BY_USER] },
    ['ann', 'ann'].map(user),
  ),
  limited('policies of the virtual host', { token_bucket: tokens(9), descriptors: [by(['host', 'yes'])] }, twice),
  limited('over which the route goes', { token_bucket: tokens(9), descriptors: [by(['host', 'yes'])] }, twice, { rate_limits: [BY_USER] }),
  limited('unless both are asked for', { token_bucket: tokens(9), descriptors: [by(['host', 'yes'])], vh_rate_limits: 'INCLUDE' }, twice, {
    rate_limits: [BY_USER],
  }),
  limited('by the route', { token_bucket: tokens(9), descriptors: [by(['host', 'yes'])] }, twice, {
    rate_limits: [BY_USER],
    include_vh_rate_limits: true,
  }),
  limited('or ignored', { token_bucket: tokens(9), descriptors: [by(['host', 'yes'])], vh_rate_limits: 'IGNORE' }, twice),

  described('generic key', [{ generic_key: { descriptor_value: 'g' } }], [['generic_key', 'g']]),
  described('generic key by another name', [{ generic_key: { descriptor_value: 'g', descriptor_key: 'k' } }], [['k', 'g']]),
  described('generic key with a command', [{ generic_key: { descriptor_value: '%REQ(x-a)%' } }], [['generic_key', '%REQ(x-a)%']], {
    fields: ['x-a: 1'],
  }),
  described(
    'clusters',
    [{ source_cluster: {} }, { destination_cluster: {} }],
    [
      ['source_cluster', 'compare'],
      ['destination_cluster', 'origin'],
    ],
  ),
  described('address', [{ remote_address: {} }], [['remote_address', '127.0.0.1']]),
  described('masked address', [{ masked_remote_address: { v4_prefix_mask_len: 12 } }], [['masked_remote_address', '127.0.0.0/12']]),
  described(
    'address in a block',
    [{ remote_address_match: { descriptor_value: 'in', address_matcher: { ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] } } }],
    [['remote_address_match', 'in']],
  ),
  described('method', [{ request_headers: { header_name: ':method', descriptor_key: 'm' } }], [['m', 'GET']]),
  described(
    'missing header',
    [{ request_headers: { header_name: 'x-a', descriptor_key: 'a' } }, { generic_key: { descriptor_value: 'g' } }],
    [['generic_key', 'g']],
  ),
  described(
    'missing header that may be',
    [{ request_headers: { header_name: 'x-a', descriptor_key: 'a', skip_if_absent: true } }, { generic_key: { descriptor_value: 'g' } }],
    [['generic_key', 'g']],
  ),
  described('header twice', [{ request_headers: { header_name: 'x-a', descriptor_key: 'a' } }], [['a', '1']], {
    fields: ['x-a: 1', 'x-a: 2'],
  }),
  described('query parameter', [{ query_parameters: { query_parameter_name: 'q', descriptor_key: 'q' } }], [['q', 'a b']]),
  described(
    'header that matches',
    [{ header_value_match: { descriptor_value: 'yes', headers: [{ name: 'x-a', string_match: { exact: '1' } }] } }],
    [['header_match', 'yes']],
    { fields: ['x-a: 1'] },
  ),
  described(
    'header that must not',
    [{ header_value_match: { descriptor_value: 'yes', expect_match: false, headers: [{ name: 'x-a', string_match: { exact: '1' } }] } }],
    [['header_match', 'yes']],
  ),
  described(
    'query that matches',
    [{ query_parameter_value_match: { descriptor_value: 'yes', query_parameters: [{ name: 'q', present_match: true }] } }],
    [['query_match', 'yes']],
  ),
  described(
    'metadata that is missing',
    [{ metadata: { descriptor_key: 'm', default_value: 'd', metadata_key: { key: 'x', path: [{ key: 'y' }] } } }],
    [['m', 'd']],
  ),
];

compareTopic({
  name: 'local rate limits',
  setup: () => ({
    filters: [httpFilter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'none' })],
    hosts: [
      {
        name: 'limited',
        domains: ['any.test'],
        routes: ROUTES,
        rate_limits: [{ actions: [{ generic_key: { descriptor_key: 'host', descriptor_value: 'yes' } }] }],
      },
    ],
  }),
  cases: CASES,
});
