/** Whatever the dialects accept can be compiled, for every kind of proxy: a refusal has a file and a line, or it is none. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { compile } from './compile.ts';
import { buildMesh } from './dialects/build-mesh.ts';
import { parseDocuments } from './dialects/load.ts';
import { sidecarOf } from './testing/mesh.ts';

const root = path.resolve(import.meta.dirname, '../..');
const files = globSync(['test/fixtures/dialects/*.yaml', 'examples/**/*.yaml'], { cwd: root }).toSorted();

for (const file of files) {
  test(`what is accepted of ${file} compiles`, () => {
    const [text = ''] = readFileSync(path.join(root, file), 'utf8').split('\n====\n');
    const { resources } = parseDocuments(file, text);
    const { mesh } = buildMesh(resources, []);
    const namespaces = new Set(['default', ...resources.map(({ namespace }) => namespace).filter((namespace) => namespace !== '')]);
    const workloads = [
      ...mesh.workloads.map(({ labels }) => labels),
      ...mesh.gateways.map(({ selector }) => selector),
      ...mesh.authorizationPolicies.map(({ selector }) => selector ?? {}),
      {},
    ];
    for (const namespace of namespaces) {
      for (const labels of workloads) {
        for (const role of ['sidecar', 'router'] as const) {
          for (const interception of ['REDIRECT', 'NONE'] as const) {
            const { clusters } = compile(mesh, sidecarOf({ role, namespace, labels, interception, userAgent: 'tulle' }));
            assert.ok(clusters.has('BlackHoleCluster'));
          }
        }
      }
    }
  });
}
