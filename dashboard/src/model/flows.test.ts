import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endOf, flowOf } from '../../../src/model/testing/flow.ts';
import { merged, reasonOf } from './flows.ts';
import { PLAINTEXT_REFUSED } from '../../../src/model/flow.ts';

test('of a request the one who tells most is shown, where the first stood', () => {
  const policy = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'no', file: 'a.yaml', line: 1, field: '' };
  const flows = [
    flowOf({ id: '1' }),
    flowOf({ id: '2', verdict: 'forwarded' }),
    flowOf({ id: '1', reporter: 'destination', verdict: 'denied', policy }),
    flowOf({ id: '2', reporter: 'destination' }),
    flowOf({ id: '2', destination: endOf('bank') }),
  ];
  assert.deepEqual(
    merged(flows).map(({ id, reporter, destination }) => [id, reporter, destination.workload]),
    [
      ['1', 'destination', 'payments'],
      ['2', 'source', 'payments'],
      ['2', 'source', 'bank'],
    ],
  );
});

test('why something was denied', () => {
  const policy = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'no', file: 'a.yaml', line: 1, field: '' };
  assert.equal(reasonOf({ policy, details: 'x' }), 'AuthorizationPolicy shop/no');
  assert.match(reasonOf({ policy, details: PLAINTEXT_REFUSED }), /^Plaintext, and mTLS is STRICT: .* shop\/no$/);
  assert.equal(reasonOf({ details: 'rbac_access_denied_matched_policy[none]' }), 'No ALLOW policy fits');
  assert.deepEqual([reasonOf({ details: 'ext_authz_denied' }), reasonOf({ details: '' })], ['ext_authz_denied', 'no policy was named']);
});
