import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { CONTROL_FLAGS } from './control-flags.ts';
import { FOR_LIFE, PROXY_ENV, PROXY_FLAGS } from './lean-start.ts';

const launcher = path.resolve(import.meta.dirname, '../../bin/tulle');

/** What the launcher runs: `echo` in the place of Node. */
const runs = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', TULLE_NODE: '/bin/echo' } }).trim();

test('the launcher begins a proxy and a control plane with their flags, and all else without', () => {
  const program = `${path.dirname(launcher)}/tulle.js`;
  assert.equal(runs(launcher, 'proxy', '-c', 'a b'), `${PROXY_FLAGS.join(' ')} ${program} proxy -c a b`);
  assert.equal(runs(launcher, 'control', 'a b'), `${CONTROL_FLAGS.join(' ')} ${program} control a b`);
  assert.equal(runs(launcher, 'status'), `${program} status`);
  const text = readFileSync(launcher, 'utf8');
  assert.ok(text.includes(`life='${FOR_LIFE.join(' ')}'`), 'what a snapshot begins with');
  for (const [name, value] of Object.entries(PROXY_ENV)) assert.ok(text.includes(`export ${name}="\${${name}:-${value}}"`), name);
});

test('the launcher is found through the link that npm makes', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-launcher-'));
  try {
    symlinkSync(launcher, path.join(folder, 'tulle'));
    assert.equal(runs(path.join(folder, 'tulle'), 'version'), `${path.dirname(launcher)}/tulle.js version`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the young generation of a proxy stays small until it is let grow', () => {
  const program = `
    import v8 from 'node:v8';
    import { growYoungGeneration, startLean } from ${JSON.stringify(path.resolve(import.meta.dirname, 'lean-start.ts'))};
    const mib = () => v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size / 1048576;
    const kept = [];
    const work = () => { for (let i = 0; i < 2e6; i++) kept[i % 2000] = { text: 'x' + i, list: [i, i] }; };
    const live = startLean();
    growYoungGeneration();
    work();
    const starting = mib();
    live();
    work();
    console.log(JSON.stringify([starting, mib()]));`;
  const args = [...PROXY_FLAGS, '--input-type=module', '-e', program];
  // two halves
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })), [2 * 2, 2 * 4]);
});
