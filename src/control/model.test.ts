/** Which version of a resource the mesh is made of, with the real compiler. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultCompiler } from './default-compiler.ts';
import { MeshModel, type MeshState } from './model.ts';

function service(targetPort: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { ports: [{ name: http, port: 80, targetPort: ${targetPort} }] }
`;
}

function step(model: MeshModel, files: Readonly<Record<string, string>>): MeshState {
  model.setTexts(new Map(Object.entries(files)));
  return model.build([]);
}

function summary({ mesh, diagnostics }: MeshState): string[] {
  const ports = mesh.services.flatMap((each) => each.ports.map(({ targetPort }) => String(targetPort)));
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return [...ports, ...errors.map(({ code, file }) => `${code} ${file}`)];
}

/** Each step's files, and then target ports in force and errors. */
const CASES: { name: string; steps: { files: Readonly<Record<string, string>>; want: string[] }[] }[] = [
  {
    name: 'a copy in an earlier file does not take the place of what is in force, which can still be edited',
    steps: [
      { files: { b: service(1) }, want: ['1'] },
      { files: { a: service(2), b: service(1) }, want: ['1', 'TUL100 a'] },
      { files: { a: service(2), b: service(3) }, want: ['3', 'TUL100 a'] },
      { files: { a: service(2) }, want: ['2'] },
    ],
  },
  {
    name: 'where both are new the first counts, and so do its edits',
    steps: [
      { files: { a: service(1), b: service(2) }, want: ['1', 'TUL100 b'] },
      { files: { a: service(3), b: service(2) }, want: ['3', 'TUL100 b'] },
      { files: { a: 'kind: [', b: service(2) }, want: ['3', 'TUL001 a', 'TUL100 b'] },
    ],
  },
  {
    name: 'within one file the first counts',
    steps: [
      { files: { a: service(1) }, want: ['1'] },
      { files: { a: `${service(2)}---\n${service(3)}` }, want: ['2', 'TUL100 a'] },
    ],
  },
];

for (const { name, steps } of CASES) {
  test(name, () => {
    const model = new MeshModel(defaultCompiler);
    for (const { files, want } of steps) assert.deepEqual(summary(step(model, files)), want);
  });
}

test('what was in force before a restart is in force after it', () => {
  const before = new MeshModel(defaultCompiler);
  step(before, { b: service(1) });
  step(before, { a: service(2), b: service(1) });
  const after = new MeshModel(defaultCompiler);
  after.restore(before.keptTexts());
  assert.deepEqual(summary(step(after, { a: service(2), b: 'kind: [' })), ['1', 'TUL001 b', 'TUL100 a']);
});
