import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import { ClusterSchema } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { readHttpSettings } from '../../cluster/http-options.ts';
import type { Cluster, ClusterManager, Host, Limits } from '../../cluster/cluster.ts';
import type { DownstreamConnection } from '../../listener/connection.ts';
import { istioStats as tcpStats } from '../../network/istio-stats.ts';
import { tcpObservers } from '../../network/tcp-observer.ts';
import { encodeMetadata, metadataOf } from '../../telemetry/peer-metadata.ts';
import type { StatsRegistry } from '../../telemetry/registry.ts';
import { createStats } from '../../telemetry/registry.ts';
import {
  fakeConnection,
  fakeInfo,
  fakeNetworkScope,
  fakeRequest,
  fakeResponse,
  fakeScope,
  fakeStream,
  fakeTls,
  idleConnection,
} from '../../telemetry/testing/fake-stream.ts';
import type { HttpFilterHandlers } from '../filter.ts';
import { fakeRoute } from '../../router/testing/routes.ts';
import { flagBit, type StreamInfo } from '../stream-info.ts';
import { istioStats } from './istio-stats.ts';
import { peerMetadata } from './peer-metadata.ts';

const NODE = {
  id: 'sidecar~10.0.0.2~cart-1.shop~shop.svc.cluster.local',
  cluster: 'cart.shop',
  metadata: {
    NAME: 'cart-1',
    NAMESPACE: 'shop',
    WORKLOAD_NAME: 'cart',
    CLUSTER_ID: 'local',
    LABELS: { app: 'cart', version: 'v1', 'service.istio.io/canonical-name': 'cart', 'service.istio.io/canonical-revision': 'v1' },
  },
};

const FRONT = encodeMetadata(metadataOf({ WORKLOAD_NAME: 'front', NAMESPACE: 'claimed', LABELS: { app: 'front' } }));
const FRONT_ID = 'spiffe://cluster.local/ns/web/sa/front';

function clusterOf(name: string, metadata: Record<string, unknown>): Cluster {
  const gauge = { value: 0 };
  const limits: Limits = {
    maxConnections: 1,
    maxPools: 1,
    pools: gauge,
    maxPendingRequests: 1,
    maxRequests: 1,
    maxRetries: 1,
    retryBudget: undefined,
    connections: gauge,
    pending: gauge,
    requests: gauge,
    retries: gauge,
  };
  return {
    name,
    metadata,
    connectTimeoutMs: 1,
    limits,
    http: readHttpSettings(create(ClusterSchema), ''),
    sourceAddresses: [],
    stats: createStats(),
    hosts: [],
    pick: () => undefined,
    isWarm: true,
  };
}

function hostOf(metadata: Record<string, unknown>): Host {
  return {
    address: { host: '10.0.0.3', port: 80 },
    key: '10.0.0.3:80',
    hostname: '',
    weight: 1,
    isHealthy: true,
    isDraining: false,
    activeRequests: 0,
    activeConnections: 0,
    metadata,
    transport: { isTls: false, connect() {} },
    requestsTotal: { value: 0 },
    pool: undefined,
    report() {},
  };
}

const SERVICES = { istio: { services: [{ host: 'stock.shop.svc.cluster.local', name: 'stock', namespace: 'shop' }] } };

/** Series of a metric: value or count by labels. */
function seriesOf(stats: StatsRegistry, metric: string): { labels: Record<string, string>; value: number }[] {
  const found: { labels: Record<string, string>; value: number }[] = [];
  stats.forEach(({ name, labels, value }) => {
    if (name !== metric) return;
    const number = value.kind === 'histogram' ? value.histogram.count : value.kind === 'counter' ? value.counter.value : 0;
    found.push({ labels: { ...labels }, value: number });
  });
  return found;
}

