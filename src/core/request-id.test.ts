import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparableRequestId } from './request-id.ts';

test('the digit that says whether a request is traced makes no difference', () => {
  const id = '40fe9504-77b8-455e-9dd7-0c31744cd4c2';
  for (const digit of ['4', '9', 'a', 'b']) assert.equal(comparableRequestId(`${id.slice(0, 14)}${digit}${id.slice(15)}`), id);
  assert.equal(comparableRequestId(id.toUpperCase()), id);
  assert.notEqual(comparableRequestId(id.replace('0c', '0d')), id);
  for (const other of ['', 'order-9', '0123456789abcd9f']) assert.equal(comparableRequestId(other), other);
});
