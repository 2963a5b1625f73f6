import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow, FlowEnd } from '../../../src/model/flow.ts';
import { merged, reasonOf } from './flows.ts';

const end = (workload: string): FlowEnd => ({ namespace: 'shop', workload, address: '', principal: '' });

function flow(id: string, more: Partial<Flow>): Flow {
  return {
    id,
    proxy: 'p',
    reporter: 'source',
    startMs: 0,
    receivedMs: 0,
    durationMs: 1,
    protocol: 'http',
    source: end('web'),
    destination: end('pay'),
    service: 'pay',
    cluster: '',
    verdict: 'forwarded',
    flags: [],
    details: '',
    route: '',
    isMutualTls: true,
    bytesSent: 0,
    bytesReceived: 0,
    traceId: '',
    request: { method: 'GET', authority: 'pay', path: '/', status: 200 },
    ...more,
  };
}

test('of a request the one who tells most is shown, where the first stood', () => {
  const policy = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'no', file: 'a.yaml', line: 1, field: '' };
  const flows = [
    flow('1', {}),
    flow('2', { verdict: 'forwarded' }),
    flow('1', { reporter: 'destination', verdict: 'denied', policy }),
    flow('2', { reporter: 'destination' }),
    flow('2', { destination: end('bank') }),
  ];
  assert.deepEqual(
    merged(flows).map(({ id, reporter, destination }) => [id, reporter, destination.workload]),
    [
      ['1', 'destination', 'pay'],
      ['2', 'source', 'pay'],
      ['2', 'source', 'bank'],
    ],
  );
});

test('why something was denied', () => {
  const policy = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'no', file: 'a.yaml', line: 1, field: '' };
  assert.equal(reasonOf({ policy, details: 'x' }), 'AuthorizationPolicy shop/no');
  assert.equal(reasonOf({ details: 'rbac_access_denied_matched_policy[none]' }), 'No ALLOW policy fits');
  assert.deepEqual([reasonOf({ details: 'ext_authz_denied' }), reasonOf({ details: '' })], ['ext_authz_denied', 'no policy was named']);
});