const INBOUND = {
  reporter: 'destination',
  source_workload: 'front',
  source_workload_namespace: 'web',
  source_principal: FRONT_ID,
  source_app: 'front',
  source_version: 'unknown',
  source_cluster: 'unknown',
  source_canonical_service: 'unknown',
  source_canonical_revision: 'latest',
  destination_workload: 'cart',
  destination_workload_namespace: 'shop',
  destination_principal: 'spiffe://cluster.local/ns/shop/sa/cart',
  destination_app: 'cart',
  destination_version: 'v1',
  destination_cluster: 'local',
  destination_canonical_service: 'cart',
  destination_canonical_revision: 'v1',
  destination_service: 'cart',
  destination_service_name: 'cart',
  destination_service_namespace: 'shop',
  request_protocol: 'http',
  response_code: '200',
  grpc_response_status: '',
  response_flags: '-',
  connection_security_policy: 'mutual_tls',
};

test('inbound: all labels, the certificate before the claim, the headers read, stripped and answered', () => {
  const scope = fakeScope({ node: NODE });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({ disable_host_header_fallback: true }, 'f'), scope);
  for (let i = 0; i < 2; i++) {
    const request = fakeRequest({}, { 'x-envoy-peer-metadata': FRONT, 'x-envoy-peer-metadata-id': 'front' });
    const info = fakeInfo({ request, connection: fakeConnection({ tls: fakeTls(FRONT_ID) }) });
    const stream = fakeStream({ info, response: fakeResponse(200) });
    filter.onRequestHeaders?.(stream, true);
    assert.equal(request.headers.has('x-envoy-peer-metadata') || request.headers.has('x-envoy-peer-metadata-id'), false);
    filter.onResponseHeaders?.(stream, true);
    assert.equal(stream.response?.headers.get('x-envoy-peer-metadata-id'), NODE.id);
    assert.equal(stream.response?.headers.get('x-envoy-peer-metadata'), encodeMetadata(metadataOf(NODE.metadata)));
    filter.onComplete?.(stream);
  }
  assert.deepEqual(seriesOf(scope.stats, 'istio_requests_total'), [{ labels: INBOUND, value: 2 }]);
  for (const metric of ['request_duration_milliseconds', 'request_bytes', 'response_bytes']) {
    assert.deepEqual(seriesOf(scope.stats, `istio_${metric}`), [{ labels: INBOUND, value: 2 }], metric);
  }
});

test('inbound without a proxy at the other end: nothing is told, security is none', () => {
  const scope = fakeScope({ node: NODE });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
  const stream = fakeStream({ response: fakeResponse(200) });
  filter.onRequestHeaders?.(stream, true);
  filter.onResponseHeaders?.(stream, true);
  filter.onComplete?.(stream);
  assert.equal(stream.response?.headers.size, 0);
  const [series] = seriesOf(scope.stats, 'istio_requests_total');
  assert.equal(series?.labels['connection_security_policy'], 'none');
  assert.equal(series?.labels['source_workload'], 'unknown');
});

test('outbound: service of the cluster, peer of the endpoint or of the answer, one series a status and flag', () => {
  const scope = fakeScope({ node: NODE, direction: 'outbound' });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
  const upstream = hostOf({ istio: { workload: 'stock;shop;stock;v3;remote' } });
  const cluster = clusterOf('outbound|80||stock.shop.svc.cluster.local', SERVICES);
  const run = (responseCode: number, flags: number, answer: Record<string, string>): void => {
    const request = fakeRequest({}, { 'content-type': 'application/grpc' });
    const stream = fakeStream({
      info: fakeInfo({
        request,
        cluster,
        clusterName: cluster.name,
        upstream,
        responseCode,
        flags,
        response: fakeResponse(responseCode, { 'grpc-status': '14' }),
      }),
      response: fakeResponse(responseCode, answer),
    });
    filter.onRequestHeaders?.(stream, true);
    assert.equal(request.headers.get('x-envoy-peer-metadata-id'), NODE.id);
    filter.onResponseHeaders?.(stream, true);
    assert.equal(stream.response?.headers.has('x-envoy-peer-metadata'), false);
    filter.onComplete?.(stream);
  };
  run(200, 0, {});
  run(503, flagBit('UF') | flagBit('URX'), {});
  run(200, 0, { 'x-envoy-peer-metadata': FRONT });
  const all = seriesOf(scope.stats, 'istio_requests_total').map(({ labels }) => labels);
  const pick = [
    'reporter',
    'destination_workload',
    'destination_service',
    'destination_service_name',
    'destination_cluster',
    'response_flags',
    'request_protocol',
    'grpc_response_status',
  ];
  assert.deepEqual(
    all.map((labels) => pick.map((name) => labels[name])),
    [
      ['source', 'stock', 'stock.shop.svc.cluster.local', 'stock', 'remote', '-', 'grpc', '14'],
      ['source', 'stock', 'stock.shop.svc.cluster.local', 'stock', 'remote', 'URX,UF', 'grpc', '14'],
      ['source', 'front', 'stock.shop.svc.cluster.local', 'stock', 'unknown', '-', 'grpc', '14'],
    ],
  );
});

