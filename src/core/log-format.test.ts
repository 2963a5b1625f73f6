import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logFormatFault } from './log-format.ts';

test('every % begins a command', () => {
  for (const format of ['', 'plain', '100%%', '%REQ(:PATH)%', '%REQ(X?Y):10% %%%DURATION%', '%COALESCE({"a":1})%', '%START_TIME(%s)%'])
    assert.equal(logFormatFault(format), undefined, format);
  for (const format of ['100%', '%REQ(:PATH%', '%req(x)%', '%DURATION% %', '%%%'])
    assert.deepEqual(logFormatFault(format), { kind: 'syntax' }, format);
});

test('a command is one that proxies have, as they have it', () => {
  const cases = [
    ['%PROTOCOL% %UNKNOWN%', { kind: 'unknown', name: 'UNKNOWN' }],
    ['%LISTENER_NAME%', { kind: 'unsupported', name: 'LISTENER_NAME' }],
    ['%PROTOCOL(x)%', { kind: 'argument', name: 'PROTOCOL' }],
    ['%REQ%', { kind: 'no-argument', name: 'REQ' }],
  ] as const;
  for (const [format, fault] of cases) assert.deepEqual(logFormatFault(format), fault, format);
});
