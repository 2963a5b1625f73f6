import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { numberOfId } from './id-number.ts';

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
