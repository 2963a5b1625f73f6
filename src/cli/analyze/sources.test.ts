import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { CliError } from '../errors.ts';
import { readPaths } from './sources.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tulle-sources-'));
after(() => rmSync(folder, { recursive: true }));

function put(name: string): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, name);
  return file;
}

const a = put('mesh/a.yaml');
const b = put('mesh/below/b.yml');
for (const name of ['mesh/c.txt', 'mesh/.d.yaml', 'mesh/.git/e.yaml', 'mesh/node_modules/f.yaml', 'none/g.txt']) put(name);

test('a folder is read as the control plane reads it, a file whatever it is called', () => {
  const named = (file: string): string => path.relative('.', file);
  const { texts } = readPaths([path.join(folder, 'mesh')]);
  assert.deepEqual(
    [...texts],
    [
      [named(a), 'mesh/a.yaml'],
      [named(b), 'mesh/below/b.yml'],
    ],
  );
  assert.deepEqual([...readPaths([path.join(folder, 'mesh/c.txt'), a]).texts.values()], ['mesh/c.txt', 'mesh/a.yaml']);
});

test('what is not there, or holds nothing, is an error', () => {
  const fails = (name: string, message: RegExp): void =>
    assert.throws(
      () => readPaths([path.join(folder, name)]),
      (error) => error instanceof CliError && message.test(error.message),
    );
  fails('nowhere', /nowhere cannot be read/);
  fails('none', /there is no YAML file in/);
});
