/** What routes change in requests and responses. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { header, ORIGIN, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const encode = encodeURIComponent;

const REWRITES: JsonObject[] = [
  to('/prefix-rewrite/', { prefix_rewrite: '/new/' }),
  to('/regex-rewrite', { regex_rewrite: { pattern: { regex: '^/regex-rewrite/([^/]+)/(.*)$' }, substitution: '/\\2/at/\\1' } }),
  to('/host-literal', { host_rewrite_literal: 'other.test:99', append_x_forwarded_host: true }),
  to('/host-header', { host_rewrite_header: 'x-host' }),
  to('/host-regex', { host_rewrite_path_regex: { pattern: { regex: '^/host-regex/(.+)$' }, substitution: '\\1' } }),
];

const HEADERS: JsonObject[] = [
  to(
    '/headers',
    {},
    {
      request_headers_to_add: [
        header('x-added', 'one'),
        header('x-both', 'route'),
        header('x-over', 'route', 'OVERWRITE_IF_EXISTS_OR_ADD'),
        header('x-absent', 'route', 'ADD_IF_ABSENT'),
        header('x-exists', 'route', 'OVERWRITE_IF_EXISTS'),
        header('x-vars', '%PROTOCOL% %REQ(x-user)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %REQ(:path)% 100%%'),
        header('x-empty', '%REQ(x-nobody)%'),
      ],
      request_headers_to_remove: ['x-gone'],
      response_headers_to_add: [
        header('x-code', '%RESPONSE_CODE% %ROUTE_NAME% %RESPONSE_FLAGS%'),
        header('x-both', 'route'),
        header('x-from', '%REQ(x-user)%|%UPSTREAM_CLUSTER%'),
      ],
      response_headers_to_remove: ['x-secret', 'x-envoy-upstream-service-time'],
    },
  ),
];

const CASES: Case[] = [
  ask('prefix rewrite', '/prefix-rewrite/a?b=c'),
  ask('regex rewrite', '/regex-rewrite/one/two/three?q=/x'),
  ask('host literal', '/host-literal'),
  ask('host by header', '/host-header', { fields: ['x-host: by.header'] }),
  ask('host by header missing', '/host-header'),
  ask('host by regex', '/host-regex/from.path?x'),
  ask('headers', '/headers?a', {
    fields: ['x-gone: 1', 'X-Gone: 2', 'x-over: own', 'x-absent: own', 'x-exists: own', 'x-user: ann', 'x-both: own'],
    wish: `h=${encode('x-both: origin')};h=${encode('X-Secret: 1')}`,
  }),
  ask('headers without', '/headers'),
  ask('headers of a host', '/headers', { host: 'counting.test' }),
  ask('headers of a local reply', '/other', { host: 'narrow.test', fields: ['x-both: own'] }),
];

const NARROW: JsonObject = { name: 'narrow', domains: ['narrow.test'], routes: [{ match: { path: '/only' }, route: ORIGIN }] };

/** Fields on three levels, to see which come first. */
const LEVELS: JsonObject = {
  name: 'counting',
  domains: ['counting.test'],
  include_request_attempt_count: true,
  include_attempt_count_in_response: true,
  request_headers_to_add: [header('x-both', 'host')],
  response_headers_to_add: [header('x-both', 'host')],
  routes: HEADERS,
};

compareTopic({
  name: 'rewriting',
  setup: () => ({
    routes: [...REWRITES, ...HEADERS],
    hosts: [NARROW, LEVELS],
    table: { request_headers_to_add: [header('x-both', 'table')], response_headers_to_add: [header('x-both', 'table')] },
  }),
  cases: CASES,
});
