import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../core/clock.ts';
import { timersOf } from '../../timers.ts';
import { createStats } from '../registry.ts';
import { AlsStream } from './als-stream.ts';

test('a stream that is over leaves nothing behind that would have ended it', async () => {
  const target = { kind: 'grpc', cluster: 'nowhere', authority: '', timeoutMs: 0, metadata: [] } as const;
  const common = { logName: 'log', target, flushIntervalMs: 0, bufferBytes: 0, filterState: [], tags: [] };
  const settings = { ...common, kind: 'http', requestFields: [], responseFields: [], trailerFields: [] } as const;
  const clock = { ...systemClock };
  const clusters = { get: () => undefined, request() {}, forEach() {} };
  const scope = {
    stats: createStats(),
    clusters,
    clock,
    node: { id: '', cluster: '', metadata: {} },
    direction: 'inbound',
    listenerMetadata: {},
  } as const;
  const stream = new AlsStream(settings, scope, new Uint8Array());
  for (let i = 0; i < 3; i++) {
    const isTaken = await new Promise((resolve) => {
      stream.send(new Uint8Array(8), resolve);
      assert.equal(timersOf(clock).size, 1);
    });
    assert.equal(isTaken, false);
    assert.equal(timersOf(clock).size, 0);
  }
});
