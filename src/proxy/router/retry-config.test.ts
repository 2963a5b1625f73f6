import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { fakeResponse } from '../telemetry/testing/fake-stream.ts';
import { rateLimitedBackOffMs } from './rate-limited-back-off.ts';
import { levelsTried } from './retry-hosts.ts';
import { retryBit } from './retry-policy.ts';
import { forwardOf } from './testing/routes.ts';

const any = (type: string, more: JsonObject = {}): JsonObject => ({
  '@type': `type.googleapis.com/envoy.extensions.retry.${type}`,
  ...more,
});

function policyOf(policy: JsonObject) {
  const { retry } = forwardOf({ retry_policy: { retry_on: '5xx', ...policy } });
  if (retry === undefined) throw new Error('no policy');
  return retry;
}

test('conditions: all of Envoy’s words, and others are passed over', () => {
  assert.equal(
    policyOf({ retry_on: '5xx, nonsense,reset-before-request,http3-post-connect-failure' }).retryOn,
    retryBit('5xx') | retryBit('reset-before-request'),
  );
  assert.equal(policyOf({ refresh_cluster_on_retry: true }).refreshesCluster, true);
  assert.equal('refreshesCluster' in policyOf({}), false);
});

test('hosts that retries pass over', () => {
  const host = (lb: JsonObject) => ({ metadata: { 'envoy.lb': lb } });
  const omits = (predicate: JsonObject, lb: JsonObject): boolean | undefined =>
    policyOf({ retry_host_predicate: [predicate] }).omitsHost?.(host(lb));
  const canaries = {
    name: 'envoy.retry_host_predicates.omit_canary_hosts',
    typed_config: any('host.omit_canary_hosts.v3.OmitCanaryHostsPredicate'),
  };
  assert.deepEqual([omits(canaries, { canary: true }), omits(canaries, {}), omits(canaries, { canary: 'true' })], [true, false, false]);
  const withMetadata = {
    name: 'envoy.retry_host_predicates.omit_host_metadata',
    typed_config: any('host.omit_host_metadata.v3.OmitHostMetadataConfig', {
      metadata_match: { filter_metadata: { 'envoy.lb': { zone: 'a', tier: [1] } } },
    }),
  };
  assert.deepEqual(
    [
      omits(withMetadata, { zone: 'a', tier: [1], more: 1 }),
      omits(withMetadata, { zone: 'a' }),
      omits(withMetadata, { zone: 'b', tier: [1] }),
    ],
    [true, false, false],
  );
  const previous = policyOf({
    retry_host_predicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }],
    host_selection_retry_max_attempts: '5',
  });
  assert.deepEqual([previous.avoidsPreviousHosts, previous.hostSelectionAttempts, previous.omitsHost], [true, 5, undefined]);
});

test('retries avoid tried hosts where nothing is said of hosts', () => {
  const canaries = { retry_host_predicate: [{ name: 'envoy.retry_host_predicates.omit_canary_hosts' }] };
  assert.deepEqual(
    [{}, { host_selection_retry_max_attempts: '1' }, canaries].map((json) => policyOf(json).avoidsPreviousHosts),
    ['unless hashed', false, false],
  );
});

test('priorities that were tried are left out after every so many attempts', () => {
  const policy = policyOf({
    retry_priority: {
      name: 'envoy.retry_priorities.previous_priorities',
      typed_config: any('priority.previous_priorities.v3.PreviousPrioritiesConfig', { update_frequency: 2 }),
    },
  });
  assert.deepEqual(policy.previousPriorities, { updateFrequency: 2 });
  const cases: [tried: number[], frequency: number, available: number[], want: number[]][] = [
    [[0], 2, [0, 1], []],
    [[0, 0], 2, [0, 1], [0]],
    [[0, 0, 1], 2, [0, 1], [0]],
    [[0, 0, 1, 1], 2, [0, 1], []],
    [[0, 1], 1, [0, 1, 2], [0, 1]],
    [[0, 1, 2], 1, [0, 1, 2], []],
    [[0], 1, [0], []],
    [[], 1, [0], []],
  ];
  for (const [tried, frequency, available, want] of cases)
    assert.deepEqual([...levelsTried(tried, frequency, available)], want, JSON.stringify([tried, frequency, available]));
});

test('how long a rate-limited host asks to be left alone', () => {
  const { rateLimited } = policyOf({
    rate_limited_retry_back_off: {
      reset_headers: [{ name: 'Retry-After' }, { name: 'X-Reset', format: 'UNIX_TIMESTAMP' }],
      max_interval: '60s',
    },
  });
  const nowMs = 1_000_000_500;
  const cases: [fields: Record<string, string>, random: number, want: number | undefined][] = [
    [{ 'retry-after': '10' }, 0, 10_000],
    [{ 'retry-after': '10' }, 0.999, 14_995],
    [{ 'retry-after': '0' }, 0, undefined],
    [{ 'retry-after': '61' }, 0, undefined],
    [{ 'retry-after': '61', 'x-reset': '1000005' }, 0, 5000],
    [{ 'retry-after': 'Fri, 1 Jan' }, 0, undefined],
    [{ 'retry-after': '-1' }, 0, undefined],
    [{ 'x-reset': '999999' }, 0, undefined],
    [{ 'x-reset': '1000000' }, 0, undefined],
    [{}, 0, undefined],
  ];
  for (const [fields, random, want] of cases)
    assert.equal(rateLimitedBackOffMs(rateLimited, fakeResponse(429, fields), nowMs, random), want, JSON.stringify([fields, random]));
  assert.equal(rateLimitedBackOffMs(undefined, fakeResponse(429, { 'retry-after': '1' }), nowMs, 0), undefined);
  const byDefault = policyOf({ rate_limited_retry_back_off: { reset_headers: [{ name: 'a' }] } });
  assert.equal(byDefault.rateLimited?.maxIntervalMs, 300_000);
});

test('what is wrong with a retry policy is named', () => {
  const cases: [policy: JsonObject, message: RegExp][] = [
    [{ retry_host_predicate: [{ name: 'x' }] }, /retry_policy\.retry_host_predicate\[0\]: "x" is not supported/],
    [
      { retry_host_predicate: [{ name: 'envoy.retry_host_predicates.omit_host_metadata' }] },
      /retry_host_predicate\[0\]\.typed_config: is missing/,
    ],
    [{ retry_priority: { name: 'x' } }, /retry_policy\.retry_priority: "x" is not supported/],
    [{ retry_priority: { name: 'envoy.retry_priorities.previous_priorities' } }, /retry_priority\.typed_config: is missing/],
    [
      {
        retry_priority: {
          name: 'envoy.retry_priorities.previous_priorities',
          typed_config: any('priority.previous_priorities.v3.PreviousPrioritiesConfig'),
        },
      },
      /update_frequency: 0 is not above zero/,
    ],
    [{ rate_limited_retry_back_off: {} }, /rate_limited_retry_back_off\.reset_headers: is empty/],
    [{ rate_limited_retry_back_off: { reset_headers: [{}] } }, /reset_headers\[0\]\.name: is empty/],
    [{ retry_back_off: { base_interval: '2s', max_interval: '1s' } }, /retry_back_off\.max_interval: is below base_interval/],
  ];
  for (const [policy, message] of cases) assert.throws(() => policyOf(policy), { name: 'ConfigError', message }, JSON.stringify(policy));
});
