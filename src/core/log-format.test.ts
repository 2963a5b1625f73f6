import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLogFormat } from './log-format.ts';

test('every % begins a command', () => {
  for (const format of ['', 'plain', '100%%', '%REQ(:PATH)%', '%REQ(X?Y):10% %%%DURATION%', '%COALESCE({"a":1})%'])
    assert.ok(isLogFormat(format), format);
  for (const format of ['100%', '%REQ(:PATH%', '%req(x)%', '%DURATION% %', '%%%']) assert.ok(!isLogFormat(format), format);
});
