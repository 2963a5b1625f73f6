import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { stateDirAt } from '../state-dir.ts';
import { followFlows } from './follow.ts';

/** Follows what `answer` serves as a control plane; undefined: nobody does. */
async function follow(context: TestContext, answer: RequestListener | undefined): Promise<void> {
  const state = stateDirAt(mkdtempSync(path.join(tmpdir(), 'tulle-follow-')));
  context.after(() => rmSync(state.root, { recursive: true, force: true }));
  if (answer !== undefined) {
    const server = createServer(answer).listen(state.adminSocket);
    context.after(() => server.close());
    await once(server, 'listening');
  }
  await followFlows(state, new URLSearchParams({ status: '9x' }), 'json', []);
}

test('what the control plane refuses is said', async (context) => {
  const refuse: RequestListener = (_request, response) => void response.writeHead(400).end('{"error":"\\"status\\" must be statuses"}');
  await assert.rejects(follow(context, refuse), /"status" must be statuses/);
});

test('that nobody answers is said', async (context) => {
  await assert.rejects(follow(context, undefined), /no control plane answers on .*admin\.sock/);
});

for (const how of ['end', 'destroy'] as const) {
  test(`that the control plane goes is said: ${how}`, async (context) => {
    const leave: RequestListener = (_request, response) => {
      response.writeHead(200).flushHeaders();
      setTimeout(() => (how === 'end' ? response.end() : response.destroy()), 50);
    };
    await assert.rejects(follow(context, leave), /the control plane ended, or began again/);
  });
}
