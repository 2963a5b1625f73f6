import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildMesh } from '../build-mesh.ts';
import { parseDocuments } from '../load.ts';

const MESH =
  'apiVersion: tulle.dev/v1\nkind: MeshConfig\nmetadata: { name: mesh }\nspec: { defaultConfig: { concurrency: 1, proxyMetadata: { A: mesh } } }\n';

const config = (name: string, concurrency: number | undefined, more = '') => `apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: { name: ${name.split('/')[1]}, namespace: ${name.split('/')[0]} }
spec: { ${concurrency === undefined ? '' : `concurrency: ${concurrency}, `}environmentVariables: { A: ${name.replace('/', '-')}, ${name.replace('/', '_')}: 'yes' }${more} }
`;

const workload = (annotation = '') => `apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: web, namespace: shop, labels: { app: web }${annotation === '' ? '' : `, annotations: { proxy.istio.io/config: '${annotation}' }`} }
spec: { command: [web] }
`;

function settingsOf(...documents: readonly string[]) {
  const { mesh } = buildMesh(parseDocuments('in.yaml', documents.join('---\n')).resources, []);
  return mesh.workloads[0]?.proxy;
}

const SELECTING = ', selector: { matchLabels: { app: web } }';

suite('settings of proxies', () => {
  const cases = [
    { name: 'nothing is said', documents: [workload()], want: undefined },
    { name: 'the mesh', documents: [MESH, workload()], want: [1, 'mesh'] },
    {
      name: 'the root namespace goes before the mesh',
      documents: [MESH, config('istio-system/all', 2), workload()],
      want: [2, 'istio-system-all'],
    },
    {
      name: 'the namespace goes before the root',
      documents: [config('istio-system/all', 2), config('shop/own', 3), workload()],
      want: [3, 'shop-own'],
    },
    { name: 'what it leaves out stays', documents: [MESH, config('shop/own', undefined), workload()], want: [1, 'shop-own'] },
    {
      name: 'an annotation goes before the namespace',
      documents: [config('shop/own', 3), workload('{ concurrency: 4, proxyMetadata: { A: annotation } }')],
      want: [4, 'annotation'],
    },
    {
      name: 'one that selects the workload goes before its annotation',
      documents: [config('shop/own', 3), workload('{ concurrency: 4 }'), config('shop/mine', 5, SELECTING)],
      want: [5, 'shop-mine'],
    },
    {
      name: 'a selector in the root namespace is for that alone',
      documents: [MESH, config('istio-system/mine', 5, SELECTING), workload()],
      want: [1, 'mesh'],
    },
    {
      name: 'one for others is not for this',
      documents: [MESH, config('shop/mine', 5, ', selector: { matchLabels: { app: other } }'), workload()],
      want: [1, 'mesh'],
    },
  ];
  for (const { name, documents, want } of cases) {
    test(name, () => {
      const found = settingsOf(...documents);
      assert.deepEqual(found && [found.concurrency, found.environment['A']], want);
    });
  }

  test('variables of all of them add up', () => {
    const found = settingsOf(config('istio-system/all', 1), config('shop/own', 1), config('shop/mine', 1, SELECTING), workload());
    assert.deepEqual(found?.environment, { A: 'shop-mine', 'istio-system_all': 'yes', shop_own: 'yes', shop_mine: 'yes' });
  });
});
