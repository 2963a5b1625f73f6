/** Golden cases in testdata: `UPDATE_GOLDEN=1 node --test` rewrites what the proxy gets; read the difference. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { compile } from './compile.ts';
import { goldenOutput, joinGolden, parseGolden } from './testing/golden.ts';

const folder = path.join(import.meta.dirname, 'testdata');

for (const name of globSync('*.yaml', { cwd: folder }).toSorted()) {
  test(`compiles ${name}`, () => {
    const file = path.join(folder, name);
    const { input, want, mesh, proxy, show } = parseGolden(name, readFileSync(file, 'utf8'));
    const got = goldenOutput(compile(mesh, proxy), show);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, joinGolden(input, got));
    else assert.equal(got, want);
  });
}
