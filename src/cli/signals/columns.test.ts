import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatHost, formatIdentity, formatLatency, formatRate, formatShare } from './columns.ts';

test('numbers are said in few characters, and not as more than they are', () => {
  assert.deepEqual([0, 0.04, 9.876, 12.34, 123.4, 1234, 12_345, 12_345_678].map(formatRate), [
    '0.00',
    '0.04',
    '9.88',
    '12.3',
    '123',
    '1234',
    '12.3k',
    '12.3M',
  ]);
  assert.deepEqual([undefined, 0.42, 9.96, 12.3, 999, 1250, 12_345].map(formatLatency), [
    '-',
    '0.4ms',
    '10.0ms',
    '12ms',
    '999ms',
    '1.25s',
    '12s',
  ]);
  assert.deepEqual([0, 0.00001, 0.5, 0.99999, 1].map(formatShare), ['0%', '0.01%', '50.0%', '99.99%', '100%']);
  assert.deepEqual([0, 12, 3400, 5_600_000, 7e9].map(formatBytes), ['0B', '12B', '3.4kB', '5.6MB', '7.0GB']);
});

test('names are said without what all have in common', () => {
  assert.deepEqual(['pay.shop.svc.cluster.local', 'shop/web', 'unknown/unknown'].map(formatHost), ['pay.shop', 'shop/web', 'unknown']);
});

test('identities are said without what they have in common', () => {
  assert.equal(formatIdentity('spiffe://cluster.local/ns/shop/sa/web'), 'shop/web');
  assert.equal(formatIdentity('spiffe://other/thing'), 'spiffe://other/thing');
  assert.equal(formatIdentity(undefined), '-');
});
