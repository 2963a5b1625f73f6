/**
 * What is compiled step by step, edit after edit, is what a compile from scratch gives: for any sequence of edits, and for
 * several kinds of proxies.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Mesh } from '../model/mesh.ts';
import { compile, type Compiled } from './compile.ts';
import { buildMesh } from './dialects/build-mesh.ts';
import { parseDocuments } from './dialects/load.ts';
import { sidecarOf } from './testing/mesh.ts';
import type { ProxyNode } from './emit/proxy-node.ts';

type Texts = Readonly<Record<string, string>>;

const NAMES = ['a', 'b', 'c'] as const;
const NAMESPACES = ['shop', 'bank'] as const;
const name = fc.constantFrom(...NAMES);
const namespace = fc.constantFrom(...NAMESPACES);
const exportTo = fc.constantFrom('', 'exportTo: [.]', 'exportTo: ["*"]');

const service = fc
  .record({
    name,
    namespace,
    exportTo,
    octets: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
    protocol: fc.constantFrom('HTTP', 'TCP', 'HTTP2'),
  })
  .map(({ name: host, namespace: within, exportTo: to, octets, protocol }): [string, string] => [
    `service-${within}-${host}.yaml`,
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host}, namespace: ${within} }
spec:
  hosts: [${host}.example]
  ${to}
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: main, protocol: ${protocol} }]
  endpoints: [${octets.map((octet) => `{ address: 10.0.0.${octet}, labels: { version: v${octet % 2} } }`).join(', ')}]
`,
  ]);

const routes = fc
  .record({
    name,
    namespace,
    exportTo,
    to: name,
    seconds: fc.integer({ min: 1, max: 3 }),
    match: fc.constantFrom('', 'sourceLabels: { app: web }', 'sourceLabels: { tier: front }', 'sourceNamespace: bank'),
    more: fc.constantFrom('', '', ', a.example', ', "*.example"', ', x.example'),
    gateways: fc.constantFrom('', '', 'gateways: [mesh]', 'gateways: [outer]'),
  })
  .map(({ name: host, namespace: within, exportTo: to, to: target, seconds, match, more, gateways }): [string, string] => [
    `routes-${within}-${host}.yaml`,
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${host}, namespace: ${within} }
spec:
  hosts: [${host}.example${more}]
  ${to}
  ${gateways}
  http:
    - match: [{ uri: { prefix: /x }${match === '' ? '' : `, ${match}`} }]
      timeout: ${seconds}s
      route: [{ destination: { host: ${target}.example } }]
    - route: [{ destination: { host: ${host}.example } }]
`,
  ]);

const rule = fc
  .record({ name, namespace, simple: fc.constantFrom('RANDOM', 'LEAST_REQUEST') })
  .map(({ name: host, namespace: within, simple }): [string, string] => [
    `rule-${within}-${host}.yaml`,
    `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host}, namespace: ${within} }
spec:
  host: ${host}.example
  trafficPolicy: { loadBalancer: { simple: ${simple} } }
  subsets: [{ name: v1, labels: { version: v1 } }]
`,
  ]);

const policy = fc
  .record({ namespace, action: fc.constantFrom('ALLOW', 'DENY'), path: fc.constantFrom('/x', '/y') })
  .map(({ namespace: within, action, path }): [string, string] => [
    `policy-${within}.yaml`,
    `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: main, namespace: ${within} }
spec: { action: ${action}, rules: [{ to: [{ operation: { paths: [${path}] } }] }] }
`,
  ]);

const sidecar = fc
  .record({ namespace, host: fc.constantFrom('./*', '*/a.example', '*/*') })
  .map(({ namespace: within, host }): [string, string] => [
    `sidecar-${within}.yaml`,
    `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: ${within} }
spec: { egress: [{ hosts: ["${host}"] }] }
`,
  ]);

const file = fc.oneof({ arbitrary: service, weight: 4 }, { arbitrary: routes, weight: 3 }, rule, policy, sidecar);
/** Files that an edit writes, and whether it removes them instead. */
const edit = fc.record({ file, isRemoval: fc.boolean() });

const PROXIES: readonly ProxyNode[] = [
  sidecarOf({ namespace: 'shop', addresses: ['10.0.0.1'], ports: [] }),
  sidecarOf({ namespace: 'bank', addresses: ['10.0.0.2'], ports: [], labels: { app: 'api' }, userAgent: 'other' }),
  sidecarOf({
    namespace: 'shop',
    addresses: ['127.0.0.1'],
    interception: 'NONE',
    explicit: { httpProxyPort: 15_001, upstreams: [{ host: 'a.example', port: 80, localPort: 9000 }] },
  }),
  { ...sidecarOf({ namespace: 'shop', addresses: ['10.0.0.3'], ports: [] }), hasHostsOnDemand: true },
  { ...sidecarOf({ namespace: 'bank', addresses: ['10.0.0.4'], ports: [] }), hasHostsOnDemand: true, isOnDemand: true },
  { ...sidecarOf({ namespace: 'shop', addresses: ['10.0.0.3'], ports: [] }), role: 'router', id: 'router~10.0.0.3~gw.shop~shop' },
];

function meshFrom(texts: Texts, parse: typeof parseDocuments, previous: Mesh | undefined): Mesh {
  const sorted = Object.entries(texts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return buildMesh(
    sorted.flatMap(([path, text]) => parse(path, text).resources),
    [],
    previous,
  ).mesh;
}

/** Names by which proxies on demand ask for what cannot be listed. */
const ASKED = ['a', 'b', 'c', 'x'].map((host) => `80/${host}.example`);

/** Every resource by type and name, with its version. */
function versionsOf(compiled: Compiled): Record<string, string> {
  const asked = ASKED.map((resource) => [`asked ${resource}`, compiled.virtualHosts.get(resource)?.version ?? '']);
  const rows = Object.entries(compiled).flatMap(([type, resources]) =>
    [...resources.values()].map(({ name: resource, version }: { name: string; version: string }) => [`${type} ${resource}`, version]),
  );
  return Object.fromEntries([...rows, ...asked]);
}

const written = (name: string, namespace: string): [string, string] => [
  `service-${namespace}-${name}.yaml`,
  `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  hosts: [${name}.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: main, protocol: HTTP }]
  endpoints: [{ address: 10.0.0.1 }]
`,
];

/** Was compiled in another order: a service of another namespace comes before one of the same host that hides it. */
const HIDDEN_FIRST = [written('c', 'shop'), written('a', 'shop'), written('c', 'bank')].map((each) => ({ file: each, isRemoval: false }));

test('edits one after the other give what the last of them gives from scratch', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), (edits) => {
      const parsed = new Map<string, ReturnType<typeof parseDocuments>>();
      const parse = (path: string, text: string) => {
        const known = parsed.get(path + text) ?? parseDocuments(path, text);
        parsed.set(path + text, known);
        return known;
      };
      let texts: Texts = {};
      let mesh: Mesh | undefined;
      for (const {
        file: [path, text],
        isRemoval,
      } of edits) {
        const { [path]: _, ...others } = texts;
        texts = isRemoval ? others : { ...others, [path]: text };
        mesh = meshFrom(texts, parse, mesh);
        // the addresses that were given stay given: only these a mesh from scratch may have others of
        const fresh = structuredClone(mesh);
        for (const proxy of PROXIES) assert.deepEqual(versionsOf(compile(mesh, proxy)), versionsOf(compile(fresh, structuredClone(proxy))));
      }
    }),
    { numRuns: 25, examples: [[HIDDEN_FIRST]] },
  );
});
