import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toJson } from '@bufbuild/protobuf';
import { defaultMeshSettings } from '../../model/mesh.ts';
import { AccessLogSchema } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { typeRegistry } from '../../xds/type-registry.ts';
import { flowLogsOf, listenerFlowLogsOf, withFlows } from './flow-log.ts';

const jsonOf = (settings: typeof defaultMeshSettings, kind: 'http' | 'tcp'): unknown[] =>
  flowLogsOf(settings, 'client', kind).map((log) => toJson(AccessLogSchema, log, { registry: typeRegistry, useProtoFieldName: true }));

test('a proxy that does not ask tells nobody', () => {
  assert.equal(withFlows(defaultMeshSettings, { userAgent: 'tulle' }), defaultMeshSettings);
  assert.deepEqual(flowLogsOf(defaultMeshSettings, 'client', 'http'), []);
});

test('the mesh can turn it off', () => {
  const settings = { ...defaultMeshSettings, flows: { ...defaultMeshSettings.flows, isEnabled: false } };
  assert.equal(withFlows(settings, { userAgent: 'tulle', flowCluster: 'xds-grpc' }), settings);
});

test('proxies of the same settings share them, and their loggers', () => {
  const once = withFlows(defaultMeshSettings, { userAgent: 'tulle', flowCluster: 'xds-grpc' });
  assert.equal(withFlows(defaultMeshSettings, { userAgent: 'tulle', flowCluster: 'xds-grpc' }), once);
  assert.equal(flowLogsOf(once, 'server', 'http'), flowLogsOf(once, 'server', 'http'));
});

test('our proxy decides itself; a stock Envoy is told by filters', () => {
  const common = (filters: object): object => ({
    name: 'envoy.access_loggers.http_grpc',
    ...filters,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig',
      common_config: {
        log_name: 'tulle.flows',
        grpc_service: { envoy_grpc: { cluster_name: 'xds-grpc' } },
        transport_api_version: 'V3',
        buffer_flush_interval: '1s',
        custom_tags: [
          { tag: 'reporter', literal: { value: 'source' } },
          { tag: 'cluster', value: '%UPSTREAM_CLUSTER_RAW%' },
          { tag: 'route', value: '%METADATA(ROUTE:tulle)%' },
          { tag: 'policy', value: '%DYNAMIC_METADATA(tulle)%' },
          { tag: 'trace', value: '%TRACE_ID%' },
          { tag: 'peer', value: '%METADATA(UPSTREAM_HOST:istio:workload)%' },
          { tag: 'upstream-principal', value: '%UPSTREAM_PEER_URI_SAN%' },
          { tag: 'grpc-status', value: '%GRPC_STATUS_NUMBER%' },
        ],
      },
    },
  });
  const to = (userAgent: 'tulle' | 'other') => withFlows(defaultMeshSettings, { userAgent, flowCluster: 'xds-grpc' });
  assert.deepEqual(jsonOf(to('tulle'), 'http'), [common({})]);
  const status = (op: object, code: number): object => ({
    status_code_filter: { comparison: { ...op, value: { default_value: code, runtime_key: `tulle.flows.status_${code}` } } },
  });
  const filters = [
    { response_flag_filter: {} },
    status({ op: 'GE' }, 500),
    status({}, 401),
    status({}, 403),
    status({}, 429),
    { runtime_filter: { runtime_key: 'tulle.flows.sample', percent_sampled: { numerator: 1 } } },
  ];
  assert.deepEqual(jsonOf(to('other'), 'http'), [common({ filter: { or_filter: { filters } } })]);
});

test('listeners tell of what no filter chain takes, to whomever the proxy is: nothing else passes', () => {
  assert.deepEqual(listenerFlowLogsOf(defaultMeshSettings, 'server'), []);
  for (const userAgent of ['tulle', 'other'] as const) {
    const settings = withFlows(defaultMeshSettings, { userAgent, flowCluster: 'xds-grpc' });
    const [log, ...others] = listenerFlowLogsOf(settings, 'server');
    assert.ok(log);
    assert.deepEqual(others, []);
    assert.deepEqual(toJson(AccessLogSchema, log, { registry: typeRegistry, useProtoFieldName: true }), {
      name: 'envoy.access_loggers.tcp_grpc',
      filter: { response_flag_filter: { flags: ['NR'] } },
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig',
        common_config: {
          log_name: 'tulle.flows',
          grpc_service: { envoy_grpc: { cluster_name: 'xds-grpc' } },
          transport_api_version: 'V3',
          buffer_flush_interval: '1s',
          custom_tags: [
            { tag: 'reporter', literal: { value: 'destination' } },
            { tag: 'refused', literal: { value: 'no_filter_chain' } },
            { tag: 'connection', value: '%CONNECTION_ID%' },
          ],
        },
      },
    });
  }
});
