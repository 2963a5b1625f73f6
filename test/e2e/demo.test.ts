/** The demo in both modes: every claim holds, and nothing stays behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { canIntercept, leftovers, root } from './harness.ts';

for (const mode of ['explicit', 'transparent'] as const) {
  const skip = mode === 'transparent' && !canIntercept() ? 'needs Linux, root, ip and nft (node tools/install-peers.ts)' : false;
  test(`npm run demo, ${mode} mode`, { skip }, () => {
    const others = new Set(leftovers('tulle-demo-'));
    const run = spawnSync(process.execPath, [path.join(root, 'bin/tulle.js'), 'demo', '--mode', mode], {
      encoding: 'utf8',
      timeout: 180_000,
    });
    assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
    assert.match(run.stdout, /Every claim holds/);
    // what other meshes of this machine have is theirs
    assert.deepEqual(
      leftovers('tulle-demo-').filter((each) => !others.has(each)),
      [],
    );
  });
}
