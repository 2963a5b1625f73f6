/** The tables of codes hold together. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { diagnosticCodes } from '../schema/codes.ts';
import { analysisCodes } from './codes.ts';
import { checks } from './index.ts';

const folder = import.meta.dirname;
const textOf = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

/** Said by what translates the compiler's diagnostics. */
const FROM_COMPILER = ['IST0002', 'IST0101', 'IST0106', 'IST0109', 'IST0127', 'IST0133', 'IST0177'];

test('a code of ours is not also one of the compiler', () => {
  assert.deepEqual(
    Object.keys(analysisCodes).filter((code) => Object.hasOwn(diagnosticCodes, code)),
    [],
  );
});

test('every code is said by some analyser', () => {
  const said = new Set<string>([...checks.flatMap(({ codes }) => codes), ...FROM_COMPILER]);
  assert.deepEqual(
    Object.keys(analysisCodes).filter((code) => !said.has(code)),
    [],
  );
});

test('every code has a case that shows it', () => {
  const cases = globSync('checks/*.test.ts', { cwd: folder }).map(textOf).join('\n');
  assert.deepEqual(
    Object.keys(analysisCodes).filter((code) => !cases.includes(`code: '${code}'`)),
    [],
  );
});

test('an analyser says the codes of its row, and no others', () => {
  const files = globSync('checks/*.ts', { cwd: folder }).filter((name) => !name.endsWith('.test.ts'));
  const shared = textOf('selecting.ts');
  for (const file of files) {
    const text = textOf(file);
    const check = checks.find(({ name }) => path.basename(file, '.ts') === name);
    assert.ok(check, `${file} is in index.ts under its name`);
    const written = new Set(
      [...(text.includes('checkSelecting') ? text + shared : text).matchAll(/'((?:IST|TUL)\d+)'/g)].map((match) => match[1] ?? ''),
    );
    assert.deepEqual(written, new Set<string>(check.codes), file);
  }
});
