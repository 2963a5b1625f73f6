/** Every difference on purpose belongs to a case, and the docs tell of it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { DIFFERENCES } from './differences.ts';

const folder = import.meta.dirname;

test('every difference has a case that shows it', () => {
  const cases = globSync('*.test.ts', { cwd: folder }).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const isUsed = (name: string): boolean => cases.some((text) => new RegExp(`DIFFERENCES\\.${name}\\b`).test(text));
  assert.deepEqual(
    Object.keys(DIFFERENCES).filter((name) => !isUsed(name)),
    [],
  );
});

test('the docs have every difference', () => {
  const text = readFileSync(path.join(folder, '../../docs/differences-from-envoy.md'), 'utf8');
  const missing = Object.values(DIFFERENCES).filter(({ envoy, tulle, why }) => !text.includes(`| ${envoy} | ${tulle} | ${why} |`));
  assert.deepEqual(missing, [], 'run: node tools/gen-reference.ts');
});
