import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkToken, readDashboardAddress } from './address.ts';

test('addresses are read', () => {
  const cases = [
    ['auto', '127.0.0.1', 15_080, true],
    ['127.0.0.1:0', '127.0.0.1', 0, true],
    ['[::1]:80', '::1', 80, true],
    ['localhost:80', 'localhost', 80, true],
    ['0.0.0.0:80', '0.0.0.0', 80, false],
    ['[::]:80', '::', 80, false],
    ['127.example:80', '127.example', 80, false],
  ] as const;
  for (const [text, host, port, isLoopback] of cases) {
    const address = readDashboardAddress(text);
    assert.deepEqual([address.host, address.port, address.isLoopback], [host, port, isLoopback], text);
  }
  for (const text of ['', '80', 'host', 'host:', 'host:99999', 'a:b:1']) assert.throws(() => readDashboardAddress(text), /host:port/, text);
});

test('what others reach needs a token, and one that cannot be guessed', () => {
  const [near, far] = [readDashboardAddress('127.0.0.1:1'), readDashboardAddress('0.0.0.0:1')];
  assert.doesNotThrow(() => checkToken(near, undefined));
  assert.throws(() => checkToken(far, undefined), /--dashboard-token-file/);
  assert.throws(() => checkToken(far, 'short'), /shorter than 16/);
  assert.throws(() => checkToken(near, ''), /shorter than 16/);
  assert.doesNotThrow(() => checkToken(far, '0123456789abcdef'));
});
