import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { Verdict } from '../../model/flow.ts';
import { ResponseFlagsSchema } from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { flagNames, type Outcome, verdictOf } from './verdict.ts';

const CASES: readonly (readonly [outcome: Partial<Outcome>, verdict: Verdict])[] = [
  [{ status: 200, details: 'via_upstream' }, 'forwarded'],
  [{ status: 503, details: 'via_upstream' }, 'forwarded'],
  [{ status: 403, details: 'via_upstream' }, 'forwarded'],
  [{ status: 301, details: 'direct_response' }, 'forwarded'],
  [{ status: 404, details: 'direct_response' }, 'forwarded'],
  [{ status: 200, details: 'via_upstream', flags: ['DI'] }, 'forwarded'],
  [{ status: 403, details: 'rbac_access_denied_matched_policy[ns[shop]-policy[no]-rule[0]]' }, 'denied'],
  [{ status: 401, details: 'jwt_authn_access_denied{Jwt_is_missing}' }, 'denied'],
  [{ status: 403, details: 'ext_authz_denied', flags: ['UAEX'] }, 'denied'],
  [{ status: 429, details: 'local_rate_limited', flags: ['RL'] }, 'denied'],
  [{ status: 429, details: 'via_upstream' }, 'forwarded'],
  [{ status: 503, details: 'no_healthy_upstream', flags: ['UH'] }, 'failed'],
  [{ status: 503, details: 'fault_filter_abort', flags: ['FI'] }, 'failed'],
  [{ status: 200, details: 'via_upstream', flags: ['DC'] }, 'failed'],
  [{ status: 0, details: 'downstream_remote_disconnect' }, 'failed'],
  [{ status: 400, details: 'missing_host_header' }, 'failed'],
  [{ status: undefined, details: '' }, 'forwarded'],
  [{ status: undefined, details: '', flags: ['UF', 'URX'] }, 'failed'],
  [{ status: undefined, details: 'plaintext_refused_mtls_is_strict', flags: ['NR'] }, 'denied'],
  [{ status: undefined, details: 'filter_chain_not_found', flags: ['NR'] }, 'failed'],
  [{ status: undefined, details: 'rbac_access_denied_matched_policy[none]' }, 'denied'],
];

for (const [outcome, verdict] of CASES) {
  test(`verdict: ${JSON.stringify(outcome)}`, () =>
    assert.equal(verdictOf({ flags: [], details: '', status: undefined, ...outcome }), verdict));
}

test('flags by their short names', () => {
  assert.deepEqual(flagNames(undefined), []);
  const flags = create(ResponseFlagsSchema, { upstreamConnectionFailure: true, upstreamRetryLimitExceeded: true, unauthorizedDetails: {} });
  assert.deepEqual(flagNames(flags), ['UF', 'URX', 'UAEX']);
});
