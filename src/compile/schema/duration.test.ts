import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs } from './duration.ts';

const cases: readonly [text: string, want: number | undefined][] = [
  ['0', 0],
  ['0s', 0],
  ['250ms', 250],
  ['3s', 3_000],
  ['0.5s', 500],
  ['1h30m', 5_400_000],
  ['1h1m1s1ms', 3_661_001],
  ['500us', 0.5],
  ['', undefined],
  ['3', undefined],
  ['3 s', undefined],
  ['-1s', undefined],
  ['s', undefined],
  ['1d', undefined],
  ['1s1', undefined],
  ['9'.repeat(80) + 's', undefined],
];

for (const [text, want] of cases) test(`parseDurationMs(${JSON.stringify(text)})`, () => assert.equal(parseDurationMs(text), want));
