import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildMesh } from '../build-mesh.ts';
import { parseDocuments } from '../load.ts';

const service = (namespace: string) => `apiVersion: v1
kind: Service
metadata: { name: web, namespace: ${namespace} }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
`;

const namespace = (name: string, labels: string) => `apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: { ${labels} } }
`;

const mesh = (spec: string) => `apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { ${spec} }
`;

const WORLD = [namespace('a', 'team: red, mesh: "on"'), namespace('b', 'team: blue'), service('a'), service('b'), service('c')];

function built(spec: string) {
  return buildMesh(parseDocuments('in.yaml', [mesh(spec), ...WORLD].join('---\n')).resources, []).mesh;
}

suite('namespaces that belong to the mesh', () => {
  const cases = [
    { selectors: '', want: ['a', 'b', 'c'] },
    { selectors: '{ matchLabels: { mesh: "on" } }', want: ['a'] },
    { selectors: '{ matchLabels: { mesh: "on" } }, { matchLabels: { team: blue } }', want: ['a', 'b'] },
    { selectors: '{ matchLabels: { mesh: "on", team: blue } }', want: [] },
    { selectors: '{ matchExpressions: [{ key: team, operator: In, values: [red, blue] }] }', want: ['a', 'b'] },
    { selectors: '{ matchExpressions: [{ key: team, operator: NotIn, values: [red] }] }', want: ['b', 'c'] },
    { selectors: '{ matchExpressions: [{ key: team, operator: Exists }] }', want: ['a', 'b'] },
    { selectors: '{ matchExpressions: [{ key: team, operator: DoesNotExist }] }', want: ['c'] },
    { selectors: '{ matchLabels: { kubernetes.io/metadata.name: c } }', want: ['c'] },
  ];
  for (const { selectors, want } of cases) {
    test(`discoverySelectors [${selectors}]`, () => {
      const found = built(`discoverySelectors: [${selectors}]`).services.map((one) => one.namespace);
      assert.deepEqual(found.toSorted(), want);
    });
  }
});

test('what the mesh says of who sees it leaves services the same objects from mesh to mesh', () => {
  const { resources } = parseDocuments('in.yaml', [mesh('defaultServiceExportTo: ["."]'), ...WORLD].join('---\n'));
  const [first, second] = [buildMesh(resources, []).mesh.services, buildMesh(resources, []).mesh.services];
  assert.ok(first.length > 0);
  for (const [index, one] of first.entries()) assert.equal(second[index], one);
});

test('who sees what does not say is what the mesh says', () => {
  const { services } = built('defaultServiceExportTo: ["."]');
  assert.deepEqual(new Set(services.map(({ exportTo }) => exportTo.join())), new Set(['.']));
});
