import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest } from './suggest.ts';

const words = ['retries', 'timeout', 'route', 'rewrite', 'redirect', 'tls'];
const cases: readonly [word: string, want: string | undefined][] = [
  ['retires', 'retries'],
  ['Timeout', 'timeout'],
  ['routes', 'route'],
  ['tsl', 'tls'],
  ['weight', undefined],
  ['', undefined],
  ['r'.repeat(10_000), undefined],
];

for (const [word, want] of cases) test(`closest(${JSON.stringify(word.slice(0, 20))})`, () => assert.equal(closest(word, words), want));
