import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizePath, type PathOptions } from './normalize-path.ts';

const BASE: PathOptions = { isNormalized: true, mergesSlashes: false, escapedSlashes: 'keep' };

const CASES: readonly (readonly [options: Partial<PathOptions>, path: string, want: string | undefined])[] = [
  [{}, '/a/b?c=../d', '/a/b?c=../d'],
  [{}, '/a/./b', '/a/b'],
  [{}, '/a/../b', '/b'],
  [{}, '/a/..', '/'],
  [{}, '/a/.', '/a/'],
  [{}, '/..', '/'],
  [{}, '/a/../../b', '/b'],
  [{}, '/%2e%2E/b', '/b'],
  [{}, '/a/%2e%2e/b', '/b'],
  [{}, '/%61%7E%5f', '/a~_'],
  [{}, '/a%2Fb%20c', '/a%2Fb%20c'],
  [{}, '/a\\b', '/a/b'],
  [{}, '/a//b', '/a//b'],
  [{}, '/.hidden/..a', '/.hidden/..a'],
  [{}, '*', '*'],
  [{ mergesSlashes: true }, '/a///b//?//', '/a/b/?//'],
  [{ isNormalized: false }, '/a/../b', '/a/../b'],
  [{ escapedSlashes: 'reject' }, '/a%2fb', undefined],
  [{ escapedSlashes: 'reject' }, '/a?%2f', '/a?%2f'],
  [{ escapedSlashes: 'forward' }, '/a%2F..%5Cb', '/b'],
];

for (const [options, path, want] of CASES) {
  test(`${JSON.stringify(options)} ${path}`, () => {
    assert.equal(normalizePath(path, { ...BASE, ...options })?.path, want);
  });
}

test('normalizing twice changes nothing more', () => {
  for (const [options, path] of CASES) {
    const once = normalizePath(path, { ...BASE, ...options })?.path;
    if (once !== undefined) assert.equal(normalizePath(once, { ...BASE, ...options })?.path, once);
  }
});

test('unescaped slashes can be asked for by a redirect', () => {
  assert.deepEqual(normalizePath('/a%2fb', { ...BASE, escapedSlashes: 'redirect' }), { path: '/a/b', isRedirect: true });
});
