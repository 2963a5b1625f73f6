import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseThousandths } from './quantity.ts';

const cases: readonly (readonly [text: string, want: number | undefined])[] = [
  ['0', 0],
  ['90', 90_000],
  ['+2', 2_000],
  ['500m', 500],
  ['0.5', 500],
  ['.5', 500],
  ['5.', 5_000],
  ['1500000u', 1_500],
  ['1k', 1_000_000],
  ['1Ki', 1_024_000],
  ['0.5Ki', 512_000],
  ['1e3', 1_000_000],
  ['1E-3', 1],
  ['1E0', 1_000],
  ['100u', undefined],
  ['0.0005', undefined],
  ['-1', undefined],
  ['1E', undefined],
  ['1e99', undefined],
  ['', undefined],
  ['.', undefined],
  ['m', undefined],
  ['1 k', undefined],
  ['1K', undefined],
  ['1.2.3', undefined],
];

for (const [text, want] of cases) test(`quantity "${text}"`, () => assert.equal(parseThousandths(text), want));

test('any number of thousandths is read as it was written', () => {
  const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(fc.property(count, (value) => parseThousandths(`${value}m`) === value));
});

test('any text gives a count or nothing', () => {
  const unit = fc.constantFrom(...Array.from('0123456789.+-eEmukKMiGTP'));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
      const value = parseThousandths(text);
      return value === undefined || (Number.isSafeInteger(value) && value >= 0);
    }),
  );
});
