/** RBAC: who may do what. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const rbac = (action: string, policies: JsonObject): JsonObject =>
  perFilter('rbac', 'rbac.v3.RBACPerRoute', { rbac: { rules: { action, policies } } });
const ANY = [{ any: true }];

/** Trees of expressions. */
const text = (value: string): JsonObject => ({ const_expr: { string_value: value } });
const int = (value: number): JsonObject => ({ const_expr: { int64_value: value } });
const select = (operand: JsonObject, field: string, more: JsonObject = {}): JsonObject => ({ select_expr: { operand, field, ...more } });
const attribute = (root: string, field: string): JsonObject => select({ ident_expr: { name: root } }, field);
const call = (name: string, ...args: JsonObject[]): JsonObject => ({ call_expr: { function: name, args } });
const method = (target: JsonObject, name: string, ...args: JsonObject[]): JsonObject => ({ call_expr: { target, function: name, args } });
const header = (name: string): JsonObject => call('_[_]', attribute('request', 'headers'), text(name));
const user = call('_==_', header('x-user'), text('ann'));

/** Conditions by name, each of an ALLOW policy: who asks with which header is `ann`, `bob` or nobody. */
const CONDITIONS: Readonly<Record<string, JsonObject>> = {
  'a header': user,
  'another than a header': call('_!=_', header('x-user'), text('bob')),
  'a header that is there': select(attribute('request', 'headers'), 'x-user', { test_only: true }),
  'one of two': call('_||_', call('_==_', header('x-none'), text('a')), user),
  'two at once': call('_&&_', user, call('_==_', attribute('request', 'method'), text('GET'))),
  neither: call('!_', user),
  'in a list': call('@in', header('x-user'), { list_expr: { elements: [text('ann'), text('eve')] } }),
  'in a map': call('@in', text('x-user'), attribute('request', 'headers')),
  'the value of a map': call(
    '_[_]',
    { struct_expr: { entries: [{ map_key: text('ann'), value: { const_expr: { bool_value: true } } }] } },
    header('x-user'),
  ),
  'the begin of a path': method(attribute('request', 'path'), 'startsWith', text('/cel')),
  'the end of a path without query': method(attribute('request', 'url_path'), 'endsWith', text('yes')),
  'part of a text': method(header('x-user'), 'contains', text('n')),
  'a regular expression': method(header('x-user'), 'matches', text('^[a-c]nn$')),
  'the length of a text': call('_>_', call('size', header('x-user')), int(2)),
  'a choice': call('_?_:_', user, { const_expr: { bool_value: true } }, { const_expr: { bool_value: false } }),
  numbers: call('_==_', call('_-_', call('_*_', int(3), int(4)), call('_%_', int(7), int(5))), int(10)),
  'a remainder of a division by 0': call('_==_', call('_/_', int(1), int(0)), int(0)),
  'a text that is no bool': header('x-user'),
  'numbers of other kinds': call('_<_', int(1), { const_expr: { double_value: 1.5 } }),
  'no TLS': call('!_', attribute('connection', 'mtls')),
  'an attribute that is not there': call('_==_', attribute('request', 'nonsense'), text('x')),
  'a name that is not there': call('_==_', { ident_expr: { name: 'nonsense' } }, text('x')),
  'a host': method(attribute('request', 'host'), 'startsWith', text('x')),
  'a scheme': call('_==_', attribute('request', 'scheme'), text('http')),
  'an address': method(attribute('source', 'address'), 'startsWith', text('127.0.0.1:')),
  'a protocol': call('_==_', attribute('request', 'protocol'), text('HTTP/1.1')),
  'a query': call('_==_', attribute('request', 'query'), text('q=1')),
};

const slug = (name: string): string => `/cel/${name.replaceAll(' ', '-')}/yes`;

const CONDITION_ROUTES: JsonObject[] = Object.entries(CONDITIONS).map(([name, condition]) =>
  to(slug(name), {}, { typed_per_filter_config: rbac('ALLOW', { some: { permissions: ANY, principals: ANY, condition } }) }),
);

const CONDITION_CASES: Case[] = Object.keys(CONDITIONS).flatMap((name) => [
  ask(`condition: ${name}, ann`, slug(name), { fields: ['x-user: ann'] }),
  ask(`condition: ${name}, bob`, `${slug(name)}?q=1`, { fields: ['x-user: bob'] }),
  ask(`condition: ${name}, nobody`, slug(name)),
]);

const ROUTES: JsonObject[] = [
  ...CONDITION_ROUTES,
  to(
    '/allow',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        some: { permissions: ANY, principals: [{ header: { name: 'x-user', string_match: { exact: 'ann' } } }] },
      }),
    },
  ),
  to(
    '/deny',
    {},
    {
      typed_per_filter_config: rbac('DENY', {
        'no-posts': { permissions: [{ header: { name: ':method', string_match: { exact: 'POST' } } }], principals: ANY },
      }),
    },
  ),
  to(
    '/paths',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        'one path': { permissions: [{ url_path: { path: { exact: '/paths/open' } } }], principals: ANY },
      }),
    },
  ),
  to(
    '/near',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        local: { permissions: ANY, principals: [{ direct_remote_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } }] },
      }),
    },
  ),
  to(
    '/far',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        far: { permissions: ANY, principals: [{ remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } }] },
      }),
    },
  ),
  to(
    '/not',
    {},
    {
      typed_per_filter_config: rbac('DENY', {
        strangers: { permissions: ANY, principals: [{ not_id: { header: { name: 'x-user', present_match: true } } }] },
      }),
    },
  ),
];

const CASES: Case[] = [
  ...CONDITION_CASES,
  ask('allowed by header', '/allow', { fields: ['x-user: ann'] }),
  ask('not allowed by header', '/allow', { fields: ['x-user: bob'] }),
  ask('denied by method', '/deny', { method: 'POST', body: 'abc' }),
  ask('not denied by method', '/deny'),
  ask('allowed by path', '/paths/open?x'),
  ask('not allowed by path', '/paths/shut'),
  ask('allowed by address', '/near'),
  ask('not allowed by address', '/far'),
  ask('allowed by forwarded address', '/far', { fields: ['x-forwarded-for: 10.1.2.3'] }),
  ask('denied by absence', '/not'),
  ask('denied to HEAD', '/not', { method: 'HEAD' }, { isHead: true }),
];

compareTopic({ name: 'RBAC', setup: () => ({ routes: ROUTES, filters: [httpFilter('rbac', 'rbac.v3.RBAC')] }), cases: CASES });
