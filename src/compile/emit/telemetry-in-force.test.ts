import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compile, proxyNodeOf } from '../compile.ts';
import { buildMesh } from '../dialects/build-mesh.ts';
import { parseDocuments } from '../dialects/load.ts';
import { create } from '@bufbuild/protobuf';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';

const WEB = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.0.0.9, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: zipkin, namespace: tracing }
spec: { clusterIP: 10.0.0.8, ports: [{ name: http, port: 9411 }] }
---
`;

const TELEMETRY = `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: loud, namespace: shop }
spec: { selector: { matchLabels: { app: loud } }, accessLogging: [{ providers: [{ name: envoy }] }] }
---
`;

const TRACING = `apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec:
  extensionProviders: [{ name: zipkin, zipkin: { service: zipkin.tracing.svc.cluster.local, port: 9411 } }]
  defaultProviders: { tracing: [zipkin] }
---
`;

function node(app: string, instance = 0) {
  const metadata = { NAMESPACE: 'shop', LABELS: { app }, WORKLOAD_NAME: app, INSTANCE_IPS: `10.1.0.${instance + 1}` };
  return proxyNodeOf(create(NodeSchema, { id: `sidecar~10.1.0.1~${app}-${instance}.shop~shop`, cluster: `${app}.shop`, metadata }));
}

function compiler(yaml: string) {
  const { mesh } = buildMesh(parseDocuments('in.yaml', yaml).resources, []);
  return (app: string, instance?: number) => compile(mesh, node(app, instance));
}

suite('what Telemetries make differ', () => {
  test('listeners of the workload that one is for, and nothing else', () => {
    const compiled = compiler(WEB + TELEMETRY);
    const [loud, quiet, other] = [compiled('loud'), compiled('quiet'), compiled('other')];
    const outbound = '0.0.0.0_80';
    assert.ok(quiet.listeners.get(outbound) !== undefined);
    assert.equal(quiet.listeners.get(outbound), other.listeners.get(outbound));
    assert.notEqual(loud.listeners.get(outbound), quiet.listeners.get(outbound));
    const [name] = [...loud.clusters.keys()].filter((key) => key.startsWith('outbound|80|'));
    assert.equal(loud.clusters.get(name ?? ''), quiet.clusters.get(name ?? ''));
    assert.equal(loud.routes.get('80'), quiet.routes.get('80'));
  });

  test('listeners by workload where spans tell who they are from, and by no more', () => {
    const compiled = compiler(WEB + TRACING);
    const outbound = '0.0.0.0_80';
    assert.notEqual(compiled('one').listeners.get(outbound), compiled('two').listeners.get(outbound));
    assert.equal(compiled('one', 0).listeners.get(outbound), compiled('one', 1).listeners.get(outbound));
    assert.equal(
      compiled('one').clusters.get('outbound|9411||zipkin.tracing.svc.cluster.local'),
      compiled('two').clusters.get('outbound|9411||zipkin.tracing.svc.cluster.local'),
    );
  });
});
