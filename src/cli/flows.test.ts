import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summary } from './flows.ts';

const answer = { kept: { flows: 1209 }, lost: { aged: 3, byProxies: 2, unreadable: 0 } };

test('what is shown of what is kept', () => {
  assert.equal(summary(7, '100', answer), '7 of 1209 that are kept; 3 older ones are not kept any more; 2 did not come here');
  assert.match(summary(100, '100', answer), /^100 of 1209 that are kept; the newest 100 that match: --limit shows more; /);
});
