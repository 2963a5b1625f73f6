import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { authorizationRule, endpointOf, meshOf, policyOf, portOf, serviceOf } from '../../compile/testing/mesh.ts';
import type { Flow } from '../../model/flow.ts';
import { instanceOf } from '../../model/testing/instance.ts';
import {
  type AccessLogCommonSchema,
  AccessLogType,
  HTTPAccessLogEntrySchema,
  type HTTPResponsePropertiesSchema,
  TCPAccessLogEntrySchema,
} from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { RequestMethod } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { meshNames } from './mesh-names.ts';
import { type EntryContext, httpFlow, tcpFlow } from './read-entry.ts';

type Common = MessageInitShape<typeof AccessLogCommonSchema>;

const address = (host: string, port: number): Common['upstreamRemoteAddress'] => ({
  address: { case: 'socketAddress', value: { address: host, portSpecifier: { case: 'portValue', value: port } } },
});
const certificate = (uri: string) => ({ subjectAltName: [{ san: { case: 'uri' as const, value: uri } }] });

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const PAYMENTS = 'spiffe://cluster.local/ns/shop/sa/payments';

const mesh = meshOf({
  services: [
    serviceOf('payments', [portOf(80, 'http', 8080)], {
      endpoints: [endpointOf('10.0.0.2', { workload: 'payments-v1', ports: { 'http-80': 8080 } })],
    }),
  ],
  instances: [instanceOf('web')],
  authorizationPolicies: [policyOf('policy', 'DENY', [authorizationRule({})])],
});

const context: EntryContext = {
  proxy: 'me',
  isGateway: false,
  own: { namespace: 'shop', workload: 'payments-v1' },
  node: () => ({ labels: {}, ports: [] }),
  ownPrincipal: PAYMENTS,
  receivedMs: 5000,
  names: meshNames(mesh),
};

function read(
  common: Common,
  response: MessageInitShape<typeof HTTPResponsePropertiesSchema> = { responseCode: 200, responseCodeDetails: 'via_upstream' },
  parts: Partial<EntryContext> = {},
): Flow {
  const request = {
    requestMethod: RequestMethod.POST,
    authority: 'payments:80',
    path: '/pay?token=abc',
    requestId: 'r1',
    requestBodyBytes: 3n,
  };
  const flow = httpFlow(create(HTTPAccessLogEntrySchema, { commonProperties: common, request, response }), { ...context, ...parts });
  assert.ok(flow);
  return flow;
}

test("a server's request by mTLS", () => {
  const flow = read({
    startTime: { seconds: 3n, nanos: 5_000_000 },
    duration: { seconds: 0n, nanos: 12_000_000 },
    timeToFirstUpstreamRxByte: { nanos: 7_000_000 },
    downstreamRemoteAddress: address('10.0.0.1', 40_000),
    downstreamLocalAddress: address('10.0.0.2', 8080),
    tlsProperties: { peerCertificateProperties: certificate(WEB), localCertificateProperties: certificate(PAYMENTS) },
    customTags: { reporter: 'destination', cluster: 'inbound|8080||', trace: 'f00' },
    routeName: 'default',
  });
  assert.deepEqual(flow, {
    id: 'r1',
    proxy: 'me',
    reporter: 'destination',
    startMs: 3005,
    receivedMs: 5000,
    durationMs: 12,
    upstreamMs: 7,
    protocol: 'http',
    source: { namespace: 'shop', workload: 'web', address: '10.0.0.1:40000', principal: WEB },
    destination: { namespace: 'shop', workload: 'payments-v1', address: '10.0.0.2:8080', principal: PAYMENTS },
    service: 'payments.shop.svc.cluster.local',
    cluster: 'inbound|8080||',
    verdict: 'forwarded',
    flags: [],
    details: 'via_upstream',
    route: 'default',
    isMutualTls: true,
    bytesSent: 0,
    bytesReceived: 3,
    traceId: 'f00',
    request: { method: 'POST', authority: 'payments:80', path: '/pay?token=[redacted]', status: 200 },
  });
});

