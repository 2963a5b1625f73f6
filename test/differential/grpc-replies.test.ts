/** Replies of the proxy's own to gRPC. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { cluster, direct, httpFilter, ORIGIN, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { FOREVER } from './framework/wishes.ts';

const GRPC = ['content-type: application/grpc', 'te: trailers'];

const CASES: Case[] = [
  ask('grpc no route', '/other', { host: 'narrow.test', method: 'POST', fields: GRPC }),
  ask('grpc dead', '/dead', { method: 'POST', fields: GRPC }),
  ask('grpc empty', '/empty', { method: 'POST', fields: GRPC }),
  ask('grpc denied', '/allow', { method: 'POST', fields: GRPC }),
  ask('grpc timeout', '/slow', { method: 'POST', fields: GRPC, wish: `delay=${FOREVER}` }),
  ask('grpc fault', '/fault/abort', { method: 'POST', fields: ['content-type: application/grpc+proto'] }),
  ask('grpc web is no grpc', '/empty', { method: 'POST', fields: ['content-type: application/grpc-web'] }),
  ask('grpc direct', '/direct', { method: 'POST', fields: GRPC }),
  ask('grpc redirect', '/r/host', { method: 'POST', fields: GRPC }),
  ask('grpc full', '/full', { method: 'POST', fields: GRPC }),
];

const ANN = { permissions: [{ any: true }], principals: [{ header: { name: 'x-user', string_match: { exact: 'ann' } } }] };

const ROUTES: JsonObject[] = [
  to('/slow', { timeout: '0.8s' }),
  to('/dead', { cluster: 'dead' }),
  to('/empty', { cluster: 'empty' }),
  to('/full', { cluster: 'full' }),
  to('/allow', {}, { typed_per_filter_config: perFilter('rbac', 'rbac.v3.RBACPerRoute', { rbac: { rules: { policies: { ANN } } } }) }),
  to(
    '/fault',
    {},
    { typed_per_filter_config: perFilter('fault', 'fault.v3.HTTPFault', { abort: { http_status: 418, percentage: { numerator: 100 } } }) },
  ),
  direct('/direct', 299, 'straight'),
  { match: { prefix: '/r/host' }, redirect: { host_redirect: 'new.test' } },
];

compareTopic({
  name: 'replies to gRPC',
  setup: ({ ports }) => ({
    routes: ROUTES,
    hosts: [{ name: 'narrow', domains: ['narrow.test'], routes: [{ match: { path: '/only' }, route: ORIGIN }] }],
    filters: [httpFilter('fault', 'fault.v3.HTTPFault'), httpFilter('rbac', 'rbac.v3.RBAC')],
    clusters: [cluster('full', [ports.origin], { circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } })],
  }),
  cases: CASES,
});
