import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlowOptions, flowQuery } from './options.ts';

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
