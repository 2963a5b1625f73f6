import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silenceText } from './follow.ts';

test('a tap that nobody answers says why', () => {
  assert.equal(silenceText({ concerned: 2, tellers: 1 }), '');
  assert.match(silenceText({ concerned: 0, tellers: 0 }), /^no connected proxy is concerned/);
  assert.match(silenceText({ concerned: 2, tellers: 0 }), /spec\.flows\.enabled/);
});
