#!/usr/bin/env node
// Starts Tulle on the Node it is made for: the running one where it is new enough, else the one that npm
// installed beside us. Runs on Node >= 20, hence plain JavaScript.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 24;

const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];

// Unheard it has Node open its debugger, in processes that hold keys. A proxy opens its access logs anew (src/cli/proxy.ts).
process.on('SIGUSR1', () => {});

const self = fileURLToPath(import.meta.url);

/** The Node that npm installed with this package, if it has one for this system. */
function pinnedNode() {
  try {
    const manifest = createRequire(self).resolve(`node-${process.platform}-${process.arch}/package.json`);
    const binary = path.join(path.dirname(manifest), 'bin/node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** Runs this program again under `node`, as if it had been started so. */
function rerun(node) {
  const child = spawn(node, [...process.execArgv, self, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function fail(message) {
  process.stderr.write(`tulle: ${message}\n`);
  process.exit(1);
}

if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN) {
  module.enableCompileCache();
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const { main } = await import(existsSync(source) ? source.href : new URL('../dist/tulle.js', import.meta.url).href);
  await main(process.argv.slice(2));
} else {
  const node = pinnedNode();
  if (node === undefined) fail(`needs Node ${NODE_MAJOR_MIN} or newer, this is ${process.version}; install it from https://nodejs.org`);
  else rerun(node);
}
