/** What the compiler shares between proxies and between meshes, and what it refuses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { Mesh } from '../model/mesh.ts';
import { NodeSchema } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { compile, type Compiled, proxyNodeOf } from './compile.ts';
import {
  endpointOf,
  matchOf,
  meshOf,
  policyOf,
  portOf,
  routeSetOf,
  ruleOf,
  authorizationRule,
  origin,
  serviceOf,
  sidecarOf,
  to,
} from './testing/mesh.ts';

const WEB = 'web.shop.svc.cluster.local';

function shop(parts: Parameters<typeof meshOf>[0] = {}): Mesh {
  const web = serviceOf('web', [portOf(80, 'http')], { endpoints: [endpointOf('10.0.0.1')] });
  const db = serviceOf('db', [portOf(5432, 'tcp')], { addresses: ['10.96.0.2'], endpoints: [endpointOf('10.0.0.2')] });
  return meshOf({ services: [web, db], ...parts });
}

/** `mesh` with another endpoint of `web`, everything else being the same objects, as the model builder does it. */
function withEndpoint(mesh: Mesh, address: string): Mesh {
  const services = mesh.services.map((service) =>
    service.name === 'web' ? { ...service, endpoints: [...service.endpoints, endpointOf(address)] } : service,
  );
  return { ...mesh, services };
}

function changed(before: Compiled, after: Compiled): string[] {
  const types = ['listeners', 'routes', 'clusters', 'endpoints', 'secrets'] as const;
  return types.flatMap((type) =>
    [...after[type].values()].filter((resource) => before[type].get(resource.name) !== resource).map(({ name }) => `${type} ${name}`),
  );
}

describe('sharing', () => {
  test('proxies of one scope and workload share one compile', () => {
    const mesh = shop();
    const first = compile(mesh, sidecarOf({ id: 'sidecar~10.0.0.9~web-0.shop~x', addresses: ['10.0.0.9'] }));
    const second = compile(mesh, sidecarOf({ id: 'sidecar~10.0.0.8~web-1.shop~x', addresses: ['10.0.0.8'] }));
    assert.equal(first, second);
  });

  test('proxies of different workloads share what goes out', () => {
    const mesh = shop();
    const first = compile(mesh, sidecarOf({ labels: { app: 'a' }, workload: 'a' }));
    const second = compile(
      mesh,
      sidecarOf({ labels: { app: 'b' }, workload: 'b', ports: [{ ...portOf(81, 'http'), listen: 81, appPort: 81 }] }),
    );
    assert.equal(first.routes, second.routes);
    assert.deepEqual(changed(first, second), ['listeners virtualInbound', 'clusters inbound|81||']);
  });

  test('an endpoint that comes changes its assignments and nothing else', () => {
    const mesh = shop();
    const before = compile(mesh, sidecarOf());
    const after = compile(withEndpoint(mesh, '10.0.0.3'), sidecarOf());
    assert.deepEqual(changed(before, after), [`endpoints outbound|80||${WEB}`]);
    assert.equal(before.clusters, after.clusters);
  });

  test('an endpoint of another identity changes whom clusters trust', () => {
    const mesh = shop();
    const before = compile(mesh, sidecarOf());
    const services = mesh.services.map((service) =>
      service.name === 'web' ? { ...service, endpoints: [endpointOf('10.0.0.1', { serviceAccount: 'other' })] } : service,
    );
    const after = compile({ ...mesh, services }, sidecarOf());
    assert.ok(changed(before, after).includes(`clusters outbound|80||${WEB}`));
  });

  test('equal meshes that are different objects have equal versions', () => {
    const versions = (compiled: Compiled) =>
      Object.values(compiled).flatMap((map: Compiled['routes']) => [...map.values()].map(({ name, version }) => `${name} ${version}`));
    assert.deepEqual(versions(compile(shop(), sidecarOf())), versions(compile(shop(), sidecarOf())));
  });

  test('labels split scopes only where a rule asks for them', () => {
    const rules = [ruleOf([to(WEB)], { matches: [matchOf({ sourceLabels: { app: 'a' } })], name: 'for-a' }), ruleOf([to(WEB)])];
    const mesh = shop({ routes: [routeSetOf([WEB], { http: rules })] });
    const of = (labels: Record<string, string>) => compile(mesh, sidecarOf({ labels, workload: '' })).routes;
    assert.notEqual(of({ app: 'a' }), of({ app: 'b' }));
    assert.equal(of({ app: 'b', team: 'x' }), of({ app: 'b', team: 'y' }));
  });
});