test("a client's request names the other side by what it says, its address, or its identity", () => {
  const cluster = 'outbound|80|v1|payments.shop.svc.cluster.local';
  const own = { namespace: 'shop', workload: 'web' };
  const cases: readonly (readonly [common: Common, workload: string])[] = [
    [{ customTags: { cluster, peer: 'pay;shop;payments;v1;c1' }, upstreamRemoteAddress: address('10.0.0.2', 8080) }, 'pay'],
    [{ customTags: { cluster }, upstreamRemoteAddress: address('10.0.0.2', 8080) }, 'payments-v1'],
    [{ customTags: { cluster, 'upstream-principal': WEB }, upstreamRemoteAddress: address('10.9.9.9', 1) }, 'web'],
    [{ upstreamCluster: cluster, upstreamRemoteAddress: address('10.9.9.9', 1) }, ''],
  ];
  for (const [common, workload] of cases) {
    const flow = read(common, { responseCode: 200 }, { own });
    assert.deepEqual(
      [flow.reporter, flow.service, flow.source.workload, flow.destination.workload],
      ['source', 'payments.shop.svc.cluster.local', 'web', workload],
    );
    assert.equal(flow.isMutualTls, flow.destination.principal !== '');
  }
});

test('a denial names the policy, as the proxy went by it', () => {
  const details = { responseCode: 403, responseCodeDetails: 'rbac_access_denied_matched_policy[ns[shop]-policy[policy]-rule[0]]' };
  const { verdict, policy } = read({}, details);
  assert.equal(verdict, 'denied');
  assert.deepEqual(
    [policy?.kind, policy?.name, policy?.file],
    ['AuthorizationPolicy', 'policy', mesh.authorizationPolicies[0]?.rules[0]?.origin.file],
  );
  const told = read({ customTags: { policy: '{"policy":"x","file":"old.yaml","line":7}' } }, details);
  assert.deepEqual([told.policy?.file, told.policy?.line], ['old.yaml', 7]);
  // what no record could hold is not taken from a proxy
  for (const line of ['-5', '1.5', '1e300', '"x"']) {
    const { policy } = read({ customTags: { policy: `{"policy":"x","file":"old.yaml","line":${line}}` } }, details);
    assert.notEqual(policy?.file, 'old.yaml', line);
  }
  const none = read({}, { responseCode: 403, responseCodeDetails: 'rbac_access_denied_matched_policy[none]' });
  assert.deepEqual([none.verdict, none.policy], ['denied', undefined]);
});

test('a policy that is tried only', () => {
  const tried = {
    tulle_dry_run_shadow_engine_result: 'denied',
    tulle_dry_run_shadow_effective_policy_id: 'ns[shop]-policy[policy]-rule[0]',
  };
  const flow = read({ metadata: { filterMetadata: { 'envoy.filters.http.rbac': tried } } });
  assert.deepEqual([flow.verdict, flow.policy?.name], ['forwarded', 'policy']);
});

test('the route says where it was written', () => {
  const route = '{"kind":"VirtualService","namespace":"shop","name":"pay","file":"a.yaml","line":4,"field":"spec.http[0]"}';
  assert.deepEqual(read({ customTags: { route } }).routeOrigin, JSON.parse(route));
  for (const bad of ['', '{', '[]', '{"kind":"x","line":-1}', '7'])
    assert.equal(read({ customTags: { route: bad } }).routeOrigin, undefined);
});

test('gRPC by its status', () => {
  const flow = read({ customTags: { 'grpc-status': '14' } });
  assert.deepEqual([flow.protocol, flow.request?.grpcStatus], ['grpc', 14]);
});

test('headers that are secret are not kept, whoever sends them', () => {
  const request = { requestHeaders: { 'x-user': 'ann', authorization: 'Bearer x' } };
  const flow = httpFlow(create(HTTPAccessLogEntrySchema, { commonProperties: {}, request }), context);
  assert.deepEqual(flow?.request?.headers, { 'x-user': 'ann', authorization: '[redacted]' });
});

test("a gateway's request", () => {
  const flow = read({ upstreamCluster: 'outbound|80||payments.shop.svc.cluster.local' }, { responseCode: 200 }, { isGateway: true });
  assert.equal(flow.reporter, 'gateway');
});

