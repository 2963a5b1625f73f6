import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineCompiler } from '../testing/line-compiler.ts';
import { LastGood } from './last-good.ts';

/** Each step's files, and what is in force after it (`route a 1`). */
const CASES: { name: string; steps: { files: Record<string, string>; want: string[]; errors: number }[] }[] = [
  {
    name: 'a refused document leaves its former version, its neighbours change',
    steps: [
      { files: { f: 'route a 1\nroute b 1' }, want: ['a 1', 'b 1'], errors: 0 },
      { files: { f: 'route a bad\nroute b 2' }, want: ['a 1', 'b 2'], errors: 1 },
      { files: { f: 'route a bad\nroute b 3' }, want: ['a 1', 'b 3'], errors: 1 },
      { files: { f: 'route a 4\nroute b 3' }, want: ['a 4', 'b 3'], errors: 0 },
    ],
  },
  {
    name: 'a document that is deleted goes, whatever is wrong with others',
    steps: [
      { files: { f: 'route a 1\nroute b 1' }, want: ['a 1', 'b 1'], errors: 0 },
      { files: { f: 'route a bad' }, want: ['a 1'], errors: 1 },
      { files: {}, want: [], errors: 0 },
    ],
  },
  {
    name: 'a file that cannot be read as documents at all keeps everything it had',
    steps: [
      { files: { f: 'route a 1\nroute b 1', g: 'route c 1' }, want: ['a 1', 'b 1', 'c 1'], errors: 0 },
      { files: { f: 'rout', g: 'route c 2' }, want: ['a 1', 'b 1', 'c 2'], errors: 1 },
    ],
  },
  {
    name: 'a document that was never good is not there',
    steps: [{ files: { f: 'route a bad' }, want: [], errors: 1 }],
  },
];

for (const { name, steps } of CASES) {
  test(name, () => {
    const documents = new LastGood(lineCompiler.parseDocuments);
    for (const { files, want, errors } of steps) {
      const { resources, diagnostics } = documents.update(new Map(Object.entries(files)));
      assert.deepEqual(resources.map(({ name: resource, origin }) => `${resource} ${origin.field}`).toSorted(), want);
      assert.equal(diagnostics.length, errors);
    }
  });
}

test('a file that did not change is not parsed again', () => {
  const documents = new LastGood(lineCompiler.parseDocuments);
  const [before] = documents.update(new Map([['f', 'route a 1']])).resources;
  const [after] = documents.update(new Map(Object.entries({ f: 'route a 1', g: 'route b 1' }))).resources;
  assert.equal(before, after);
});