test('without a service the host stands in, unless told not to', () => {
  for (const [config, want] of [
    [{}, 'cart'],
    [{ disable_host_header_fallback: true }, 'unknown'],
  ] as const) {
    const scope = fakeScope({ node: NODE, direction: 'outbound' });
    istioStats
      .create(istioStats.parse(config, 'f'), scope)
      .onComplete?.(fakeStream({ info: fakeInfo({ clusterName: 'PassthroughCluster' }) }));
    const [series] = seriesOf(scope.stats, 'istio_requests_total');
    assert.equal(series?.labels['destination_service'], want);
    assert.equal(series?.labels['destination_service_name'], 'PassthroughCluster');
  }
});

test('a service is in its own namespace, whoever serves it: also where nobody does', () => {
  const scope = fakeScope({ node: NODE, direction: 'outbound' });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
  const cluster = clusterOf('outbound|80||stock.shop.svc.cluster.local', SERVICES);
  const elsewhere = hostOf({ istio: { workload: 'stock;depot;stock;v3;remote' } });
  for (const upstream of [undefined, elsewhere])
    filter.onComplete?.(fakeStream({ info: fakeInfo({ cluster, clusterName: cluster.name, ...(upstream && { upstream }) }) }));
  assert.deepEqual(
    seriesOf(scope.stats, 'istio_requests_total').map(({ labels }) => [
      labels['destination_workload_namespace'],
      labels['destination_service_namespace'],
    ]),
    [
      ['unknown', 'shop'],
      ['depot', 'shop'],
    ],
  );
});

test('what a filter answers was for the service of its route, whose cluster nobody has asked for', () => {
  for (const direction of ['inbound', 'outbound'] as const) {
    const name = `${direction}|80||`;
    const found = clusterOf(name, SERVICES);
    const clusters: ClusterManager = { ...fakeScope({}).clusters, get: (asked) => (asked === name ? found : undefined) };
    const scope = fakeScope({ node: NODE, direction, clusters });
    const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
    const info = fakeInfo({ clusterName: name, responseCode: 403, responseCodeDetails: 'rbac_access_denied_matched_policy[none]' });
    filter.onComplete?.(fakeStream({ info }));
    for (const metric of ['istio_requests_total', 'tulle_denied_total'])
      assert.equal(seriesOf(scope.stats, metric)[0]?.labels['destination_service'], 'stock.shop.svc.cluster.local', direction);
  }
});

test('metrics and labels can be left out', () => {
  const config = istioStats.parse({ metrics: [{ name: 'request_bytes', drop: true }, { tags_to_remove: ['response_flags'] }] }, 'f');
  const scope = fakeScope({ node: NODE });
  istioStats.create(config, scope).onComplete?.(fakeStream());
  assert.deepEqual(seriesOf(scope.stats, 'istio_request_bytes'), []);
  assert.equal('response_flags' in (seriesOf(scope.stats, 'istio_requests_total')[0]?.labels ?? {}), false);
});

