import assert from 'node:assert/strict';
import { createHash, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { NOBODYS_KEYS } from './nobodys-keys.ts';

test('the point is a hash: whoever chose it has no private key to it', () => {
  const { keys } = JSON.parse(NOBODYS_KEYS);
  assert.equal(keys.length, 1);
  assert.equal(keys[0].x, createHash('sha256').update('tulle: nobody has the private key 1').digest('base64url'));
  // it is on the curve: others are refused here
  assert.equal(createPublicKey({ key: keys[0], format: 'jwk' }).asymmetricKeyType, 'ec');
});
