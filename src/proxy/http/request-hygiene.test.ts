import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReferer } from './request-hygiene.ts';

test('a Referer tells neither a user nor a fragment', () => {
  const good = ['http://a.test/x?y', 'HTTPS://a.test:8080', 'ftp://a.test/x', 'http://a.test/x@y', '/path?query=a/b:c@d', '/a%20b', ''];
  const bad = ['http://user:password@a.test/', 'http://a.test/#part', '/path#part', 'path:to/it', 'about:blank', '/a b', '/a"b'];
  assert.deepEqual(good.filter(isReferer), good);
  assert.deepEqual(bad.filter(isReferer), []);
});
