import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { CODE_BITS, CODES, EOS } from './huffman-code.ts';
import { decodeHuffman, roomToDecode } from './huffman-decode.ts';
import { encodeHuffman, huffmanBytes } from './huffman-encode.ts';

function decode(bytes: Uint8Array): string | undefined {
  const out = new Uint8Array(roomToDecode(bytes.length));
  const count = decodeHuffman(bytes, 0, bytes.length, out);
  assert.ok(count <= out.length);
  return count < 0 ? undefined : Buffer.from(out.subarray(0, count)).toString('latin1');
}

/** Bit by bit against the table of codes: slow, and too plain to be wrong. */
function decodePlainly(bytes: Uint8Array): string | undefined {
  const symbols = new Map([...CODES].map((code, symbol) => [`${CODE_BITS[symbol]}:${code}`, symbol]));
  let text = '';
  let code = 0;
  let bits = 0;
  for (const byte of bytes) {
    for (let i = 7; i >= 0; i--) {
      code = ((code << 1) | ((byte >> i) & 1)) >>> 0;
      bits++;
      const symbol = symbols.get(`${bits}:${code}`);
      if (symbol === undefined) continue;
      if (symbol === EOS) return undefined;
      text += String.fromCharCode(symbol);
      code = 0;
      bits = 0;
    }
  }
  return bits < 8 && code === 2 ** bits - 1 ? text : undefined;
}

const EXAMPLES: readonly [text: string, hex: string][] = [
  ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
  ['no-cache', 'a8eb10649cbf'],
  ['custom-value', '25a849e95bb8e8b4bf'],
  ['302', '6402'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
  ['', ''],
];

for (const [text, hex] of EXAMPLES) {
  test(`Huffman code of '${text}'`, () => {
    assert.equal(Buffer.from(encodeHuffman(text), 'latin1').toString('hex'), hex);
    assert.equal(decode(Buffer.from(hex, 'hex')), text);
  });
}

const REFUSED: readonly [name: string, hex: string][] = [
  ['padding of eight bits', 'f1e3c2e5f23a6ba0ab90f4ffff'],
  ['padding with zeros', '03'],
  ['nothing but padding', 'ff'],
  ['EOS', 'fffffffc'],
  ['EOS behind a character', '1fffffffff'],
  ['a code that is cut off', 'fe'],
  ['a long code that is cut off', 'fffffe'],
];

for (const [name, hex] of REFUSED) {
  test(`decodeHuffman() refuses ${name}`, () => assert.equal(decode(Buffer.from(hex, 'hex')), undefined));
}

test('every character goes there and back', () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    for (const text of [character, `a${character}b`, character.repeat(5), `${character}0`, `0${character}`]) {
      const coded = Buffer.from(encodeHuffman(text), 'latin1');
      assert.equal(coded.length, huffmanBytes(text));
      assert.equal(decode(coded), text);
    }
  }
});

test('any bytes go there and back', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    assert.equal(decode(Buffer.from(encodeHuffman(text), 'latin1')), text);
  });
  fc.assert(property, { numRuns: fuzzRuns(500) });
});

test('any bytes decode as by the plainest decoder', () => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0xff, 0xfe, 0x7f));
  const property = fc.property(fc.array(byte, { maxLength: 12 }), (bytes) => {
    assert.equal(decode(Uint8Array.from(bytes)), decodePlainly(Uint8Array.from(bytes)));
  });
  fc.assert(property, { numRuns: fuzzRuns(500) });
});
