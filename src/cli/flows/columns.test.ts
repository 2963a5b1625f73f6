import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endOf, flowOf, requestOf } from '../../model/testing/flow.ts';
import { type Flow, NO_CHAIN_FOUND, PLAINTEXT_REFUSED } from '../../model/flow.ts';
import { fitTable } from '../fit-table.ts';
import { FLOW_COLUMNS, formatEnd, formatStatus, formatTime, formatWhat, formatWhy } from './columns.ts';
import { createLiveLines } from './live-lines.ts';

const policy = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'no', file: 'a.yaml', line: 12, field: 'spec.rules[0]' };
const { request: _, ...tcp } = flowOf({ protocol: 'tcp', bytesSent: 5, bytesReceived: 7 });

const strict = { ...policy, kind: 'PeerAuthentication', name: 'default' };

const WHY: readonly (readonly [flow: Flow, why: string])[] = [
  [flowOf(), ''],
  [flowOf({ verdict: 'denied', policy }), 'shop/no a.yaml:12'],
  [flowOf({ policy }), 'would be denied by shop/no a.yaml:12'],
  [flowOf({ verdict: 'failed', flags: ['UF', 'URX'], details: 'upstream_reset' }), 'UF,URX upstream_reset'],
  [flowOf({ verdict: 'denied', details: 'rbac_access_denied_matched_policy[none]' }), 'no ALLOW policy fits'],
  [
    flowOf({ verdict: 'denied', flags: ['NR'], details: PLAINTEXT_REFUSED, policy: strict }),
    'plaintext, and mTLS is STRICT: shop/default a.yaml:12',
  ],
  [flowOf({ verdict: 'failed', flags: ['NR'], details: NO_CHAIN_FOUND }), 'NR no filter chain takes such a connection'],
  [flowOf({ verdict: 'denied', flags: ['RL'], details: 'local_rate_limited' }), 'RL local_rate_limited'],
];

for (const [flow, why] of WHY) test(`why: ${why || 'nothing'}`, () => assert.equal(formatWhy(flow), why));

test('ends, what and status', () => {
  assert.deepEqual(
    [endOf('web'), endOf('', { address: '10.0.0.1:80' }), endOf('', { address: '127.0.0.1:0' }), endOf('', { address: '' })].map(formatEnd),
    ['shop/web', '10.0.0.1:80', '127.0.0.1', '-'],
  );
  assert.deepEqual([formatWhat(flowOf()), formatWhat(tcp)], ['GET /pay', 'tcp 7B in 5B out']);
  assert.deepEqual(
    [flowOf(), flowOf({ request: requestOf({ status: 0 }) }), flowOf({ request: requestOf({ grpcStatus: 14 }) }), tcp].map(formatStatus),
    ['200', '-', '200/14', '-'],
  );
  assert.match(formatTime(Date.now()), /^\d\d:\d\d:\d\d\.\d\d\d$/);
});

const long = flowOf({
  verdict: 'denied',
  policy,
  source: endOf('a-workload-with-a-very-long-name'),
  request: requestOf({ path: '/a/path/that/goes/on/and/on?with=a&query=too', headers: { 'x-user': 'ann' } }),
});

for (const width of [80, 100, 200]) {
  test(`lines fit ${width} columns`, () => {
    const lines = createLiveLines(FLOW_COLUMNS, width, false);
    const all = [lines.title, lines.line(long), lines.line(flowOf()), ...fitTable([long, flowOf()], FLOW_COLUMNS, width, false)];
    for (const line of all) assert.ok(line.length <= width, `${line.length}: ${line}`);
    assert.match(lines.line(long), / denied: /);
    // when, who, what, and what became of it
    for (const title of [lines.title, fitTable([long, flowOf()], FLOW_COLUMNS, width, false)[0] ?? ''])
      assert.match(title, /^TIME.* FROM +TO +REQUEST +STATUS.* VERDICT/);
  });
}

test('colour where there may be', () => {
  assert.ok(createLiveLines(FLOW_COLUMNS, 200, true).line(long).includes('\u001b[33mdenied: '));
  assert.match(createLiveLines(FLOW_COLUMNS, 300, false).line(long), /shop\/no a\.yaml:12 {2}x-user: ann/);
});