test('labels are what expressions say, where an override matches', () => {
  const config = istioStats.parse(
    {
      metrics: [
        {
          name: 'requests_total',
          dimensions: { path: 'request.url_path', from: "request.headers['x-from']", reporter: "'me'", code: 'response.code' },
        },
        { name: 'requests_total', match: "request.url_path == '/secret'", drop: true },
      ],
    },
    'f',
  );
  const scope = fakeScope({ node: NODE });
  const filter: HttpFilterHandlers = istioStats.create(config, scope);
  for (const path of ['/a?x', '/a?y', '/b', '/secret']) {
    const info = fakeInfo({ request: fakeRequest({ path }, { 'x-from': 'web' }) });
    info.responseCode = 200;
    filter.onComplete?.(fakeStream({ info }));
  }
  const counted = seriesOf(scope.stats, 'istio_requests_total').map(({ labels, value }) => [
    labels['path'],
    labels['from'],
    labels['reporter'],
    labels['code'],
    value,
  ]);
  assert.deepEqual(counted, [
    ['/a', 'web', 'me', '200', 2],
    ['/b', 'web', 'me', '200', 1],
  ]);
  assert.deepEqual(
    seriesOf(scope.stats, 'istio_request_bytes').map(({ value }) => value),
    [4],
  );
});

test('a field of a head is a label as people write it, whatever its bytes', () => {
  const node = { ...NODE, metadata: { ...NODE.metadata, TOWN: 'Łódź' } };
  const dimensions = { user: "request.headers['x-user']", town: "xds.node.metadata['TOWN']" };
  const scope = fakeScope({ node });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({ metrics: [{ dimensions }] }, 'f'), scope);
  // as heads are read from the wire: a character a byte
  for (const user of ['Zoë', 'plain'].map((text) => Buffer.from(text).toString('latin1')).concat('\xff'))
    filter.onComplete?.(fakeStream({ info: fakeInfo({ request: fakeRequest({}, { 'x-user': user }) }) }));
  assert.deepEqual(
    seriesOf(scope.stats, 'istio_requests_total').map(({ labels }) => [labels['user'], labels['town']]),
    [
      ['Zoë', 'Łódź'],
      ['plain', 'Łódź'],
      ['\xff', 'Łódź'],
    ],
  );
});

test('what an expression cannot find is unknown', () => {
  const config = istioStats.parse({ metrics: [{ dimensions: { gone: "request.headers['absent']" } }] }, 'f');
  const scope = fakeScope({ node: NODE });
  const filter: HttpFilterHandlers = istioStats.create(config, scope);
  filter.onComplete?.(fakeStream());
  assert.equal(seriesOf(scope.stats, 'istio_requests_total')[0]?.labels['gone'], 'unknown');
});

test('messages of gRPC are counted where a filter before has', () => {
  const scope = fakeScope({ node: NODE });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
  const info = fakeInfo({ request: fakeRequest({}, { 'content-type': 'application/grpc' }) });
  info.filterState = new Map([['envoy.filters.http.grpc_stats', '2,3']]);
  filter.onComplete?.(fakeStream({ info }));
  assert.equal(seriesOf(scope.stats, 'istio_request_messages_total')[0]?.value, 2);
  assert.equal(seriesOf(scope.stats, 'istio_response_messages_total')[0]?.value, 3);
});

test('the status of a gRPC call is that of its trailers', () => {
  const scope = fakeScope({ node: NODE });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
  const request = fakeRequest({}, { 'content-type': 'application/grpc' });
  const run = (fields: Partial<StreamInfo>): void => filter.onComplete?.(fakeStream({ info: fakeInfo({ request, ...fields }) }));
  run({ responseCode: 200, response: fakeResponse(200, {}), responseTrailers: fakeResponse(200, { 'grpc-status': '13' }).headers });
  run({ responseCode: 200, response: fakeResponse(200, { 'grpc-status': '5' }) });
  run({ responseCode: 503 });
  run({ responseCode: 0 });
  assert.deepEqual(
    seriesOf(scope.stats, 'istio_requests_total').map(({ labels }) => labels['grpc_response_status']),
    ['13', '5', '14', ''],
  );
});

