/** RBAC: who may do what. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const rbac = (action: string, policies: JsonObject): JsonObject =>
  perFilter('rbac', 'rbac.v3.RBACPerRoute', { rbac: { rules: { action, policies } } });
const ANY = [{ any: true }];

const ROUTES: JsonObject[] = [
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
