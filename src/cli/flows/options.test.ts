import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQuery } from '../../control/flows/query.ts';
import { RefusedError } from '../admin-client.ts';
import { CliError, EXIT } from '../errors.ts';
import { filterError, type FlowOptions, flowQuery } from './options.ts';

const CASES: readonly (readonly [workload: string | undefined, options: FlowOptions, query: string])[] = [
  [undefined, {}, ''],
  ['web', {}, 'workload=*/web'],
  ['shop/web', { from: 'edge/gate', to: 'pay' }, 'workload=shop/web&source=edge/gate&destination=*/pay'],
  [undefined, { denied: true }, 'verdict=denied'],
  [undefined, { denied: true, failed: true, verdict: 'denied,forwarded' }, 'verdict=denied,forwarded,failed'],
  [
    undefined,
    { service: 'pay.shop', route: 'r', status: '5xx,404', method: 'get', path: '/a*', protocol: 'http', reporter: 'source' },
    'service=pay.shop&route=r&status=5xx,404&method=get&path=/a*&protocol=http&reporter=source',
  ],
];

for (const [workload, options, want] of CASES) {
  test(`asks for ${want || 'all'}`, () => assert.equal(decodeURIComponent(flowQuery(workload, options).toString()), want));
}

test('a workload that is none', () => {
  assert.throws(() => flowQuery('a/b/c', {}), /the workload: "a\/b\/c" is no workload/);
  assert.throws(() => flowQuery(undefined, { from: 'a b' }), /--from: "a b" is no workload/);
});

/** What the control plane says of `query` in the words of the command line. */
function refusalOf(query: string): unknown {
  try {
    return readQuery(new URLSearchParams(query), 0);
  } catch (error) {
    return filterError(new RefusedError(error instanceof Error ? error.message : ''));
  }
}

for (const [query, message, hint] of [
  ['since=5x', '--since: "5x" cannot be read', 'write a time like 10m (ago), 2026-01-31T10:00:00Z, or ms since 1970'],
  ['status=abc', '--status: "abc" cannot be read', 'write statuses like 503 or 5xx'],
  ['limit=0', '--limit: "0" cannot be read', 'write a number from 1 to 100000'],
  ['source=a', '--from: "a" cannot be read', 'write namespace/workload, with * for any'],
] as const)
  test(`refused as a wrong command line: ${query}`, () => {
    const error = refusalOf(query);
    assert.ok(error instanceof CliError);
    assert.deepEqual([error.message, error.hint, error.exitCode], [message, hint, EXIT.usage]);
  });

test('what else the control plane says stays as it is', () => {
  const error = new RefusedError('too many taps');
  assert.equal(filterError(error), error);
});
