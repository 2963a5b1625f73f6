import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeySet } from '../../model/key-set.ts';
import { instanceOf } from '../../model/testing/instance.ts';
import type { WorkloadInstance } from '../../model/workload.ts';
import { buildMesh, type BuiltMesh } from './build-mesh.ts';
import { parseDocuments } from './load.ts';

function instance(id: string, changes: Partial<WorkloadInstance> = {}): WorkloadInstance {
  return instanceOf('payments-v1', {
    id,
    labels: { app: 'payments', version: 'v1' },
    serviceAccount: 'payments',
    ports: [{ name: 'http', number: 8080, protocol: 'http', listen: 8080 }],
    ...changes,
  });
}

/** The mesh of files, by name. */
function build(files: Readonly<Record<string, string>>, instances: readonly WorkloadInstance[] = [], previous?: BuiltMesh): BuiltMesh {
  const resources = Object.entries(files).flatMap(([file, text]) => {
    const parsed = parseDocuments(file, text);
    assert.deepEqual(parsed.diagnostics, []);
    return parsed.resources;
  });
  return buildMesh(resources, instances, previous?.mesh);
}

const payments = `
apiVersion: v1
kind: Service
metadata: { name: payments, namespace: shop }
spec: { selector: { app: payments }, ports: [{ name: http, port: 80, targetPort: http }] }
`;

function route(name: string, host: string, destination: string, more = ''): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${host}], http: [{ route: [{ destination: ${destination} }] }] ${more} }
`;
}

/** A CUSTOM policy for the workload `app`, or for one that is not there. */
function asking(provider: string, app: string): string {
  const name = app === 'other' ? provider : `${provider}-${app}`;
  const selector = app === 'other' ? '' : `selector: { matchLabels: { app: ${app} } }, `;
  const namespace = app === 'other' ? 'empty' : 'shop';
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec: { ${selector}action: CUSTOM, provider: { name: ${provider} }, rules: [{}] }
`.slice(1);
}

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: payments, namespace: shop }
spec: { host: payments, subsets: [{ name: v1, labels: { version: v1 } }] }
`;

const endpointCases: readonly {
  readonly name: string;
  readonly yaml: string;
  readonly instances: readonly WorkloadInstance[];
  readonly want: readonly string[];
  readonly codes?: readonly string[];
}[] = [
  { name: 'an instance whose labels match, by port name', yaml: payments, instances: [instance('a')], want: ['10.0.0.1 http=8080 meshed'] },
  { name: 'not one of another namespace', yaml: payments, instances: [instance('a', { namespace: 'other' })], want: [], codes: ['TUL106'] },
  {
    name: 'not one with other labels',
    yaml: payments,
    instances: [instance('a', { labels: { app: 'web' } })],
    want: [],
    codes: ['TUL106'],
  },
  {
    name: 'where peers reach it, without interception',
    yaml: payments,
    instances: [instance('a', { address: '127.0.0.1', ports: [{ name: 'http', number: 8080, protocol: 'http', listen: 20_001 }] })],
    want: ['127.0.0.1 http=20001 meshed'],
  },
  {
    name: 'known and unready, without a proxy, in order of id',
    yaml: payments,
    instances: [instance('b', { isReady: false, address: '10.0.0.2' }), instance('a', { isMeshed: false })],
    want: ['10.0.0.1 http=8080', '10.0.0.2 http=8080 meshed unready'],
  },
  {
    name: 'nobody serves a port name that nobody has',
    yaml: payments.replace('targetPort: http', 'targetPort: web'),
    instances: [instance('a'), instance('b')],
    want: [],
    codes: ['TUL110'],
  },
  {
    name: 'a number that is not declared, where traffic is intercepted',
    yaml: payments.replace('targetPort: http', 'targetPort: 9999'),
    instances: [instance('a')],
    want: ['10.0.0.1 http=9999 meshed'],
  },
  {
    name: 'but not past the proxy, where it is not',
    yaml: payments.replace('targetPort: http', 'targetPort: 9999'),
    instances: [instance('a', { ports: [{ name: 'http', number: 8080, protocol: 'http', listen: 20_001 }] })],
    want: [],
    codes: ['TUL110'],
  },
  {
    name: 'WorkloadEntries by selector',
    yaml: `${payments}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm, namespace: shop }