test('in explicit mode an endpoint on loopback is nobody’s own port', () => {
  const outside = serviceOf('outside', [portOf(9999, 'tcp')], { isExternal: true, endpoints: [endpointOf('127.0.0.1')] });
  const explicit = { httpProxyPort: 1, upstreams: [] };
  const client = { workload: 'client', addresses: ['127.0.0.1'], interception: 'NONE', explicit, ports: [] } as const;
  const opened = (ports: Parameters<typeof sidecarOf>[0]): string[] =>
    [...compile(meshOf({ services: [outside] }), sidecarOf(ports)).listeners.keys()].filter((name) => name.endsWith('_9999'));
  assert.deepEqual(opened(client), []);
  assert.deepEqual(opened({ ...client, ports: [{ ...portOf(9999, 'tcp'), listen: 9999, appPort: 9998 }] }), ['127.0.0.1_9999']);
});

describe('refusals', () => {
  const when = [{ key: 'unheard.of', values: ['x'], notValues: [], origin: origin('AuthorizationPolicy', 'p', 'spec.rules[0].when[0]') }];
  const cases: readonly { name: string; mesh: Mesh; error: RegExp }[] = [
    {
      name: 'an unknown condition',
      mesh: shop({ authorizationPolicies: [policyOf('p', 'ALLOW', [authorizationRule({ when })])] }),
      error: /spec\.rules\[0\]\.when\[0\]\.key: the condition "unheard\.of" is not known/,
    },
  ];
  for (const { name, mesh, error } of cases) test(name, () => assert.throws(() => compile(mesh, sidecarOf()), error));
});

describe('proxyNodeOf', () => {
  test('reads what a proxy says of itself', () => {
    const metadata = {
      NAMESPACE: 'shop',
      LABELS: { app: 'web' },
      WORKLOAD_NAME: 'web',
      SERVICE_ACCOUNT: 'web',
      MESH_ID: 'mesh',
      CLUSTER_ID: 'here',
      INSTANCE_IPS: '10.0.0.1,fd00::1',
      INTERCEPTION_MODE: 'NONE',
      TULLE: {
        register: { ports: [{ name: 'http', number: 8080, protocol: 'http', listen: 20080 }] },
        explicit: { httpProxyPort: 1, upstreams: [{ host: 'db', port: 5432, localPort: 2 }] },
      },
    };
    const id = 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local';
    const node = { id, cluster: 'web.shop', metadata, userAgentName: 'tulle', locality: { region: 'eu', zone: 'a' } };
    assert.deepEqual(proxyNodeOf(create(NodeSchema, node)), {
      id,
      role: 'sidecar',
      namespace: 'shop',
      labels: { app: 'web' },
      metadata: {
        NAMESPACE: 'shop',
        WORKLOAD_NAME: 'web',
        SERVICE_ACCOUNT: 'web',
        MESH_ID: 'mesh',
        CLUSTER_ID: 'here',
        INSTANCE_IPS: '10.0.0.1,fd00::1',
        INTERCEPTION_MODE: 'NONE',
      },
      serviceAccount: 'web',
      workload: 'web',
      serviceCluster: 'web.shop',
      meshId: 'mesh',
      clusterId: 'here',
      addresses: ['10.0.0.1', 'fd00::1'],
      locality: 'eu/a',
      userAgent: 'tulle',
      interception: 'NONE',
      ports: [{ name: 'http', number: 8080, protocol: 'http', listen: 20080, appPort: 8080 }],
      explicit: { httpProxyPort: 1, upstreams: [{ host: 'db', port: 5432, localPort: 2 }] },
      isOnDemand: false,
      hasHostsOnDemand: false,
    });
  });

  test('falls back on the id', () => {
    const node = proxyNodeOf(
      create(NodeSchema, { id: 'router~10.0.0.1~edge.infra~infra.svc.cluster.local', metadata: { ISTIO_VERSION: '1.29' } }),
    );
    assert.deepEqual([node.role, node.namespace, node.addresses, node.userAgent], ['router', 'infra', ['10.0.0.1'], 'istio']);
  });

  const wrong = [
    { name: 'an id of another form', node: { id: 'me' }, error: /^ConfigError: node\.id: "me" is not of the form/ },
    {
      name: 'a port that is none',
      node: { id: 'sidecar~a~b.c~d', metadata: { TULLE: { register: { ports: [{ number: 70_000 }] } } } },
      error: /node\.metadata\.TULLE\.register\.ports\[0\]\.number: 70000 is not a port/,
    },
  ];
  for (const { name, node, error } of wrong)
    test(`refuses ${name}`, () => assert.throws(() => proxyNodeOf(create(NodeSchema, node)), error));
});
