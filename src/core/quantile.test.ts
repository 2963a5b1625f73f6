import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantileOf } from './quantile.ts';

test('quantiles as histogram_quantile has them', () => {
  const bounds = [1, 2, 4];
  const cases = [
    { counts: [0, 0, 0, 0], q: 0.5, want: undefined },
    { counts: [10, 0, 0, 0], q: 0.5, want: 0.5 },
    { counts: [10, 10, 0, 0], q: 0.5, want: 1 },
    { counts: [10, 10, 0, 0], q: 0.75, want: 1.5 },
    { counts: [0, 0, 10, 0], q: 0.5, want: 3 },
    { counts: [10, 0, 10, 0], q: 1, want: 4 },
    // above the last bound nothing is known but that
    { counts: [1, 0, 0, 99], q: 0.99, want: 4 },
  ];
  for (const { counts, q, want } of cases) assert.equal(quantileOf(bounds, counts, q), want, JSON.stringify({ counts, q }));
});
