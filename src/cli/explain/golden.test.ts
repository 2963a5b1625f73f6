/**
 * Golden cases: the first document lists arguments of `tulle explain`, those after it are the mesh; then `----` and what
 * is printed. `UPDATE_GOLDEN=1` writes the second half anew.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { messageOf } from '../../core/errors.ts';
import { loadRe2 } from '../../core/re2.ts';
import { CliError } from '../errors.ts';
import { readHeader, readTarget, readWorkloadName } from './asked.ts';
import { explain } from './explain.ts';
import { worldOf } from './folder-world.ts';
import { renderExplanation } from './render.ts';
import type { World } from './world.ts';

await loadRe2();

interface Line {
  readonly from?: string;
  readonly gateway?: string;
  readonly to: string;
  readonly method?: string;
  readonly headers?: readonly string[];
}

async function printed(world: World, { from, gateway, to, method = 'GET', headers = [] }: Line): Promise<string> {
  try {
    const asked = {
      from: from === undefined || from === 'outside' ? from : readWorkloadName(from),
      via: gateway === undefined ? undefined : readWorkloadName(gateway),
      to: readTarget(to),
      method,
      headers: headers.map(readHeader),
    } as const;
    return renderExplanation(asked, await explain(world, asked));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return `tulle: ${messageOf(error)}\n  hint: ${error.hint}\n`;
  }
}

for (const file of globSync(path.join(import.meta.dirname, 'testdata/*.yaml')).toSorted()) {
  const name = path.basename(file);
  test(`explain ${name}`, async () => {
    const [input = '', want = ''] = readFileSync(file, 'utf8').split('\n----\n');
    const end = input.indexOf('\n---\n');
    const lines: readonly Line[] = parse(input.slice(0, end));
    const world = worldOf(new Map([['mesh.yaml', input.slice(end + '\n---\n'.length)]]));
    const errors = world.diagnostics.filter(({ severity }) => severity === 'error').map(({ line, message }) => `${line}: ${message}`);
    assert.deepEqual(errors, []);
    const texts: string[] = [];
    for (const line of lines) texts.push(await printed(world, line));
    const got = texts.join('\n');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${input}\n----\n${got}`);
    else assert.equal(got, want);
  });
}