test('what a policy refuses is counted by reason and policy', () => {
  const scope = fakeScope({ node: NODE, direction: 'inbound' });
  const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
  const run = (responseCode: number, responseCodeDetails: string): void =>
    filter.onComplete?.(fakeStream({ info: fakeInfo({ responseCode, responseCodeDetails }) }));
  run(403, 'rbac_access_denied_matched_policy[ns[shop]-policy[deny]-rule[0]]');
  run(403, 'rbac_access_denied_matched_policy[none]');
  run(401, 'jwt_authn_access_denied{Jwt_is_missing}');
  run(403, 'via_upstream');
  run(200, 'via_upstream');
  assert.deepEqual(
    seriesOf(scope.stats, 'tulle_denied_total').map(({ labels, value }) => [labels['reason'], labels['policy'], labels['reporter'], value]),
    [
      ['rbac', 'ns[shop]-policy[deny]-rule[0]', 'destination', 1],
      ['rbac', 'none', 'destination', 1],
      ['jwt', '', 'destination', 1],
    ],
  );
});

test('routes are counted by the resource that they were written in, where calls go out', () => {
  const origin = { kind: 'VirtualService', namespace: 'shop', name: 'pay', field: 'spec.http[1]' };
  const route = fakeRoute({ virtualHostName: 'pay.shop.svc.cluster.local:80', metadata: { tulle: origin } });
  const run = (direction: 'inbound' | 'outbound'): StatsRegistry => {
    const scope = fakeScope({ node: NODE, direction });
    const filter: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
    for (const responseCode of [200, 200, 503]) filter.onComplete?.(fakeStream({ info: fakeInfo({ route, responseCode }) }));
    filter.onComplete?.(fakeStream({ info: fakeInfo({ route: { ...route, name: 'canary' }, responseCode: 200 }) }));
    filter.onComplete?.(fakeStream({ info: fakeInfo({ route: { ...route, name: 'allow_any' }, responseCode: 200 }) }));
    return scope.stats;
  };
  const own = {
    source_workload: 'cart',
    source_workload_namespace: 'shop',
    destination_service: 'pay.shop.svc.cluster.local',
    request_protocol: 'http',
  };
  assert.deepEqual(
    seriesOf(run('outbound'), 'tulle_route_duration_milliseconds').map(({ labels, value }) => ({ labels, value })),
    [
      { labels: { ...own, route: 'VirtualService shop/pay, spec.http[1]', result: 'success' }, value: 2 },
      { labels: { ...own, route: 'VirtualService shop/pay, spec.http[1]', result: 'failure' }, value: 1 },
      { labels: { ...own, route: 'VirtualService shop/pay, canary', result: 'success' }, value: 1 },
    ],
  );
  assert.deepEqual(seriesOf(run('inbound'), 'tulle_route_duration_milliseconds'), []);
});

