import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, countText, durationText, rateText, shareText, spanText, whenText } from './format.ts';

const CASES: readonly (readonly [string, string])[] = [
  [rateText(0), '–'],
  [rateText(0.004), '<0.01/s'],
  [rateText(0.5), '0.5/s'],
  [rateText(12.34), '12.3/s'],
  [rateText(999.6), '1000/s'],
  [rateText(45_600), '45.6k/s'],
  [shareText(0), '0%'],
  [shareText(0.00001), '<0.01%'],
  [shareText(0.0314), '3.14%'],
  [shareText(0.9999), '99.9%'],
  [shareText(1), '100%'],
  [durationText(undefined), '–'],
  [durationText(0.42), '0.42 ms'],
  [durationText(14), '14 ms'],
  [durationText(1200), '1.2 s'],
  [bytesText(18_000_000), '18 MB'],
  [countText(1_234_567), '1\u2009234\u2009567'],
  [spanText(59_000), '59 s'],
  [spanText(7_200_000), '2 h'],
  [spanText(400 * 86_400_000), '400 d'],
  [spanText(3650 * 86_400_000), '9 years'],
  [whenText(1000, 61_000), '1 min ago'],
  [whenText(90_000_000, 0), 'in 1 d'],
];

test('numbers are short', () => {
  for (const [text, want] of CASES) assert.equal(text, want);
});
