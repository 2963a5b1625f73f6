/** Meshes that are as they should be: nothing of warning or above is found in them. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { loadRe2 } from '../../core/re2.ts';
import { analyze } from './analyze.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const fixtures = path.join(root, 'test/fixtures/analyze');

before(loadRe2);

/** What is bad in the files; what the compiler does not have is not a mistake of who wrote them. */
function badIn(files: readonly string[]): readonly string[] {
  const texts = new Map(files.map((file) => [path.relative(root, file), readFileSync(file, 'utf8')]));
  return analyze({ texts })
    .filter(({ severity, code, message }) => severity !== 'info' && code !== 'TUL004' && !message.startsWith('Tulle does not'))
    .map(({ code, file, line, message }) => `${file}:${line}: ${code} ${message}`);
}

const library = globSync('library/*.yaml', { cwd: fixtures }).map((name) => path.join(fixtures, name));

test('the library itself', () => {
  assert.equal(library.length, 3);
  assert.deepEqual(badIn(library), []);
});

for (const variant of globSync('variants/*.yaml', { cwd: fixtures }).toSorted()) {
  test(`the library with ${variant}`, () => assert.deepEqual(badIn([...library, path.join(fixtures, variant)]), []));
}

const examples = globSync('*/', { cwd: path.join(root, 'examples') });
for (const example of examples.filter((name) => globSync(`examples/${name}/**/*.yaml`, { cwd: root }).length > 0)) {
  test(`examples/${example}`, () =>
    assert.deepEqual(badIn(globSync(`examples/${example}/**/*.yaml`, { cwd: root }).map((name) => path.join(root, name))), []));
}
