import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FieldMaskSchema, ListValueSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { ProtoWriter } from './proto-writer.ts';

test('messages within messages have the length that they come to, be they as long as they may', () => {
  for (const length of [
    0, 1, 41, 42, 43, 47, 48, 49, 123, 124, 125, 126, 127, 128, 1000, 1024, 16_379, 16_380, 16_381, 16_384, 3_000_000,
  ]) {
    for (const character of ['a', 'ü', '€', '😀']) {
      const text = character.repeat(length / character.length);
      // Value.list_value of Values with text
      const writer = new ProtoWriter();
      const first = writer.begin(1);
      const list = writer.begin(6);
      for (const each of [text, 'end']) writer.nested(1, (value) => value.text(3, each));
      const bytes = writer.end(list).end(first).take();
      const value = (kind: string) => ({ kind: { case: 'stringValue' as const, value: kind } });
      const inner = { values: [value(text), value('end')] };
      const message = create(ListValueSchema, { values: [{ kind: { case: 'listValue', value: inner } }] });
      assert.ok(bytes.equals(toBinary(ListValueSchema, message)), `${length} of ${character}`);
    }
  }
});

test('text is UTF-8 wherever it stops being ASCII', () => {
  for (const text of ['ü', 'abcü', `${'a'.repeat(47)}ü`, `${'a'.repeat(48)}ü`, 'a\u007f', 'a\u0080', '\ud800 alone']) {
    const bytes = new ProtoWriter().text(1, text).text(1, 'next').take();
    assert.deepEqual(fromBinary(FieldMaskSchema, bytes).paths, [text.toWellFormed(), 'next']);
  }
});

test('a message that is begun anew does not change the one before', () => {
  const writer = new ProtoWriter();
  const first = writer.text(1, 'a').take();
  const second = writer.clear().text(1, 'b'.repeat(2000)).take();
  assert.deepEqual(fromBinary(FieldMaskSchema, first).paths, ['a']);
  assert.deepEqual(fromBinary(FieldMaskSchema, second).paths, ['b'.repeat(2000)]);
});

test('numbers have as many bytes as they need', () => {
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 127, 2 ** 42, 2 ** 53]) {
    const { seconds } = fromBinary(TimestampSchema, new ProtoWriter().integer(1, value).take());
    assert.equal(seconds, BigInt(value));
    const message = toBinary(TimestampSchema, create(TimestampSchema, { seconds }));
    assert.deepEqual(Buffer.from(message), new ProtoWriter().someInteger(1, value).take());
  }
});