test('a connection', () => {
  const entry = create(TCPAccessLogEntrySchema, {
    commonProperties: {
      customTags: { reporter: 'destination', cluster: 'inbound|8080||', connection: '17' },
      downstreamLocalAddress: address('10.0.0.2', 8080),
      responseFlags: { upstreamConnectionFailure: true },
    },
    connectionProperties: { receivedBytes: 5n, sentBytes: 6n },
  });
  const flow = tcpFlow(entry, context);
  assert.ok(flow);
  const { id, protocol, verdict, service, bytesSent, bytesReceived, request } = flow;
  assert.deepEqual(
    { id, protocol, verdict, service, bytesSent, bytesReceived, request },
    {
      id: '17',
      protocol: 'tcp',
      verdict: 'failed',
      service: 'payments.shop.svc.cluster.local',
      bytesSent: 6,
      bytesReceived: 5,
      request: undefined,
    },
  );
});

test('an address of two workloads is nobody', () => {
  const [web] = mesh.instances;
  assert.ok(web);
  const names = meshNames(meshOf({ instances: [web, { ...web, workload: 'other' }] }));
  assert.equal(names.workloadAt('10.0.0.1:80'), undefined);
  assert.equal(names.workloadOf(WEB), undefined);
  assert.deepEqual(meshNames(mesh).workloadAt('10.0.0.1:80'), { namespace: 'shop', workload: 'web' });
});

test('connections in tunnels are over mTLS, at both ends', () => {
  const flowOf = (common: Common, parts: Partial<EntryContext>): Flow | undefined =>
    tcpFlow(create(TCPAccessLogEntrySchema, { commonProperties: common }), { ...context, ...parts });
  const tunnel = {
    address: {
      case: 'envoyInternalAddress' as const,
      value: {
        addressNameSpecifier: { case: 'serverListenerName' as const, value: 'connect_originate|payments.shop' },
        endpointId: '10.0.0.2:8080',
      },
    },
  };
  const client = flowOf(
    { upstreamRemoteAddress: tunnel, customTags: { reporter: 'source' } },
    { own: { namespace: 'shop', workload: 'web' }, ownPrincipal: WEB },
  );
  assert.deepEqual(client?.destination, { namespace: 'shop', workload: 'payments-v1', address: '10.0.0.2:8080', principal: PAYMENTS });
  assert.equal(client?.source.principal, WEB);
  assert.equal(client?.isMutualTls, true);
  const server = flowOf({ customTags: { reporter: 'destination', 'tunnel-peer': WEB, 'tunnel-local': PAYMENTS } }, {});
  assert.deepEqual([server?.source.workload, server?.source.principal, server?.destination.principal], ['web', WEB, PAYMENTS]);
  assert.equal(server?.isMutualTls, true);
});

test('a request that lasts is told of while it does, and has not failed for want of an answer', () => {
  const told = (more: object, status: number) =>
    httpFlow(
      create(HTTPAccessLogEntrySchema, {
        commonProperties: { startTime: { seconds: 3n }, accessLogType: AccessLogType.DownstreamPeriodic, ...more },
        request: { requestId: 'r', path: '/chat' },
        response: { responseCode: status, responseBodyBytes: 5n },
      }),
      context,
    );
  const waiting = told({}, 0);
  assert.deepEqual([waiting?.isOpen, waiting?.id, waiting?.durationMs, waiting?.verdict], [true, 'r', 2000, 'forwarded']);
  const open = told({ duration: { seconds: 7n } }, 101);
  assert.deepEqual([open?.isOpen, open?.durationMs, open?.bytesSent, open?.request?.status], [true, 7000, 5, 101]);
});

test('a connection that lasts is told of while it does', () => {
  const open = tcpFlow(
    create(TCPAccessLogEntrySchema, {
      commonProperties: { startTime: { seconds: 3n }, accessLogType: AccessLogType.TcpPeriodic, customTags: { connection: '7' } },
      connectionProperties: { receivedBytes: 5n },
    }),
    context,
  );
  assert.deepEqual([open?.isOpen, open?.id, open?.durationMs, open?.bytesReceived, open?.verdict], [true, '7', 2000, 5, 'forwarded']);
});
