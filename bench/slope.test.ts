import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slopeOf } from './slope.ts';

const points = (count: number, value: (hours: number, i: number) => number): { hours: number; value: number }[] =>
  Array.from({ length: count }, (_, i) => ({ hours: i / 1000, value: value(i / 1000, i) }));

test('slopeOf() finds the slope of a line, and is sure of it', () => {
  const { perHour, plusMinus } = slopeOf(points(300, (hours) => 90 + 12 * hours));
  assert.ok(Math.abs(perHour - 12) < 1e-6);
  assert.ok(plusMinus < 1e-6);
});

test('slopeOf() takes a sawtooth without growth for flat, within what it is sure of', () => {
  const { perHour, plusMinus } = slopeOf(points(300, (_, i) => 90 + (i % 37) / 10));
  assert.ok(Math.abs(perHour) < plusMinus);
  assert.ok(plusMinus > 1);
});

// y = 0, 2, 1 at 0, 1, 2 (times 1/1000): slope 0.5, residual 1.5 with one degree of freedom, spread 2
test('slopeOf() gives the interval of the textbook where points are few', () => {
  const { perHour, plusMinus } = slopeOf(points(3, (_, i) => [0, 2, 1][i] ?? 0));
  assert.ok(Math.abs(perHour - 500) < 1e-9);
  assert.ok(Math.abs(plusMinus - (1.96 + 2.372 + 2.823) * Math.sqrt(1.5 / 2) * 1000) < 1e-6);
});
