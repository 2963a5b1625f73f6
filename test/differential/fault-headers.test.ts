/** Faults that requests ask for by headers, and faults in gRPC's terms. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const ALWAYS = { numerator: 100 };
const fault = (fields: JsonObject): JsonObject => perFilter('fault', 'fault.v3.HTTPFault', fields);

const FILTER: JsonObject = {
  delay: { header_delay: {}, percentage: ALWAYS },
  abort: { header_abort: {}, percentage: ALWAYS },
  response_rate_limit: { header_limit: {}, percentage: ALWAYS },
  filter_metadata: { by: 'filter' },
};

const ROUTES: JsonObject[] = [
  to('/grpc', {}, { typed_per_filter_config: fault({ abort: { grpc_status: 5, percentage: ALWAYS } }) }),
  to('/body', {}, { typed_per_filter_config: fault({ abort: { http_status: 418, percentage: ALWAYS, response_body: 'tea %REQ(x-a)%' } }) }),
  to('/never', {}, { typed_per_filter_config: fault({ abort: { http_status: 418 } }) }),
  to('/elsewhere', {}, { typed_per_filter_config: fault({ abort: { http_status: 418, percentage: ALWAYS }, upstream_cluster: 'dead' }) }),
  to('/here', {}, { typed_per_filter_config: fault({ abort: { http_status: 418, percentage: ALWAYS }, upstream_cluster: 'origin' }) }),
  to('/nodes', {}, { typed_per_filter_config: fault({ abort: { http_status: 418, percentage: ALWAYS }, downstream_nodes: ['one'] }) }),
  to('/slow', {}, { typed_per_filter_config: fault({ response_rate_limit: { fixed_limit: { limit_kbps: 8 }, percentage: ALWAYS } }) }),
];

const GRPC = 'content-type: application/grpc';
const abort = (value: string): string => `x-envoy-fault-abort-request: ${value}`;

const CASES: Case[] = [
  ask('nothing asked', '/x'),
  ...['418', '200', '199', '600', 'x', '', '+418', ' 418 '].map((value) => ask(`abort by "${value}"`, '/x', { fields: [abort(value)] })),
  ...['0', '100', '1000', 'x'].map((share) =>
    ask(`abort of ${share} percent`, '/x', { fields: [abort('418'), `x-envoy-fault-abort-request-percentage: ${share}`] }),
  ),
  ask('gRPC abort', '/x', { fields: [GRPC, 'x-envoy-fault-abort-grpc-request: 5'] }),
  ask('gRPC abort of what is no gRPC', '/x', { fields: ['x-envoy-fault-abort-grpc-request: 5'] }),
  ask('both aborts', '/x', { fields: [GRPC, abort('503'), 'x-envoy-fault-abort-grpc-request: 5'] }),
  ...['20', '0', 'x'].map((value) => ask(`delay by "${value}"`, '/x', { fields: [`x-envoy-fault-delay-request: ${value}`] })),
  ask('delay and abort', '/x', { fields: ['x-envoy-fault-delay-request: 20', abort('418')] }),
  ask('slow response by header', '/x', { fields: ['x-envoy-fault-throughput-response: 8'], wish: 'size=2000' }),
  ask('slow response', '/slow', { wish: 'size=2000' }),
  ask('slow response in chunks with trailers', '/slow', { wish: 'size=2000;chunked=1;trailer=x-t%3A%201' }),
  ask('slow response without a body', '/slow', { wish: 'status=204' }),
  ask('gRPC status of a route', '/grpc', { fields: [GRPC] }),
  ask('gRPC status of a route for others', '/grpc'),
  ask('body of a route', '/body', { fields: ['x-a: 1'] }),
  ask('body of a route in gRPC', '/body', { fields: [GRPC] }),
  ask('no share', '/never'),
  ask('another cluster', '/elsewhere'),
  ask('this cluster', '/here'),
  ask('a node', '/nodes', { fields: ['x-envoy-downstream-service-node: one'] }),
  ask('another node', '/nodes', { fields: ['x-envoy-downstream-service-node: two'] }),
];

compareTopic({
  name: 'faults by headers',
  setup: () => ({
    routes: ROUTES,
    filters: [httpFilter('fault', 'fault.v3.HTTPFault', FILTER)],
    log: { metadata: '%DYNAMIC_METADATA(envoy.filters.http.fault)%' },
  }),
  cases: CASES,
});
