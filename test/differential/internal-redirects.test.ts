/** Redirects of the upstream that the proxy follows itself: the request begins anew, filters and all. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask, type Request } from './framework/h1-case.ts';
import { direct, header, httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { field } from './framework/wishes.ts';

const policy = (fields: JsonObject = {}): JsonObject => ({
  internal_redirect_policy: { redirect_response_codes: [301, 302, 303, 307, 308], max_internal_redirects: 2, ...fields },
});

const denyAll: JsonObject = {
  rules: { action: 'DENY', policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } },
};
const counted: JsonObject = {
  mutations: {
    request_mutations: [{ append: { header: { key: 'x-filter', value: '1' }, append_action: 'APPEND_IF_EXISTS_OR_ADD' } }],
    response_mutations: [{ append: { header: { key: 'x-filter', value: '1' }, append_action: 'APPEND_IF_EXISTS_OR_ADD' } }],
  },
};

const marked = (name: string): JsonObject => ({
  name,
  request_headers_to_add: [header('x-route', name)],
  response_headers_to_add: [header('x-route', name)],
});

const ROUTES: JsonObject[] = [
  to('/denied', {}, { name: 'denied', typed_per_filter_config: perFilter('rbac', 'rbac.v3.RBACPerRoute', { rbac: denyAll }) }),
  direct('/direct', 200, 'straight', { name: 'direct' }),
  { match: { prefix: '/away' }, redirect: { host_redirect: 'away.test' }, name: 'away' },
  to('/rewritten', { ...policy(), prefix_rewrite: '/new' }, marked('rewritten')),
  to('/hurried', { ...policy(), timeout: '0.8s' }, marked('hurried')),
  to('/listed', policy({ predicates: [{ name: 'l', typed_config: listed(['other']) }] }), marked('listed')),
  to('/copied', policy({ response_headers_to_copy: ['x-copy', 'x-none'] }), marked('copied')),
  to('/other', {}, marked('other')),
  to('/once', policy({ max_internal_redirects: 1 }), marked('once')),
  to('/default', { internal_redirect_policy: {} }, marked('default')),
  to('/small', { ...policy() }, { ...marked('small'), per_request_buffer_limit_bytes: 10 }),
  to('/', policy(), marked('rest')),
];

function listed(allowed_route_names: string[]): JsonObject {
  const name = 'type.googleapis.com/envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig';
  return { '@type': name, allowed_route_names };
}

/** A request that is answered by one redirect (`times`: so many), and then as any. */
function moved(
  name: string,
  from: string,
  location: string,
  more: Request & { readonly status?: number; readonly times?: number } = {},
): Case {
  const { status = 302, times = 1, ...request } = more;
  const wish = `times=${times};status=${status};${field(`location: ${location}`)};${field('x-copy: copied')}`;
  return ask(name, from, { host: 'old.test', ...request, wish });
}

const CASES: Case[] = [
  ...[301, 302, 303, 307, 308].map((status) => moved(`status ${status}`, '/a?x=1', 'http://new.test/b?y=2', { status })),
  moved('another status', '/a', 'http://new.test/b', { status: 300 }),
  moved('a default status', '/default/a', 'http://new.test/b'),
  moved('no default status', '/default/a', 'http://new.test/b', { status: 307 }),
  moved('to a route that RBAC closes', '/a', 'http://new.test/denied/x'),
  moved('to a path that becomes one', '/a', 'http://new.test/x/../denied/x'),
  moved('to a direct response', '/a', 'http://new.test/direct'),
  moved('to a redirect', '/a', 'http://new.test/away'),
  moved('to a route of other limits', '/hurried/a', 'http://new.test/b?do=delay%3D1600'),
  moved('from rewritten to rewritten', '/rewritten/a', 'http://new.test/rewritten/b'),
  moved('to a route on the list', '/listed/a', 'http://new.test/other'),
  differing(moved('to a route not on the list', '/listed/a', 'http://new.test/b'), { 'log.0.route': DIFFERENCES.refusedRedirect }),
  moved('fields that are copied', '/copied/a', 'http://new.test/b', { fields: ['x-none: 1', 'x-copy: mine'] }),
  moved('twice', '/a', 'http://new.test/b', { times: 2 }),
  moved('three times', '/a', 'http://new.test/b', { times: 3 }),
  moved('twice where once is allowed', '/once/a', 'http://new.test/once/b', { times: 2 }),
  moved('to https', '/a', 'https://new.test/b'),
  moved('to a path alone', '/a', '/b'),
  moved('to nonsense', '/a', 'nonsense'),
  moved('with a body', '/a', 'http://new.test/b', { method: 'POST', body: 'abc' }),
  moved('with a body by 303', '/a', 'http://new.test/b', { method: 'POST', body: 'abc', status: 303 }),
  moved('with a body by 307', '/a', 'http://new.test/b', { method: 'POST', body: 'abc', status: 307 }),
  moved('with a body that is too long', '/small/a', 'http://new.test/b', { method: 'POST', body: 'x'.repeat(100) }),
  moved('HEAD by 303', '/a', 'http://new.test/b', { method: 'HEAD', status: 303 }),
];

compareTopic({
  name: 'internal redirects',
  setup: () => ({
    listeners: {
      main: { filters: [httpFilter('header_mutation', 'header_mutation.v3.HeaderMutation', counted), httpFilter('rbac', 'rbac.v3.RBAC')] },
    },
    routes: ROUTES,
  }),
  cases: CASES,
});
