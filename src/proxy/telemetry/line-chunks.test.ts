import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LineChunks } from './line-chunks.ts';

/** Takes everything, giving chunks back as a file would. */
function drain(chunks: LineChunks): string {
  let text = '';
  for (let chunk = chunks.take(); chunk !== undefined; chunk = chunks.take()) {
    text += chunk.bytes.toString('latin1', 1, chunk.end);
    chunks.release(chunk);
  }
  return text;
}

test('lines come out as they went in, whatever is in them and wherever chunks end', () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.integer({ min: 0, max: 300_000 }).map((n) => 'é'.repeat(n)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(part, fc.boolean()), { maxLength: 30 }), (all) => {
      const chunks = new LineChunks();
      let [out, want] = ['', ''];
      for (const [text, isDrained] of all) {
        want += `${text}\n`;
        chunks.add(`${text}\n`);
        if (isDrained) out += drain(chunks);
      }
      out += drain(chunks);
      assert.equal(out, want);
      assert.equal(chunks.size, 0);
    }),
    { numRuns: 50 },
  );
});

test('a chunk is full at 256 KiB, and the next line has one of its own', () => {
  const chunks = new LineChunks();
  const line = `${'x'.repeat(1023)}\n`;
  for (let i = 0; i < 253; i++) chunks.add(line);
  assert.equal(chunks.hasFull, false);
  while (!chunks.hasFull) chunks.add(line);
  const first = chunks.take();
  assert.ok(first !== undefined && first.end <= 256 * 1024);
  assert.equal(first.bytes[first.end - 1], 0x0a);
  const size = chunks.size;
  chunks.release(first);
  assert.equal(chunks.size, size);
});

test('lines that are not bytes yet wait with the others', () => {
  const chunks = new LineChunks();
  chunks.add('one\n');
  assert.ok(chunks.size >= 4);
  chunks.add(`${'x'.repeat(5000)}\n`);
  chunks.add('three\n');
  assert.ok(chunks.size >= 4 + 5001 + 6);
  assert.equal(drain(chunks), `one\n${'x'.repeat(5000)}\nthree\n`);
  assert.equal(chunks.take(), undefined);
});
