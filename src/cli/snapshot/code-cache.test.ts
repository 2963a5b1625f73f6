import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keepCompiled } from './code-cache.ts';

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  return bytes;
}

function short(value: number): Buffer {
  return long(value).subarray(0, 4);
}

const text = (value: string): Buffer => Buffer.concat([long(value.length), Buffer.from(value, 'latin1')]);

/** A snapshot as Node lays it out, with these compiled modules. */
function snapshotOf(modules: readonly (readonly [name: string, code: string])[]): Buffer {
  const heap = Buffer.alloc(100, 7);
  const metadata = [short(0x143da19), Buffer.of(1), text('24.21.0'), text('x64'), text('linux'), short(0), short(heap.length)];
  const compiled = modules.flatMap(([name, code]) => [text(name), text(code)]);
  return Buffer.concat([...metadata, heap, Buffer.alloc(50, 9), long(modules.length), ...compiled]);
}

test('compiled modules are dropped but for those that are kept', () => {
  const all = [['fs', 'a'.repeat(300)], ['tls', 'code'], ['net', ''], ['http', 'more code']] as const; // prettier-ignore
  const kept = keepCompiled(snapshotOf(all), (name) => name === 'tls' || name === 'http');
  assert.deepEqual(kept, snapshotOf([['tls', 'code'], ['http', 'more code']])); // prettier-ignore
  assert.deepEqual(
    keepCompiled(snapshotOf(all), () => false),
    snapshotOf([]),
  );
});

test('what is laid out in another way is left alone', () => {
  const whole = snapshotOf([['fs', 'code']]);
  const all = (): boolean => true;
  assert.equal(keepCompiled(Buffer.alloc(0), all), undefined);
  assert.equal(keepCompiled(whole.subarray(0, whole.length - 1), all), undefined, 'cut');
  assert.equal(keepCompiled(Buffer.concat([whole, Buffer.of(0)]), all), undefined, 'longer');
  assert.equal(keepCompiled(Buffer.concat([Buffer.of(0), whole]), all), undefined, 'another beginning');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => keepCompiled(Buffer.from(bytes), all) === undefined));
});
