import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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

test('edits give what the folder gives when it is read at once', () => {
  const line = fc.constantFrom('route a 1', 'route a 2', 'route b 1', 'route b bad', 'rout');
  const text = fc.array(line, { minLength: 1, maxLength: 2 }).map((lines) => lines.join('\n'));
  const edit = fc.tuple(fc.constantFrom('f', 'g', 'h'), text);
  fc.assert(
    fc.property(fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 }), (steps) => {
      const documents = new LastGood(lineCompiler.parseDocuments);
      let texts = new Map([
        ['f', 'route a 1'],
        ['g', 'route c 1\nroute d 1'],
        ['h', 'route e 1'],
      ]);
      documents.update(texts);
      for (const edits of steps) {
        const fork = documents.fork();
        texts = new Map([...texts, ...edits]);
        const next = documents.update(texts);
        const names = (all: typeof next): string[] => all.resources.map(({ name, file, origin }) => `${file} ${name} ${origin.field}`);
        const told = (all: typeof next): string[] => [...names(all), ...all.diagnostics.map(({ file, message }) => `${file} ${message}`)];
        assert.deepEqual(told(fork.update(texts)), told(next));
        // a fork has said nothing yet, and says all of it
        assert.deepEqual(new Map(documents.textsOf(next.resources)), new Map(fork.textsOf(next.resources)));
        assert.equal(documents.textsOf(next.resources), documents.textsOf([...next.resources]));
        // one that knows nothing of the past says the same, where nothing of the past is left
        const fresh = new LastGood(lineCompiler.parseDocuments).update(texts);
        if (next.diagnostics.length > 0) break;
        assert.deepEqual(told(next), told(fresh));
      }
    }),
  );
});
