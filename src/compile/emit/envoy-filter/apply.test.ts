import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ClusterSchema } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from '../../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { instanceOf } from '../../../model/testing/instance.ts';
import { compile, type Compiled, type ProxyNode } from '../../compile.ts';
import { buildMesh } from '../../dialects/build-mesh.ts';
import { parseDocuments } from '../../dialects/load.ts';
import { sidecarOf } from '../../testing/mesh.ts';

const WEB = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.1, selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { clusterIP: 10.96.0.2, selector: { app: db }, ports: [{ name: tcp, port: 5432 }] }
`;

const listening = (number: number) => [{ name: '', number, protocol: 'auto' as const, listen: number }];

const INSTANCES = [
  instanceOf('web', { address: '10.0.0.9', ports: listening(8080) }),
  instanceOf('db', { address: '10.0.0.8', ports: listening(5432) }),
];

const CORS = "value: { name: mine, typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors } }";

function filter(patches: string, more = ''): string {
  return `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: f, namespace: shop }
spec: { configPatches: [${patches}]${more} }
`;
}

function meshOf(...documents: readonly string[]) {
  const { resources, diagnostics } = parseDocuments('mesh.yaml', [WEB, ...documents].join('\n---\n'));
  return { mesh: buildMesh(resources, INSTANCES).mesh, diagnostics };
}

/** Names of HTTP filters of a listener's chains. */
function httpFilters({ listeners }: Compiled, name: string): readonly string[] {
  const message = listeners.get(name)?.message;
  if (!isMessage(message, ListenerSchema)) return [];
  return message.filterChains.flatMap(({ filters }) =>
    filters.flatMap(({ configType }) => {
      const manager = configType.case === 'typedConfig' ? anyUnpack(configType.value, HttpConnectionManagerSchema) : undefined;
      return manager?.httpFilters.map((one) => one.name) ?? [];
    }),
  );
}

describe('what no patch changes stays the same', () => {
  const proxy = sidecarOf();
  const patched = meshOf(
    filter(
      `{ applyTo: CLUSTER, match: { cluster: { service: db.shop.svc.cluster.local } }, patch: { operation: MERGE, value: { connect_timeout: 1s } } }`,
    ),
  );
  const before = compile(meshOf().mesh, proxy);
  const first = compile(patched.mesh, proxy);

  test('equal bytes, but for the cluster that is meant', () => {
    const changed = [...first.clusters]
      .filter(([name, { version }]) => before.clusters.get(name)?.version !== version)
      .map(([name]) => name);
    assert.deepEqual(changed, ['outbound|5432||db.shop.svc.cluster.local']);
    for (const [name, { version }] of first.listeners) assert.equal(before.listeners.get(name)?.version, version);
  });

  test('the same objects once more, and for another proxy with the same patches', () => {
    assert.equal(compile(patched.mesh, proxy).clusters, first.clusters);
    const other = compile(patched.mesh, sidecarOf({ id: 'sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local', addresses: ['10.0.0.7'] }));
    for (const [name, resource] of other.clusters) if (name.startsWith('outbound')) assert.equal(resource, first.clusters.get(name));
  });

  test('the listener that a patch of others concerns is the same object', () => {
    const { mesh } = meshOf(
      filter(`{ applyTo: LISTENER, match: { listener: { portNumber: 80 } }, patch: { operation: MERGE, value: { tcp_backlog_size: 3 } } }`),
    );
    const compiled = compile(mesh, proxy);
    assert.equal(compiled.listeners.get('virtualInbound')?.version, before.listeners.get('virtualInbound')?.version);
    assert.notEqual(compiled.listeners.get('0.0.0.0_80')?.version, before.listeners.get('0.0.0.0_80')?.version);
  });
});

describe('where traffic is not intercepted', () => {
  const explicit: ProxyNode = sidecarOf({
    userAgent: 'tulle',
    interception: 'NONE',
    ports: [{ name: 'http', number: 8080, protocol: 'http', listen: 20_080, appPort: 8080 }],
    explicit: { httpProxyPort: 20_001, upstreams: [{ host: 'web.shop.svc.cluster.local', port: 80, localPort: 20_002 }] },
  });
  const insert = (match: string) => filter(`{ applyTo: HTTP_FILTER, match: ${match}, patch: { operation: INSERT_FIRST, ${CORS} } }`);
  const PORTS = [
    { match: '{ context: SIDECAR_INBOUND, listener: { portNumber: 8080 } }', listener: '10.0.0.9_20080', has: true },
    { match: '{ context: SIDECAR_INBOUND, listener: { portNumber: 20080 } }', listener: '10.0.0.9_20080', has: false },
    { match: '{ context: SIDECAR_INBOUND, listener: { name: virtualInbound } }', listener: '10.0.0.9_20080', has: true },
    { match: '{ context: SIDECAR_INBOUND, listener: { filterChain: { destinationPort: 8080 } } }', listener: '10.0.0.9_20080', has: true },
    { match: '{ context: SIDECAR_OUTBOUND, listener: { portNumber: 80 } }', listener: '127.0.0.1_20002', has: true },
    { match: '{ context: SIDECAR_OUTBOUND, listener: { portNumber: 80 } }', listener: '127.0.0.1_20001', has: false },
    { match: '{ context: SIDECAR_OUTBOUND }', listener: '127.0.0.1_20001', has: true },
  ];
  for (const { match, listener, has } of PORTS) {
    test(`${match} ${has ? 'is' : 'is not'} for ${listener}`, () => {
      assert.equal(httpFilters(compile(meshOf(insert(match)).mesh, explicit), listener)[0] === 'mine', has);
    });
  }
});

describe('targetRefs mean the proxies of a gateway of their namespace', () => {
  const { mesh } = meshOf(
    filter(
      `{ applyTo: CLUSTER, patch: { operation: ADD, value: { name: mine, type: STATIC } } }`,
      ', targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]',
    ),
  );
  const label = (name: string) => ({ 'gateway.networking.k8s.io/gateway-name': name });
  const PROXIES: readonly { name: string; parts: Partial<ProxyNode>; want: boolean }[] = [
    { name: 'its own', parts: { labels: label('edge') }, want: true },
    { name: 'those of another gateway', parts: { labels: label('other') }, want: false },
    { name: 'those of none', parts: {}, want: false },
    { name: 'those of a gateway of another namespace', parts: { labels: label('edge'), namespace: 'else' }, want: false },
  ];
  for (const { name, parts, want } of PROXIES) test(name, () => assert.equal(compile(mesh, sidecarOf(parts)).clusters.has('mine'), want));
});

describe('types that Tulle does not have', () => {
  const lua = (match: string) =>
    filter(
      `{ applyTo: HTTP_FILTER, ${match}patch: { operation: INSERT_FIRST, value: { name: lua, typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, inlineCode: x } } } }`,
    );

  test('are refused by name', () => {
    const { mesh, diagnostics } = meshOf(lua(''));
    assert.deepEqual(mesh.envoyFilters, []);
    const [error] = diagnostics;
    assert.equal(error?.field, 'spec.configPatches[0].patch.value.typed_config');
    assert.match(error.message, /^Tulle does not have envoy\.extensions\.filters\.http\.lua\.v3\.Lua: .*header_mutation/);
  });

  test('go to the proxies that match.proxy means', () => {
    const { mesh, diagnostics } = meshOf(lua("match: { proxy: { proxyVersion: '^1[.]2' } }, "));
    assert.deepEqual(diagnostics, []);
    assert.ok(!httpFilters(compile(mesh, sidecarOf()), '0.0.0.0_80').includes('lua'));
    assert.ok(httpFilters(compile(mesh, sidecarOf({ metadata: { ISTIO_VERSION: '1.28.1' } })), '0.0.0.0_80').includes('lua'));
  });
});

const REFUSED: readonly { readonly name: string; readonly patch: string; readonly field: string; readonly says: RegExp }[] = [
  {
    name: 'a field that Envoy does not have',
    patch: '{ applyTo: CLUSTER, patch: { operation: MERGE, value: { circuit_breakers: { thresholds: [{ most: 1 }] } } } }',
    field: 'patch.value.circuit_breakers.thresholds[0].most',
    says: /no such field in envoy\.config\.cluster\.v3\.CircuitBreakers\.Thresholds/,
  },
  {
    name: 'a value that is none',
    patch: '{ applyTo: CLUSTER, patch: { operation: MERGE, value: { connect_timeout: soon } } }',
    field: 'patch.value.connect_timeout',
    says: /soon/,
  },
  { name: 'no value', patch: '{ applyTo: CLUSTER, patch: { operation: ADD } }', field: 'patch.value', says: /ADD wants a value/ },
  {
    name: "another object's match",
    patch: '{ applyTo: CLUSTER, match: { listener: { name: x } }, patch: { operation: REMOVE } }',
    field: 'match.listener',
    says: /applyTo CLUSTER wants match\.cluster/,
  },
  {
    name: 'the bootstrap',
    patch: '{ applyTo: BOOTSTRAP, patch: { operation: MERGE, value: {} } }',
    field: 'applyTo',
    says: /who starts a proxy writes its bootstrap/,
  },
  {
    name: 'waypoints',
    patch: '{ applyTo: CLUSTER, match: { context: WAYPOINT }, patch: { operation: REMOVE } }',
    field: 'match.context',
    says: /waypoints/,
  },
];

for (const { name, patch, field, says } of REFUSED) {
  test(`refused: ${name}`, () => {
    const { mesh, diagnostics } = meshOf(filter(patch));
    assert.deepEqual(mesh.envoyFilters, []);
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    assert.equal(errors.length, 1);
    assert.equal(errors[0]?.field, `spec.configPatches[0].${field}`);
    assert.match(errors[0].message, says);
  });
}

test('spans are read as Go writes them, too', () => {
  const { mesh } = meshOf(filter('{ applyTo: CLUSTER, patch: { operation: MERGE, value: { connect_timeout: 1m30s } } }'));
  const cluster = compile(mesh, sidecarOf()).clusters.get('BlackHoleCluster')?.message;
  assert.ok(isMessage(cluster, ClusterSchema));
  assert.equal(cluster.connectTimeout?.seconds, 90n);
});
