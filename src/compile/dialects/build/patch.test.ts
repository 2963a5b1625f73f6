/** A mesh that is patched is the mesh that is built as a whole: its parts, what is said about it, and what counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildMesh, type BuiltMesh } from '../build-mesh.ts';
import { parseDocuments } from '../load.ts';

type Texts = ReadonlyMap<string, string>;

const service = (name: string, endpoints: readonly string[], extra = ''): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.example]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{ number: 80, name: http, protocol: HTTP }]
  ${extra}
  endpoints: [${endpoints.map((address) => `{ address: ${address} }`).join(', ')}]
`;

const routes = (name: string, to: string, extra = ''): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.example]
  ${extra}
  http: [{ route: [{ destination: { host: ${to}.example } }] }]
`;

const name = fc.constantFrom('a', 'b');
const edit = fc.oneof(
  fc
    .record({
      name,
      endpoints: fc.array(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'no-address'), { maxLength: 3 }),
      extra: fc.constantFrom('', '', '', 'exportTo: [.]', 'addresses: [10.1.1.1]'),
    })
    .map((each): [string, string] => [`service-${each.name}.yaml`, service(each.name, each.endpoints, each.extra)]),
  fc
    .record({ name, to: fc.constantFrom('a', 'b', 'nobody'), extra: fc.constantFrom('', '', '', 'gateways: [there]', 'exportTo: [.]') })
    .map((each): [string, string] => [`routes-${each.name}.yaml`, routes(each.name, each.to, each.extra)]),
  // another resource of the same host, so that two parts are one service
  fc.constant<[string, string]>(['again.yaml', service('again', ['10.0.0.9']).replace('again.example', 'a.example')]),
  fc.constant<[string, string]>(['again.yaml', '']),
);

function build(texts: Texts, previous?: BuiltMesh): BuiltMesh {
  const resources = [...texts].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([file, text]) => parsed(file, text));
  return buildMesh(resources, [], previous?.mesh);
}

const known = new Map<string, ReturnType<typeof parseDocuments>['resources']>();

function parsed(file: string, text: string): ReturnType<typeof parseDocuments>['resources'] {
  const key = `${file} ${text}`;
  const resources = known.get(key) ?? parseDocuments(file, text).resources;
  known.set(key, resources);
  return resources;
}

const START: Texts = new Map([
  ['service-a.yaml', service('a', ['10.0.0.1'])],
  ['service-b.yaml', service('b', ['10.0.0.2'])],
  ['routes-a.yaml', routes('a', 'b')],
  ['routes-b.yaml', routes('b', 'b')],
]);

test('a mesh after edits is the mesh that is built of what they leave', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 10 }), (edits) => {
      let texts = START;
      let built = build(texts);
      for (const [file, text] of edits) {
        texts = new Map([...texts, [file, text]]);
        built = build(texts, built);
        assert.deepEqual(built, build(texts));
      }
    }),
    { numRuns: 200 },
  );
});

test('other endpoints of a service leave all but the service the same', () => {
  const before = build(START);
  const after = build(new Map([...START, ['service-a.yaml', service('a', ['10.0.0.1', '10.0.0.3'])]]), before);
  const [a, b] = after.mesh.services;
  assert.equal(a?.endpoints.length, 2);
  assert.equal(b, before.mesh.services[1]);
  assert.equal(after.mesh.routes, before.mesh.routes);
  assert.equal(after.diagnostics, before.diagnostics);
});
