import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { numberOf, numberOfId } from './id-number.ts';
import type { MadeId } from './ids.ts';
import { fakeInfo, fakeRequest } from './testing/fake-stream.ts';

test('the first eight hex digits are the number; anything else is none', () => {
  const likely = fc.string({
    unit: fc.constantFrom('0', '5', '9', 'a', 'f', 'A', 'F', 'g', 'G', '/', ':', '@', '`', 'x', '-', 'é'),
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.oneof(likely, fc.uuid(), fc.string()), (id) => {
      const digits = id.slice(0, 8);
      assert.equal(numberOfId(id), /^[0-9a-f]{8}$/i.test(digits) ? Number.parseInt(digits, 16) : -1);
    }),
  );
});

test('an id that was made here has its number beside it, until it is another one', () => {
  const made = { text: '0000000a-0000-4000-8000-000000000000', number: 10 };
  const numberOfRequest = (fields: Record<string, string>, madeId: MadeId | undefined) =>
    numberOf(fakeInfo({ request: fakeRequest({}, fields), madeId }));
  assert.equal(numberOfRequest({ 'x-request-id': made.text }, made), 10);
  assert.equal(numberOfRequest({ 'x-request-id': '0000000b' }, made), 11);
  assert.equal(numberOfRequest({ 'x-request-id': '0000000b' }, undefined), 11);
  assert.equal(numberOfRequest({ 'x-request-id': 'mine' }, made), -1);
  assert.equal(numberOfRequest({}, made), -1);
});
