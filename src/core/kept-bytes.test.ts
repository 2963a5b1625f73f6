import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeptBytes } from './kept-bytes.ts';

const contents = (kept: KeptBytes): string => Buffer.concat(kept.pieces).toString('latin1');

test('what was appended comes back in order, whatever was taken between', () => {
  const step = fc.oneof(fc.constant('shift' as const), fc.uint8Array({ maxLength: 3000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const kept = new KeptBytes();
      let want = '';
      for (const each of steps) {
        if (each === 'shift') want = want.slice(kept.shift()?.length ?? 0);
        else {
          kept.append(each);
          want += Buffer.from(each).toString('latin1');
          // it was borrowed
          each.fill(0xa5);
        }
        assert.equal(contents(kept), want);
        assert.equal(kept.bytes, want.length);
      }
    }),
    { numRuns: 200 },
  );
});

test('a piece that was taken, or looked at, does not change', () => {
  const kept = new KeptBytes();
  for (const letter of 'abc') kept.append(Buffer.from(letter));
  const seen = [...kept.pieces];
  kept.shift();
  const taken = kept.shift();
  kept.append(Buffer.from('d'));
  kept.append(Buffer.from('e'));
  assert.equal(taken?.toString(), 'bc');
  assert.equal(Buffer.concat(seen).toString(), 'abc');
  assert.equal(contents(kept), 'de');
});

test('single bytes share a few blocks', () => {
  const kept = new KeptBytes();
  for (let i = 0; i < 100_000; i++) kept.append(Buffer.of(i % 256));
  assert.equal(kept.bytes, 100_000);
  assert.ok(kept.pieces.length < 30, `${kept.pieces.length} pieces`);
});

test('nothing is left after clear', () => {
  const kept = new KeptBytes();
  kept.append(Buffer.from('abc'));
  kept.clear();
  assert.equal(kept.bytes, 0);
  assert.deepEqual(kept.pieces, []);
});
