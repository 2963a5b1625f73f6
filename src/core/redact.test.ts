import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSecretName, redactHeader, redactPath } from './redact.ts';

const SECRET = [
  'authorization',
  'Proxy-Authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-auth-token',
  'x-amz-security-token',
  'x-csrf-token',
  'apiKey',
  'access_token',
  'accessToken',
  'client_secret',
  'password',
  'sig',
  'X-Amz-Signature',
];
const OPEN = [
  'accept',
  'user-agent',
  'x-request-id',
  'author',
  'keyboard',
  'monkey',
  'x-user',
  'tokenizer',
  'passenger',
  'content-type',
  'design',
];

for (const name of SECRET) test(`${name} is secret`, () => assert.ok(isSecretName(name)));
for (const name of OPEN) test(`${name} is not secret`, () => assert.ok(!isSecretName(name)));

const PATHS: readonly (readonly [path: string, want: string])[] = [
  ['/a', '/a'],
  ['/a?', '/a?'],
  ['/a?b=1&c=2', '/a?b=1&c=2'],
  ['/a?token=abc&c=2', '/a?token=[redacted]&c=2'],
  ['/a?c=2&access_token=a=b', '/a?c=2&access_token=[redacted]'],
  ['/a?to%6ben=abc', '/a?to%6ben=[redacted]'],
  ['/a?x;password=1;y=2', '/a?x;password=[redacted];y=2'],
  ['/a?password', '/a?password'],
  ['/a?%zz=1&api_key=7#b', '/a?%zz=1&api_key=[redacted]#b'],
];

for (const [path, want] of PATHS) test(`path ${path}`, () => assert.equal(redactPath(path), want));

test('a secret does not come through, and doing it twice changes nothing', () => {
  const words = fc.stringMatching(/^[A-Za-z0-9=%._-]{8,20}$/);
  fc.assert(
    fc.property(
      words,
      fc.constantFrom('token', 'api_key', 'clientSecret', 'pass%77ord'),
      fc.constantFrom('?', '?a=1&', '?b;'),
      (value, name, start) => {
        const once = redactPath(`/x${start}${name}=${value}`);
        assert.ok(!once.includes(value), once);
        assert.equal(redactPath(once), once);
      },
    ),
  );
});

test('headers', () => {
  assert.equal(redactHeader('authorization', 'Bearer x'), '[redacted]');
  assert.equal(redactHeader('x-user', 'ann'), 'ann');
});
