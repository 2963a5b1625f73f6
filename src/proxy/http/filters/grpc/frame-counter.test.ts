import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameCounter } from './frame-counter.ts';

function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 0xff);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

test('messages count from their first byte on, wherever the pieces end', () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(lengths, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (all, sizes) => {
      const body = Buffer.concat(all.map(message));
      const starts = all.map((_, i) => all.slice(0, i).reduce((sum, length) => sum + length + 5, 0));
      const counter = new FrameCounter();
      let at = 0;
      for (let i = 0; at < body.length; i++) {
        const end = Math.min(body.length, at + (sizes[i % sizes.length] ?? 1));
        const begun = counter.inspect(body.subarray(at, end));
        assert.equal(begun, starts.filter((start) => start >= at && start < end).length);
        at = end;
      }
      assert.equal(counter.frames, all.length);
    }),
  );
});