spec: { address: 10.9.0.1, labels: { app: payments }, ports: { http: 7070 }, serviceAccount: vm }
`,
    instances: [],
    want: ['10.9.0.1 http=7070 meshed'],
  },
  {
    name: 'slices before Endpoints, and instances before both',
    yaml: `${payments}---
apiVersion: v1
kind: Endpoints
metadata: { name: payments, namespace: shop }
subsets: [{ addresses: [{ ip: 10.5.0.1 }], ports: [{ name: http, port: 1 }] }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: payments-x, namespace: shop, labels: { kubernetes.io/service-name: payments } }
addressType: IPv4
endpoints: [{ addresses: [10.0.0.1] }, { addresses: [10.5.0.2], conditions: { ready: false } }]
ports: [{ name: http, port: 2 }]
`,
    instances: [instance('a')],
    want: ['10.0.0.1 http=8080 meshed', '10.5.0.2 http=2 unready'],
  },
  {
    name: 'workloads that a ServiceEntry outside the mesh selects, without mTLS',
    yaml: `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: x, namespace: shop }
spec:
  hosts: [x.example.com]
  ports: [{ name: http, number: 80, targetPort: 8080 }]
  resolution: STATIC
  workloadSelector: { labels: { app: payments } }
`,
    instances: [instance('a')],
    want: ['10.0.0.1 http=8080'],
  },
];

for (const { name, yaml, instances, want, codes = [] } of endpointCases) {
  test(`endpoints: ${name}`, () => {
    const { mesh, diagnostics } = build({ 'a.yaml': yaml }, instances);
    const got = mesh.services.flatMap(({ endpoints }) =>
      endpoints.map(({ address, ports, isMeshed, isReady }) => {
        const listed = Object.entries(ports).map(([port, number]) => `${port}=${number}`);
        return [address, ...listed, ...(isMeshed ? ['meshed'] : []), ...(isReady ? [] : ['unready'])].join(' ');
      }),
    );
    assert.deepEqual(got, want);
    assert.deepEqual(
      diagnostics.map(({ code }) => code),
      codes,
    );
  });
}

const findings: readonly { readonly name: string; readonly files: Readonly<Record<string, string>>; readonly want: readonly RegExp[] }[] = [
  {
    name: 'nothing, where all is there',
    files: { a: payments, b: subsets, c: route('r', 'payments', '{ host: payments, subset: v1 }') },
    want: [],
  },
  {
    name: 'a host that does not exist',
    files: { a: payments, c: route('r', 'payments', '{ host: paymnts }') },
    want: [/^warning TUL101 VirtualService shop\/r c:5 spec.http\[0\].route\[0\].*Did you mean "payments\.shop\.svc\.cluster\.local"/],
  },
  {
    name: 'a host with its namespace only, which Istio does not complete',
    files: { a: payments, c: route('r', 'payments', '{ host: payments.shop }') },
    want: [/TUL101 .*Did you mean "payments\.shop\.svc\.cluster\.local"/],
  },
  {
    name: 'a missing subset',
    files: { a: payments, b: subsets, c: route('r', 'payments', '{ host: payments, subset: v2 }') },
    want: [/TUL102 .*Did you mean "v1"/],
  },
  {
    name: 'nothing, where a rule for a pattern of hosts has the subset',
    files: {
      a: payments,
      b: subsets.replace('host: payments', "host: '*.shop.svc.cluster.local'"),
      c: route('r', 'payments', '{ host: payments, subset: v1 }'),
    },
    want: [],
  },
  {
    name: 'a subset of a pattern that a rule for the host hides',
    files: {
      a: payments,
      b: subsets.replace('host: payments', "host: '*.shop.svc.cluster.local'"),
      c: route('r', 'payments', '{ host: payments, subset: v1 }'),
      d: subsets.replace('name: payments', 'name: own').replace('name: v1', 'name: v2'),
    },
    want: [/TUL102 .*Did you mean "v2"/],
  },
  {
    name: 'a missing port',
    files: { a: payments, c: route('r', 'payments', '{ host: payments, port: { number: 81 } }') },
    want: [/TUL103 .*it has 80/],
  },
  {
    name: 'two resources of one name',
    files: { a: payments, b: payments },
    want: [/^error TUL100 Service shop\/payments b:2 .*stands in a:2/],
  },
  {
    name: 'two routes for one host',
    files: { a: payments, b: route('z', 'payments', '{ host: payments }'), c: route('r', 'payments', '{ host: payments }') },
    want: [/^warning TUL104 VirtualService shop\/r c:2 .*VirtualService shop\/z \(b:2\)/],
  },
  {
    name: 'no rivalry, where one is for those who see it and the other for the rest',
    files: {
      a: payments,
      b: route('z', 'payments', '{ host: payments }'),
      c: route('r', 'payments', '{ host: payments }', ", exportTo: ['.']"),
    },
    want: [],
  },
  {
    name: 'no rivalry, where nobody sees both',
    files: {
      a: payments,
      b: route('z', 'payments', '{ host: payments }', ', exportTo: [x]'),
      c: route('r', 'payments', '{ host: payments }', ', exportTo: [y]'),
    },
    want: [],
  },
  {
    name: 'a missing gateway',
    files: { a: payments, c: route('r', 'payments', '{ host: payments }', ', gateways: [edge/public]') },
    want: [/TUL107 .*"edge\/public"/],
  },
  {
    name: 'two rules for one host',
    files: { a: payments, b: subsets, c: subsets.replace('name: payments', 'name: again') },
    want: [/TUL105 DestinationRule shop\/again c:5 spec.subsets\[0\].*DestinationRule shop\/payments \(b:2\)/],
  },
  {
    name: 'selectors that match nothing',
    files: {
      a: 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p, namespace: shop }\nspec: { selector: { matchLabels: { app: x } } }\n',
      b: 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: p, namespace: shop }\nspec: { selector: { matchLabels: { app: x } } }\n',
    },
    want: [/TUL106 PeerAuthentication shop\/p .*app=x/, /TUL106 AuthorizationPolicy shop\/p .*app=x/],
  },
  {
    name: 'Services and Gateways whose selector is misspelt',
    files: {
      a: payments.replace('app: payments', 'app: paymnts'),
      b: 'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: g, namespace: edge }\nspec: { selector: { app: x }, servers: [{ port: { number: 80, protocol: HTTP }, hosts: ["*"] }] }\n',
    },
    want: [/TUL106 Service shop\/payments a:2 spec.selector: .*app=paymnts/, /TUL106 Gateway edge\/g b:1 spec.selector: .*app=x/],
  },
  {
    name: 'nothing, where a Service with a selector has Endpoints and a Gateway selects in another namespace',
    files: {
      a: payments.replace('app: payments', 'app: elsewhere'),
      b: 'apiVersion: v1\nkind: Endpoints\nmetadata: { name: payments, namespace: shop }\nsubsets: [{ addresses: [{ ip: 10.5.0.1 }], ports: [{ name: http, port: 1 }] }]\n',
      c: 'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: g, namespace: edge }\nspec: { selector: { app: payments }, servers: [{ port: { number: 80, protocol: HTTP }, hosts: ["*"] }] }\n',
    },
    want: [],
  },
  {
    name: 'a WorkloadEntry that is a name, where nobody looks names up',
    files: {
      a: payments,
      b: 'apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: vm, namespace: shop }\nspec: { address: vm.example.com, labels: { app: payments } }\n',
    },
    want: [/^error TUL115 WorkloadEntry shop\/vm b:1 spec\.address: payments\.shop\.svc\.cluster\.local .*"vm\.example\.com" is a name/],
  },
  {
    name: 'two PeerAuthentications of one scope',
    files: {
      a: 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: p, namespace: shop }\nspec: { mtls: { mode: STRICT } }\n',
      b: 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: q, namespace: shop }\nspec: {}\n',
    },
    want: [/TUL108 PeerAuthentication shop\/q .*shop\/p \(a:1\)/],
  },
  {
    name: 'providers that cannot be asked, and two for one workload',
    files: {
      a: payments,
      b: 'apiVersion: tulle.dev/v1\nkind: MeshConfig\nmetadata: { name: m }\nspec: { extensionProviders: [{ name: good, envoyExtAuthzHttp: { service: payments.shop.svc.cluster.local, port: 80 } }, { name: lost, envoyExtAuthzGrpc: { service: nobody.example, port: 1 } }] }\n',
      c: asking('missing', 'other'),
      d: asking('lost', 'other'),
      e: asking('good', 'payments'),
      f: asking('lost', 'payments'),
    },
    want: [
      /^warning TUL118 AuthorizationPolicy empty\/missing c:1 spec\.provider\.name: .*\(it has good, lost\): what the rules match is denied$/,
      /^warning TUL118 AuthorizationPolicy empty\/lost d:1 .*there is no service nobody\.example/,
      /^warning TUL118 AuthorizationPolicy shop\/lost-payments f:1/,
      /^warning TUL119 AuthorizationPolicy shop\/lost-payments f:1 .*shop\/good-payments \(e:1\) asks "good" for the same workload/,
    ],
  },
  {
    name: 'an upstream that does not exist',
    files: {
      a: 'apiVersion: tulle.dev/v1\nkind: Workload\nmetadata: { name: w }\nspec: { upstreams: [{ host: x, port: 80, localPort: 15100 }] }\n',
    },
    want: [/TUL109 Workload default\/w .*x\.default\.svc\.cluster\.local/],
  },
];

for (const { name, files, want } of findings) {
  test(`finds ${name}`, () => {
    const { diagnostics } = build(files, [instance('a')]);
    const got = diagnostics.map(
      ({ severity, code, resource, file, line, field, message }) => `${severity} ${code} ${resource} ${file}:${line} ${field}: ${message}`,
    );
    assert.equal(got.length, want.length, got.join('\n'));
    for (const [index, pattern] of want.entries()) assert.match(got[index] ?? '', pattern);
  });
}

test('the older of two rivals counts, by time and then by place', () => {
  const timed = (name: string, time: string): string =>
    route(name, 'payments', '{ host: payments }').replace('namespace: shop', `namespace: shop, creationTimestamp: "${time}"`);
  const { mesh } = build({ a: timed('young', '2026-02-01T00:00:00Z'), b: timed('old', '2026-01-01T00:00:00Z'), c: payments });
  assert.deepEqual(
    mesh.routes.map(({ name }) => name),
    ['old', 'young'],
  );
  const placed = build({ b: route('second', 'b', '{ host: payments }'), a: route('first', 'a', '{ host: payments }'), c: payments });
  assert.deepEqual(
    placed.mesh.routes.map(({ name }) => name),
    ['first', 'second'],
  );
});

test('a second MeshConfig is refused, and the suffix of the first completes all names', () => {
  const config = (name: string): string =>
    `apiVersion: tulle.dev/v1\nkind: MeshConfig\nmetadata: { name: ${name} }\nspec: { domainSuffix: ${name}.local }\n`;
  const { mesh, diagnostics } = build(
    { a: config('one'), b: config('two'), c: payments, d: route('r', 'payments', '{ host: payments }') },
    [instance('a')],
  );
  assert.deepEqual(
    mesh.services.map(({ hostname }) => hostname),
    ['payments.shop.svc.one.local'],
  );
  assert.deepEqual(mesh.routes[0]?.hosts, ['payments.shop.svc.one.local']);
  assert.deepEqual(
    diagnostics.map(({ code, resource }) => `${code} ${resource}`),
    ['TUL100 MeshConfig two'],
  );
});

test('keys that could not be fetched are told of with their issuer', () => {
  const text = `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { jwtRules: [{ issuer: https://a.example, jwksUri: https://a.example/keys }, { issuer: https://b.example/ }] }
`;
  const { resources } = parseDocuments('a', text);
  const told = (...sets: readonly KeySet[]) =>
    buildMesh(resources, [], undefined, new Map(), sets).diagnostics.map(({ code, message }) => `${code} ${message}`);
  assert.deepEqual(told(), []);
  assert.deepEqual(told({ url: 'https://a.example/keys', jwks: '{}', problem: 'late' }), []);
  assert.deepEqual(told({ url: 'https://b.example/.well-known/openid-configuration', jwks: '', problem: 'no answer in time' }), [
    'TUL120 the keys are not at https://b.example/.well-known/openid-configuration (no answer in time): every token is refused',
  ]);
});

test('the same input gives the very same mesh', () => {
  const files = { a: payments, b: subsets, c: route('r', 'payments', '{ host: payments }') };
  const first = build(files, [instance('a')]);
  assert.equal(build(files, [instance('a')], first).mesh, first.mesh);
});

test('what did not change keeps its identity', () => {
  const web = payments.replaceAll('payments', 'web');
  const first = build({ a: payments, b: web, c: route('r', 'payments', '{ host: payments }') }, [instance('a')]);
  const next = build({ a: payments, b: web, c: route('r', 'payments', '{ host: payments }') }, [instance('a', { isReady: false })], first);
  const find = ({ mesh }: BuiltMesh, name: string): unknown => mesh.services.find((service) => service.name === name);
  assert.notEqual(next.mesh, first.mesh);
  assert.notEqual(find(next, 'payments'), find(first, 'payments'));
  assert.equal(find(next, 'web'), find(first, 'web'));
  assert.equal(next.mesh.routes, first.mesh.routes);
  const added = build({ A: payments.replaceAll('payments', 'early'), a: payments, b: web }, [instance('a')], first);
  assert.equal(find(added, 'web'), find(first, 'web'));
  assert.equal(find(added, 'payments'), find(first, 'payments'));
});

test('virtual addresses follow from names alone, are distinct, and are kept', () => {
  const many = Array.from({ length: 800 }, (_, index) => payments.replaceAll('payments', `s${index}`)).join('---');
  const addressesOf = ({ mesh }: BuiltMesh): readonly string[] => mesh.services.map(({ addresses }) => addresses.join());
  const all = build({ a: many });
  assert.equal(new Set(addressesOf(all)).size, 800);
  for (const pair of addressesOf(all)) assert.match(pair, /^240\.240\.\d+\.\d+,2001:2::[0-9a-f]+$/);
  assert.deepEqual(addressesOf(build({ a: many })), addressesOf(all));
  const alone = build({ a: payments.replaceAll('payments', 's7') });
  const grown = build({ a: many }, [], alone);
  assert.ok(addressesOf(grown).includes(addressesOf(alone)[0] ?? ''));
});

test('given, headless and resolution: NONE services get no address', () => {
  const { mesh } = build({
    a: 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { clusterIP: 10.96.0.1, ports: [{ port: 1 }] }\n',
    b: 'apiVersion: v1\nkind: Service\nmetadata: { name: b }\nspec: { clusterIP: None, ports: [{ port: 1 }] }\n',
    c: 'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: c }\nspec: { hosts: [c.example.com], ports: [{ number: 1, name: tcp }] }\n',
  });
  assert.deepEqual(
    mesh.services.map(({ addresses }) => addresses),
    [['10.96.0.1'], [], []],
  );
});

test('one host in two ServiceEntries of a namespace is one service', () => {
  const entry = (name: string, address: string, port: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec: { hosts: [x.example.com], ports: [${port}], resolution: STATIC, endpoints: [{ address: ${address} }] }
`;
  const { mesh, diagnostics } = build({
    a: entry('one', '10.0.0.1', '{ number: 80, name: http }'),
    b: entry('two', '10.0.0.2', '{ number: 80, name: tcp }, { number: 81, name: tcp-too }'),
  });
  assert.deepEqual(
    mesh.services.map(({ ports, endpoints }) => [
      ports.map(({ name }) => name),
      endpoints.map(({ address, ports: own }) => `${address} ${JSON.stringify(own)}`),
    ]),
    [
      [
        ['http', 'tcp-too'],
        ['10.0.0.1 {"http":80,"tcp-too":0}', '10.0.0.2 {"http":80,"tcp-too":81}'],
      ],
    ],
  );
  assert.deepEqual(
    diagnostics.map(({ code }) => code),
    ['TUL111'],
  );
});
