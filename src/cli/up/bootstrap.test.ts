import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, createRegistry, fromJson } from '@bufbuild/protobuf';
import { anyUnpack, AnySchema } from '@bufbuild/protobuf/wkt';
import type { Workload } from '../../model/workload.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { MetricsServiceConfigSchema } from '../../xds/gen/envoy/config/metrics/v3/metrics_service_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { CaresDnsResolverConfigSchema } from '../../xds/gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts';
import { bootstrapOf } from './bootstrap.ts';

const workload: Workload = {
  name: 'payments-v1',
  namespace: 'shop',
  labels: { app: 'payments', version: 'v1' },
  serviceAccount: 'payments',
  ports: [],
  replicas: 1,
  command: ['true'],
  env: {},
  workingDir: '',
  readiness: undefined,
  upstreams: [],
  locality: 'eu/a',
  role: 'sidecar',
  isMeshed: true,
  origin: { kind: 'Workload', namespace: 'shop', name: 'payments-v1', file: 'a.yaml', line: 1, field: '' },
};

const input = {
  workload,
  instance: 'payments-v1-0',
  place: {
    addresses: ['10.127.0.2', 'fd74::2'],
    ports: [{ name: 'http', number: 9090, protocol: 'http', listen: 9090 }],
    metadata: { INTERCEPTION_MODE: 'REDIRECT' },
    hbonePort: 15008,
    tulleMetadata: { dns: { port: 15053 } },
  },
  xdsSocket: '/s/xds.sock',
  adminSocket: '/s/a.sock',
  tokenFile: '/s/token',
  token: 'secret',
} as const;

test('the bootstrap is one of Envoy v3', () => {
  const registry = createRegistry(HttpProtocolOptionsSchema, MetricsServiceConfigSchema);
  const bootstrap = fromJson(BootstrapSchema, bootstrapOf(input), { registry });
  assert.equal(bootstrap.node?.id, 'sidecar~10.127.0.2~payments-v1-0.shop~shop.svc.cluster.local');
  assert.equal(bootstrap.node?.cluster, 'payments.shop');
  assert.equal(bootstrap.node?.locality?.zone, 'a');
  assert.equal(bootstrap.admin?.address?.address.case, 'pipe');
});

test('the node says what the contract asks for', () => {
  const { node } = JSON.parse(JSON.stringify(bootstrapOf(input)));
  const { TULLE: tulle, ...metadata } = node.metadata;
  assert.deepEqual(metadata, {
    NAMESPACE: 'shop',
    NAME: 'payments-v1-0',
    WORKLOAD_NAME: 'payments-v1',
    LABELS: {
      'service.istio.io/canonical-name': 'payments',
      'service.istio.io/canonical-revision': 'v1',
      app: 'payments',
      version: 'v1',
    },
    SERVICE_ACCOUNT: 'payments',
    INSTANCE_IPS: '10.127.0.2,fd74::2',
    CLUSTER_ID: 'Kubernetes',
    MESH_ID: 'cluster.local',
    INTERCEPTION_MODE: 'REDIRECT',
  });
  assert.deepEqual(tulle, {
    register: {
      address: '10.127.0.2',
      locality: 'eu/a',
      ports: [{ name: 'http', number: 9090, protocol: 'http', listen: 9090 }],
      hbonePort: 15008,
    },
    identity: { tokenFile: '/s/token' },
    onDemand: true,
    flows: 'xds-grpc',
    signals: true,
    dns: { port: 15053 },
  });
});

test('its clusters ask the name servers of its place, where it has some', () => {
  assert.equal(bootstrapOf(input)['typed_dns_resolver_config'], undefined);
  const registry = createRegistry(HttpProtocolOptionsSchema, MetricsServiceConfigSchema, CaresDnsResolverConfigSchema);
  const place = { ...input.place, nameServers: ['10.127.0.1'] };
  const bootstrap = fromJson(BootstrapSchema, bootstrapOf({ ...input, place }), { registry });
  const resolver = anyUnpack(bootstrap.typedDnsResolverConfig?.typedConfig ?? create(AnySchema), CaresDnsResolverConfigSchema);
  assert.deepEqual(
    resolver?.resolvers.map(({ address }) => address.case === 'socketAddress' && address.value.address),
    ['10.127.0.1'],
  );
});
