import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';

const MAIN = path.join(import.meta.dirname, 'main.ts');

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

test('tulle control serves until it is asked to stop, and leaves no socket behind', async (t) => {
  const mesh = await folder(t);
  await writeFile(path.join(mesh, 'shop.yaml'), 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n');
  const child = spawn(process.execPath, [MAIN, 'control', mesh], { stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: child.stderr })) if (line.includes('control plane serves')) break;
  for (const socket of ['xds.sock', 'admin.sock']) assert.ok(existsSync(path.join(mesh, '.tulle', socket)));
  child.stderr.resume();
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  for (const socket of ['xds.sock', 'admin.sock']) assert.ok(!existsSync(path.join(mesh, '.tulle', socket)));
});

for (const { name, args, want } of [
  { name: 'a folder that is not there', args: ['/nowhere/at/all'], want: /\/nowhere\/at\/all is not a folder/ },
  { name: 'plain xDS for everybody', args: ['--xds-address', '0.0.0.0:0'], want: /use loopback/ },
  { name: 'an address without a port', args: ['--admin-address', 'localhost'], want: /"localhost" is not host:port/ },
]) {
  test(`tulle control refuses ${name}`, async (t) => {
    const where = args.length === 1 ? [] : [await folder(t)];
    const child = spawn(process.execPath, [MAIN, 'control', ...where, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const exited = once(child, 'exit');
    const text = Buffer.concat(await child.stderr.toArray()).toString();
    assert.match(text, want);
    assert.notEqual((await exited)[0], 0);
  });
}
