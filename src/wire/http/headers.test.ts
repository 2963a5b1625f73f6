import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRequestDecoder } from '../http1/decoder.ts';
import { fieldName, fixedField, HeaderBlock, headersOf } from './headers.ts';

function parse(fields: string): HeaderBlock {
  let block = new HeaderBlock();
  const decoder = createRequestDecoder({ onHead: (head) => (block = head.headers), onBody() {}, onEnd() {} });
  decoder.feed(Buffer.from(`GET / HTTP/1.1\r\nhost: a\r\n${fields}\r\n`, 'latin1'));
  assert.equal(decoder.error, undefined);
  return block;
}

test('unchanged lines leave as they came, changed ones do not', () => {
  const block = parse('A: 1\r\nConnection: close\r\nB:2\r\nC:  3 \r\n');
  assert.equal(block.toText(), 'A: 1\r\nB:2\r\nC:  3 \r\n');
  block.set('b', 'x');
  assert.equal(block.toText(), 'A: 1\r\nC:  3 \r\nb: x\r\n');
  block.remove('c');
  block.add('a', '2');
  assert.equal(block.toText(), 'A: 1\r\nb: x\r\na: 2\r\n');
  assert.deepEqual(block.getAll('a'), ['1', '2']);
  assert.equal(block.size, 3);
});

test('a clone is independent', () => {
  const block = parse('a: 1\r\n');
  const copy = block.clone();
  block.remove('a');
  copy.add('b', '2');
  assert.equal(block.toText(), '');
  assert.equal(copy.toText(), 'a: 1\r\nb: 2\r\n');
});

test('a field that was prepared is a field like others', () => {
  const block = parse('a: 1\r\n');
  block.setFixed(fixedField('a', '2\r\n3'));
  block.set('b', '');
  assert.equal(block.toText(), 'a: 2??3\r\nb: \r\n');
  assert.deepEqual(block.getAll('a'), ['2??3']);
  const lines: string[] = [];
  block.clone().readLines({ line: () => assert.fail('a line is left'), field: (name, value) => lines.push(`${name}=${value}`) });
  assert.deepEqual(lines, ['a=2??3', 'b=']);
});

test('no value can break a line, not even by a character that loses its high byte', () => {
  assert.equal(headersOf([['x', 'a\r\nb\u010ac\0']]).toText(), 'x: a??b?c?\r\n');
});

const name = fc.stringMatching(/^[a-z][a-z-]{0,5}$/).filter((text) => !['te', 'host', 'expect'].includes(text));
const value = fc.stringMatching(/^[a-z0-9]{0,5}$/);
const change = fc.tuple(fc.constantFrom('set', 'plain', 'fix', 'add', 'remove', 'prepared remove'), name, value);

test('a block does what a plain list would', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.array(change), fc.array(name), (fields, changes, others) => {
      const block = parse(fields.map(([key, text]) => `${key.toUpperCase()}: ${text}\r\n`).join(''));
      let list = fields.map(([key, text]) => [key, text]);
      for (const [kind, key, text] of changes) {
        if (kind !== 'add') list = list.filter(([other]) => other !== key);
        if (!kind.endsWith('remove')) list.push([key, text]);
        if (kind === 'set') block.set(key, text);
        else if (kind === 'plain') block.setPlain(fieldName(key), text);
        else if (kind === 'fix') block.setFixed(fixedField(key, text));
        else if (kind === 'add') block.add(key, text);
        else block.remove(kind === 'remove' ? key : fieldName(key));
      }
      const seen: string[][] = [];
      block.forEach((key, text) => seen.push([key, text]));
      assert.deepEqual(seen, list);
      assert.equal(block.size, list.length);
      // names that are there, and such as are not
      for (const key of [...list.map(([own = '']) => own), ...others]) {
        const values = list.filter(([other]) => other === key).map(([, text]) => text);
        for (const asked of [key, fieldName(key)]) {
          assert.deepEqual([block.get(asked), block.has(asked), block.getAll(asked)], [values[0], values.length > 0, values]);
        }
      }
    }),
  );
});
