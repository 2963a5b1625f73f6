import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { indexedPng } from './indexed-png.ts';

test('pixels are indices of a palette', () => {
  const pixels = Uint8Array.from([255, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0, 255]);
  const png = indexedPng(pixels, 2, 2);
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [2, 2]);
  const palette = png.indexOf('PLTE');
  assert.deepEqual([...png.subarray(palette + 4, palette + 10)], [255, 0, 0, 255, 255, 255]);
  const data = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(data + 4, data + 4 + png.readUInt32BE(data - 4)));
  assert.deepEqual([...rows], [0, 0, 1, 0, 0, 0]);
});
