import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headersOf } from '../../wire/http/headers.ts';
import { backOffMs, isRetriableReset, isRetriableResponse, type ResetReason } from './retry-decision.ts';
import { parseRetryOn } from './retry-policy.ts';
import type { RetryPolicy } from './route.ts';

function policyOf(retryOn: string, codes: readonly number[] = []): RetryPolicy {
  return {
    maxRetries: 1,
    retryOn: parseRetryOn(retryOn).bits,
    retriableStatusCodes: new Set(codes),
    perTryTimeoutMs: 0,
    perTryIdleTimeoutMs: 0,
    baseIntervalMs: 25,
    maxIntervalMs: 250,
    isRetriableResponse: ({ headers }) => headers.get('x-again') === 'yes',
    hostSelectionAttempts: 1,
    avoidsPreviousHosts: false,
  };
}

type Fields = readonly (readonly [string, string])[];
const RESPONSES: readonly (readonly [retryOn: string, status: number, fields: Fields, want: boolean])[] = [
  ['5xx', 500, [], true],
  ['5xx', 499, [], false],
  ['gateway-error', 500, [], false],
  ['gateway-error', 502, [], true],
  ['gateway-error', 504, [], true],
  ['retriable-4xx', 409, [], true],
  ['retriable-4xx', 404, [], false],
  ['retriable-status-codes', 418, [], true],
  ['retriable-status-codes', 500, [], false],
  ['5xx', 418, [], false],
  ['retriable-headers', 200, [['x-again', 'yes']], true],
  ['5xx', 200, [['x-again', 'yes']], false],
  ['envoy-ratelimited', 429, [['x-envoy-ratelimited', 'true']], true],
  ['5xx', 503, [['x-envoy-ratelimited', 'true']], false],
  ['cancelled', 200, [['grpc-status', '1']], true],
  ['deadline-exceeded', 200, [['grpc-status', '4']], true],
  ['resource-exhausted', 200, [['grpc-status', '8']], true],
  ['internal', 200, [['grpc-status', '13']], true],
  ['unavailable', 200, [['grpc-status', '14']], true],
  ['unavailable', 200, [['grpc-status', '0']], false],
  ['unavailable', 503, [], false],
];

for (const [retryOn, status, fields, want] of RESPONSES) {
  test(`${retryOn}: ${status} ${fields.join(' ')} is ${want ? '' : 'not '}retried`, () => {
    const head = { status, headers: headersOf(fields), contentLength: 0 };
    assert.equal(isRetriableResponse(policyOf(retryOn, [418]), head), want);
  });
}

const RESETS: readonly (readonly [retryOn: string, reason: ResetReason, wasSent: boolean, want: boolean])[] = [
  ['5xx', 'connection termination', true, true],
  ['gateway-error', 'per-try timeout', true, true],
  ['reset', 'connection termination', true, true],
  ['reset-before-request', 'connection termination', true, false],
  ['reset-before-request', 'connection failure', false, true],
  ['connect-failure', 'connection failure', false, true],
  ['connect-failure', 'connection timeout', false, true],
  ['connect-failure', 'connection termination', true, false],
  ['refused-stream', 'refused stream', true, true],
  ['retriable-4xx', 'connection failure', false, false],
  ['5xx,reset,connect-failure', 'overflow', false, false],
];

for (const [retryOn, reason, wasSent, want] of RESETS) {
  test(`${retryOn}: ${reason} ${wasSent ? 'after' : 'before'} sending is ${want ? '' : 'not '}retried`, () => {
    assert.equal(isRetriableReset(policyOf(retryOn), reason, wasSent), want);
  });
}

test('back-off is uniform below (2^n - 1) * base, and capped', () => {
  const policy = policyOf('5xx');
  for (const [attempt, ceilingMs] of [
    [1, 25],
    [2, 75],
    [3, 175],
    [4, 250],
    [60, 250],
  ] as const) {
    assert.equal(backOffMs(policy, attempt, 0), 0);
    assert.equal(backOffMs(policy, attempt, 0.9999999), ceilingMs - 1);
  }
});

test('unknown words are told', () => {
  assert.deepEqual(parseRetryOn('5xx, what,').unknown, ['what']);
});
