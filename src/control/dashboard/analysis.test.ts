import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnalysis } from './analysis.ts';

test('a mesh is analysed once, another one anew, and after a failure again', async () => {
  let runs = 0;
  let isBroken = false;
  const analysis = createAnalysis({
    run() {
      runs += 1;
      return isBroken ? Promise.reject(new Error('no')) : Promise.resolve(runs);
    },
  });
  assert.deepEqual(await Promise.all([analysis.of(1), analysis.of(1)]), [
    { generation: 1, findings: 1 },
    { generation: 1, findings: 1 },
  ]);
  assert.deepEqual(await analysis.of(2), { generation: 2, findings: 2 });
  isBroken = true;
  await assert.rejects(analysis.of(3));
  isBroken = false;
  assert.deepEqual(await analysis.of(3), { generation: 3, findings: 4 });
});
