import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type StateDir, stateDirAt } from './state-dir.ts';

const main = path.join(import.meta.dirname, 'main.ts');

/** Serves `answer` as a control plane. */
async function control(context: TestContext, answer: RequestListener): Promise<StateDir> {
  const state = stateDirAt(mkdtempSync(path.join(tmpdir(), 'tulle-enough-')));
  const server = createServer(answer).listen(state.adminSocket);
  context.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(state.root, { recursive: true, force: true });
  });
  await once(server, 'listening');
  return state;
}

/** A tap that nothing comes of, kept lists that are empty, and rows of which there are none. */
const QUIET: RequestListener = (request, response) => {
  response.writeHead(200);
  if (request.url?.includes('watch=true') === true) response.write('{"tellers":1,"concerned":1}\n');
  else response.end('{}');
};

/** How `child` ended; undefined where it goes on for ten seconds. */
async function endOf(child: ChildProcess): Promise<unknown> {
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  const [code, signal]: unknown[] = await once(child, 'exit');
  clearTimeout(timer);
  return code ?? signal;
}

const WATCHES = ['tap', 'flows -w', 'stat -w', 'edges -w'] as const;

for (const command of WATCHES) {
  test(`tulle ${command} ends when its reader does, though nothing comes`, async (context) => {
    let looks = 0;
    const state = await control(context, (request, response) => {
      if (request.url?.startsWith('/api/signals') === true) looks++;
      QUIET(request, response);
    });
    const script = `{ "$@"; echo $? >&2; } | { read line; exec sleep 0; }`;
    const args = ['-c', script, 'sh', process.execPath, main, ...command.split(' '), '--state-dir', state.root];
    const child = spawn('sh', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (chunk) => (said += String(chunk)));
    assert.equal(await endOf(child), 0);
    assert.match(said, /^0$/m);
    assert.ok(looks <= 1, 'a second look, two seconds later, would have noticed it without watching');
  });
}

for (const command of WATCHES) {
  test(`tulle ${command} that is ended by Ctrl-C has not failed`, async (context) => {
    const state = await control(context, QUIET);
    const child = spawn(process.execPath, [main, ...command.split(' '), '--state-dir', state.root], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    // as from the terminal, and passed on by bin/tulle
    child.kill('SIGINT');
    child.kill('SIGINT');
    assert.equal(await endOf(child), 0);
  });
}
