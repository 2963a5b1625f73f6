import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTool } from './tool.ts';

const script = (code: string): readonly [string, ...string[]] => [process.execPath, '-e', code, '--'];

test('a tool’s JSON is its answer, and its arguments are no options of node', async () => {
  const tool = createTool(script('console.log(JSON.stringify(process.argv.slice(1)))'), '/state');
  assert.deepEqual(await tool.run(['explain', '--to=a b;$(c)']), ['explain', '--to=a b;$(c)', '--state-dir', '/state', '-o', 'json']);
});

test('a tool that ends with 1 and JSON has answered: findings are no failure', async () => {
  assert.deepEqual(await createTool(script('console.log("[1]"); process.exit(1)'), '/state').run([]), [1]);
});

test('what a tool says against a question is told', async () => {
  const tool = createTool(script('console.error("tulle: no such host"); process.exit(2)'), '/state');
  await assert.rejects(tool.run([]), { status: 422, message: 'no such host' });
});

test('more questions than are answered at once are refused', async () => {
  const tool = createTool(script('setTimeout(() => console.log("1"), 100)'), '/state');
  const all = await Promise.allSettled([1, 2, 3, 4].map(() => tool.run([])));
  assert.deepEqual(
    all.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
  );
});
