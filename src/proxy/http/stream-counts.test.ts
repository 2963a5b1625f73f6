import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from '../telemetry/registry.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { createHcmStats } from './hcm-stats.ts';
import { countStream } from './stream-counts.ts';

const CASES: readonly (readonly [name: string, info: Parameters<typeof fakeInfo>[0], isReplaced: boolean, ownMs: number | undefined])[] = [
  ['what is not between the first byte to the host and its last one', {}, false, 13.75],
  ['nothing where the host alone took time', { upstreamSendMs: 1000, upstreamEndMs: 1020.75 }, false, 0],
  ['not of an answer of our own', { upstreamEndMs: 0, upstreamSendMs: 0 }, false, undefined],
  ['not of a request that was tried again', { attempts: 2 }, false, undefined],
  ['not of what went on as another request', {}, true, undefined],
];

for (const [name, info, isReplaced, ownMs] of CASES) {
  test(`time in the proxy: ${name}`, () => {
    const stats = createHcmStats(createStats(), 'inbound');
    countStream(stats, fakeInfo(info), isReplaced);
    assert.equal(stats.ownTime.count, ownMs === undefined ? 0 : 1);
    assert.equal(stats.ownTime.sum, ownMs ?? 0);
  });
}
