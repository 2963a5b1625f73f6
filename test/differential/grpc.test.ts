/** gRPC over HTTP/2: what passes, what the proxy itself answers, and its time limits. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask2, head, on2, type Request2 } from './framework/h2-case.ts';
import { direct, h2Cluster, httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { field, trailer, FOREVER } from './framework/wishes.ts';

const MESSAGE = '\0\0\0\0\x03abc';
const ANSWER = `body=${encodeURIComponent('\0\0\0\0\x02ok')}`;
const GRPC = field('content-type: application/grpc');

const call = (rest: Request2 = {}): Request2 => ({
  method: 'POST',
  body: MESSAGE,
  ...rest,
  fields: ['content-type: application/grpc', 'te: trailers', ...(rest.fields ?? [])],
});

const GIVEN_UP = { 'upstream.0.end': DIFFERENCES.cancelledUpstream };

const STATUSES = [400, 401, 403, 404, 408, 413, 429, 431, 500, 501, 502, 503, 504, 418];

const OWN_REPLIES: Case[] = STATUSES.flatMap((status) => [
  ask2(`fault ${status}`, '/fault', call({ fields: [`x-envoy-fault-abort-request: ${status}`] })),
  ask2(`direct ${status}`, `/direct/${status}`, call()),
]);

const CASES: Case[] = [
  ...OWN_REPLIES,
  ask2('unary', '/s/M', call({ wish: `${GRPC};${ANSWER};${trailer('grpc-status: 0')}` }), {
    expects: { 'answers.0.trailers.grpc-status.0': '0' },
  }),
  ask2(
    'message with a status',
    '/s/M',
    call({ wish: `${GRPC};body=;${trailer('grpc-status: 5')};${trailer('grpc-message: not%20here')}` }),
  ),
  ask2('trailers only', '/s/M', call({ wish: `${GRPC};${field('grpc-status: 7')};${field('grpc-message: no')};body=` })),
  ask2(
    'binary metadata',
    '/s/M',
    call({ fields: ['x-data-bin: AAEC/w=='], wish: `${GRPC};${trailer('x-more-bin: AAEC')};${trailer('grpc-status: 0')}` }),
  ),
  ask2('no trailers', '/s/M', call({ wish: `${GRPC};${ANSWER}` })),
  ask2('HTTP 503 of the origin', '/s/M', call({ wish: 'status=503' })),
  ask2('reset', '/s/M', call({ wish: 'reset=INTERNAL_ERROR' })),
  ask2('reset as refused', '/s/M', call({ wish: 'reset=REFUSED_STREAM' })),
  ask2('cut', '/s/M', call({ wish: `${GRPC};${ANSWER};cut=INTERNAL_ERROR` })),
  ask2('dead', '/dead/M', call({ body: [] })),
  ask2('empty', '/empty/M', call()),
  ask2('full', '/full/M', call({ body: [] })),
  ask2('no route', '/x', call({ authority: 'narrow.test' })),
  ask2('no cluster', '/nobody/M', call()),
  ask2('redirect', '/moved/M', call()),
  ask2('denied', '/deny/M', call()),
  differing(ask2('timeout of the route', '/slow/M', call({ wish: `delay=${FOREVER}` })), GIVEN_UP),
  differing(ask2('timeout of the route within messages', '/slow/M', call({ wish: `${GRPC};${ANSWER};late=${FOREVER}` })), GIVEN_UP),
  differing(ask2('timeout asked for', '/deadline/M', call({ fields: ['grpc-timeout: 950m'], wish: `delay=${FOREVER}` })), GIVEN_UP),
  ask2(
    'timeout asked for and met',
    '/deadline/M',
    call({ fields: ['grpc-timeout: 2S'], wish: `${GRPC};${ANSWER};${trailer('grpc-status: 0')}` }),
  ),
  differing(ask2('timeout above the most', '/deadline/M', call({ fields: ['grpc-timeout: 1H'], wish: `delay=${FOREVER}` })), GIVEN_UP),
  ask2(
    'timeout that is none',
    '/deadline/M',
    call({ fields: ['grpc-timeout: soon'], wish: `${GRPC};${ANSWER};${trailer('grpc-status: 0')}` }),
  ),
  ask2('no timeout asked for', '/deadline/M', call({ wish: `delay=100;${GRPC};${ANSWER};${trailer('grpc-status: 0')}` })),
  differing(ask2('timeout less an offset', '/offset/M', call({ fields: ['grpc-timeout: 900m'], wish: `delay=${FOREVER}` })), GIVEN_UP),
  ask2('subtype', '/empty/M', call({ fields: [] })),
  ask2('proto subtype', '/empty/M', { method: 'POST', body: MESSAGE, fields: ['content-type: application/grpc+proto'] }),
  ask2('web is another', '/empty/M', { method: 'POST', body: MESSAGE, fields: ['content-type: application/grpc-web'] }),
  ask2('by HTTP 1', '/h1/M', call({ wish: `${GRPC};${trailer('grpc-status: 0')}` })),
  ask2('matched as gRPC', '/only-grpc', call()),
  ask2('not matched as gRPC', '/only-grpc', { method: 'POST' }),
  on2('two streams of messages', async (client) => {
    const fields = head('two streams of messages', '/s/Stream', {
      ...call(),
      wish: `early;${GRPC};${ANSWER};late=400;${trailer('grpc-status: 0')}`,
    });
    const stream = client.request(fields, false).data(MESSAGE);
    await stream.answered();
    stream.data(MESSAGE).data(MESSAGE, true);
    await stream.ended();
  }),
  on2(
    'client cancels',
    async (client) => {
      const stream = client
        .request(head('client cancels', '/s/Stream', { ...call(), wish: `early;${GRPC};${ANSWER};late=${FOREVER}` }), false)
        .data(MESSAGE);
      await stream.answered();
      stream.reset(8);
      await new Promise((resolve) => setTimeout(resolve, 30));
    },
    { differs: GIVEN_UP },
  ),
];

const DENY = { action: 'DENY', policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } };

const ROUTES: JsonObject[] = [
  to('/s/', { cluster: 'h2' }),
  to('/h1/'),
  to('/dead/', { cluster: 'dead' }),
  to('/empty/', { cluster: 'empty' }),
  to('/full/', { cluster: 'full' }),
  to('/nobody/', { cluster: 'nobody' }),
  to('/fault', { cluster: 'h2' }),
  to('/slow/', { cluster: 'h2', timeout: '0.8s' }),
  to('/deadline/', { cluster: 'h2', max_stream_duration: { grpc_timeout_header_max: '1s' } }),
  to('/offset/', { cluster: 'h2', max_stream_duration: { grpc_timeout_header_max: '10s', grpc_timeout_header_offset: '0.15s' } }),
  to('/deny/', { cluster: 'h2' }, { typed_per_filter_config: perFilter('rbac', 'rbac.v3.RBACPerRoute', { rbac: { rules: DENY } }) }),
  { match: { prefix: '/moved' }, redirect: { host_redirect: 'new.test' } },
  { name: 'only-grpc', match: { prefix: '/only-grpc', grpc: {} }, route: { cluster: 'h2' } },
  ...STATUSES.map((status) => direct(`/direct/${status}`, status, `says ${status} 100%`)),
];

const FAULT = httpFilter('fault', 'fault.v3.HTTPFault', { abort: { header_abort: {}, percentage: { numerator: 100 } } });

compareTopic({
  name: 'gRPC',
  setup: ({ ports }) => ({
    filters: [FAULT, httpFilter('rbac', 'rbac.v3.RBAC')],
    routes: ROUTES,
    hosts: [{ name: 'narrow', domains: ['narrow.test'], routes: [{ match: { path: '/only' }, route: { cluster: 'h2' } }] }],
    clusters: [
      h2Cluster('h2', [ports.originH2]),
      h2Cluster('full', [ports.originH2], { circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } }),
    ],
  }),
  cases: CASES,
});