const REFUSED: readonly [config: unknown, message: RegExp][] = [
  [{ definitions: [] }, /f\.definitions: is not supported/],
  [{ rotation_interval: '60s' }, /f\.rotation_interval: is not supported/],
  [{ reporter: 'NOBODY' }, /f\.reporter: "NOBODY" is not UNSPECIFIED or SERVER_GATEWAY/],
  [{ metrics: [{ dimensions: { a: 'request.' } }] }, /f\.metrics\[0\]\.dimensions\[a\]: "request\." is no CEL expression/],
  [{ metrics: [{ match: '==' }] }, /f\.metrics\[0\]\.match: "==" is no CEL expression/],
  [{ tcp_reporting_duration: 5 }, /tcp_reporting_duration: 5 is not a duration/],
];
for (const [config, message] of REFUSED) {
  test(`refused: ${JSON.stringify(config)}`, () => {
    assert.throws(
      () => istioStats.parse(config, 'f'),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('the peer metadata filter does what it is told, and istio.stats does not do it again', () => {
  const scope = fakeScope({ node: NODE, direction: 'outbound' });
  const first: HttpFilterHandlers = peerMetadata.create(
    peerMetadata.parse({ upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }] }, 'f'),
    scope,
  );
  const second: HttpFilterHandlers = istioStats.create(istioStats.parse({}, 'f'), scope);
  const stream = fakeStream({ response: fakeResponse(200, { 'x-envoy-peer-metadata': FRONT }) });
  for (const filter of [first, second]) filter.onRequestHeaders?.(stream, true);
  for (const filter of [second, first]) filter.onResponseHeaders?.(stream, true);
  second.onComplete?.(stream);
  assert.equal(stream.request.headers.has('x-envoy-peer-metadata'), false, 'no propagation is configured');
  assert.equal(stream.response?.headers.has('x-envoy-peer-metadata'), false);
  assert.equal(seriesOf(scope.stats, 'istio_requests_total')[0]?.labels['destination_workload'], 'front');
});

for (const config of [
  { additional_labels: ['a'] },
  { upstream_discovery: [{ baggage: {} }] },
  { upstream_propagation: [{ istio_headers: { skip_me: true } }] },
  { downstream_propagation: [{ istio_headers: { skip_external_clusters: true } }] },
]) {
  test(`peer metadata refused: ${JSON.stringify(config)}`, () => {
    assert.throws(() => peerMetadata.parse(config, 'f'), /is not supported by Tulle/);
  });
}

const LEAVING: readonly (readonly [cluster: string, istio: object, skips: boolean, isTold: boolean])[] = [
  ['outbound|80||a', {}, true, true],
  ['outbound|80||a', { external: true }, true, false],
  ['outbound|80||a', { external: true }, false, true],
  ['outbound|80||a', { disable_mx: true }, false, false],
  ['PassthroughCluster', {}, true, false],
  ['PassthroughCluster', {}, false, true],
];
for (const [name, istio, skips, isTold] of LEAVING) {
  test(`${isTold ? 'told' : 'not told'} who asks: ${name} ${JSON.stringify(istio)}, skip_external_clusters ${skips}`, () => {
    const config = { upstream_propagation: [{ istio_headers: skips ? { skip_external_clusters: true } : {} }] };
    const found = clusterOf(name, { istio });
    const clusters: ClusterManager = { ...fakeScope({}).clusters, get: (asked) => (asked === name ? found : undefined) };
    const filter: HttpFilterHandlers = peerMetadata.create(
      peerMetadata.parse(config, 'f'),
      fakeScope({ node: NODE, direction: 'outbound', clusters }),
    );
    const stream = fakeStream({});
    stream.info.clusterName = name;
    filter.onRequestHeaders?.(stream, true);
    assert.equal(stream.request.headers.has('x-envoy-peer-metadata'), isTold);
  });
}

test('a TCP connection is counted once open, once closed, with the bytes of both ways', () => {
  const base = fakeScope({ node: NODE });
  const handler = tcpStats.create(tcpStats.parse({ tcp_reporting_duration: '0s' }, 'f'), fakeNetworkScope(base));
  const open = (): DownstreamConnection => {
    const downstream = fakeConnection({ tls: fakeTls(FRONT_ID) });
    assert.equal(handler(idleConnection(), downstream), true);
    return downstream;
  };
  const reached = open();
  const info = fakeInfo({ connection: reached, request: undefined, protocol: undefined, bytesReceived: 0, bytesSent: 0 });
  for (const observer of tcpObservers(reached)) observer.onConnected?.(info);
  info.bytesReceived = 30;
  info.bytesSent = 50;
  for (const observer of tcpObservers(reached)) observer.onClose?.(info);
  const failed = open();
  for (const observer of tcpObservers(failed))
    observer.onClose?.(fakeInfo({ connection: failed, request: undefined, flags: flagBit('UF'), bytesReceived: 1, bytesSent: 0 }));
  const values = (metric: string): unknown[] =>
    seriesOf(base.stats, `istio_tcp_${metric}`).map(({ labels, value }) => [labels['response_flags'], value]);
  assert.deepEqual(values('connections_opened_total'), [
    ['-', 1],
    ['UF', 1],
  ]);
  assert.deepEqual(values('connections_closed_total'), [
    ['-', 1],
    ['UF', 1],
  ]);
  assert.deepEqual(values('received_bytes_total'), [
    ['-', 30],
    ['UF', 1],
  ]);
  assert.deepEqual(values('sent_bytes_total'), [
    ['-', 50],
    ['UF', 0],
  ]);
  assert.equal(seriesOf(base.stats, 'istio_tcp_sent_bytes_total')[0]?.labels['request_protocol'], 'tcp');
});
