import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { bytesOf, textOf } from './byte-text.ts';

test('text becomes bytes and text again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const bytes = bytesOf(text);
      assert.equal(Buffer.from(bytes, 'latin1').toString('utf8'), text);
      assert.equal(textOf(bytes), text);
    }),
  );
});

for (const [name, bytes, text] of [
  ['ASCII', 'plain', 'plain'],
  ['UTF-8', 'caf\u00c3\u00a9', 'café'],
  ['a byte that is no UTF-8', 'bad\u00e9byte', 'badébyte'],
  ['a mark of order', '\u00ef\u00bb\u00bfx', '\ufeffx'],
] as const) {
  test(`bytes as text: ${name}`, () => assert.equal(textOf(bytes), text));
}

test('what is no character becomes U+FFFD', () => assert.equal(bytesOf('\ud800'), '\u00ef\u00bf\u00bd'));
