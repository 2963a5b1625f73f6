import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examplesText } from './examples.ts';

test('what an example is for stands beside it where there is room for all', () => {
  const text = examplesText([
    ['tulle a', 'one'],
    ['tulle abc', 'another'],
  ]);
  assert.equal(text, 'Examples:\n  tulle a    one\n  tulle abc  another');
});

test('else it stands below, and no line is wider than a terminal', () => {
  const text = examplesText([
    ['tulle a', 'x'.repeat(60)],
    [`tulle ${'b'.repeat(60)}`, 'y'],
  ]);
  assert.equal(text, `Examples:\n  tulle a\n      ${'x'.repeat(60)}\n  tulle ${'b'.repeat(60)}\n      y`);
  assert.ok(text.split('\n').every((line) => line.length <= 80));
});
