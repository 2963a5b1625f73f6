import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type StateDir, stateDirAt } from '../state-dir.ts';

const main = path.join(import.meta.dirname, '../main.ts');

function stateFor(context: TestContext): StateDir {
  const state = stateDirAt(mkdtempSync(path.join(tmpdir(), 'tulle-watch-')));
  context.after(() => rmSync(state.root, { recursive: true, force: true }));
  return state;
}

/** A control plane that knows one edge with so many requests a second; `onLook` is called for each look at it. */
async function control({ adminSocket }: StateDir, rate: number, onLook: () => void): Promise<Server> {
  const row = { source: 'shop/web', destination: 'shop/pay', protocol: 'http', requestsPerSecond: rate };
  const server = createServer((_request, response) => {
    response.end(JSON.stringify({ rows: [row] }));
    response.once('close', onLook);
  }).listen(adminSocket);
  await once(server, 'listening');
  return server;
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

/** Runs `command` in `sh`, with a control plane that goes after one look and comes again; all that was written. */
async function watchRestart(context: TestContext, command: readonly [string, ...string[]]): Promise<string> {
  const state = stateFor(context);
  const looked = Promise.withResolvers<void>();
  const first = await control(state, 111, looked.resolve);
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, TULLE_STATE_DIR: state.root } });
  const exit = once(child, 'exit');
  const written = Promise.all([text(child.stdout), text(child.stderr)]);
  await looked.promise;
  await stop(first);
  await setTimeout(3000);
  const again = Promise.withResolvers<void>();
  const second = await control(state, 222, again.resolve);
  await Promise.race([again.promise, exit]);
  await setTimeout(300);
  // one that has given up is gone already
  if (child.exitCode === null) child.kill('SIGTERM');
  await stop(second);
  return (await written).join('');
}

// they wait for most of their time
describe('a control plane that goes', { concurrency: true }, () => {
  for (const command of ['stat -w', 'edges -w -o json']) {
    test(`tulle ${command} waits for a control plane that restarts`, async (context) => {
      const written = await watchRestart(context, [process.execPath, main, ...command.split(' ')]);
      assert.match(written, /\b111\b[^]*\b222\b/);
      assert.equal(written.match(/the control plane does not answer: waiting for it/g)?.length, 1);
    });
  }

  test('tulle top waits for it on the screen', async (context) => {
    const shell = `stty rows 24 cols 100 && exec ${process.execPath} ${main} top`;
    const written = await watchRestart(context, ['script', '-qec', shell, '/dev/null']);
    assert.match(written, /\b111\b[^]*the control plane does not answer: waiting for it; this was before[^]*\b111\b[^]*\b222\b/);
  });

  test('without a control plane from the start nothing is waited for', async (context) => {
    const state = stateFor(context);
    const child = spawn(process.execPath, [main, 'stat', '-w', '--state-dir', state.root], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    assert.match(said, /no control plane answers/);
    assert.equal(code, 1);
  });
});
