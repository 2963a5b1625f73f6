import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches, readFilter, readQuery } from './query.ts';
import { endOf, flowOf, requestOf } from '../../model/testing/flow.ts';

const NOW = Date.UTC(2026, 0, 31, 10);

const TIMES: readonly (readonly [query: string, sinceMs: number, untilMs: number])[] = [
  ['', 0, NOW],
  ['since=10m', NOW - 600_000, NOW],
  ['since=1.5h&until=30s', NOW - 5_400_000, NOW - 30_000],
  ['since=2026-01-31T09:00:00Z', NOW - 3_600_000, NOW],
  ['since=500ms&until=1769853600000', NOW - 500, NOW],
];

for (const [query, sinceMs, untilMs] of TIMES) {
  test(`times: ${query}`, () => {
    const read = readQuery(new URLSearchParams(query), NOW);
    assert.deepEqual([read.sinceMs, read.untilMs, read.limit], [sinceMs, untilMs, 1000]);
  });
}

const REFUSED: readonly (readonly [query: string, message: RegExp])[] = [
  ['since=yesterday', /"since" must be a time like 10m .* not "yesterday"/],
  ['source=web', /"source" must be namespace\/workload/],
  ['destination=a/b/c', /"destination" must be/],
  ['status=600xx', /"status" must be statuses like 503 or 5xx, not "600xx"/],
  ['verdict=refused', /"verdict" must be one of forwarded, denied, failed/],
  ['protocol=udp', /"protocol" must be one of http, grpc, tcp/],
  ['limit=0', /"limit" must be a number from 1 to 100000/],
  ['limit=1e3', /"limit"/],
];

for (const [query, message] of REFUSED) {
  test(`refused: ${query}`, () => assert.throws(() => readQuery(new URLSearchParams(query), NOW), { status: 400, message }));
}

const flow = flowOf({
  id: 'r1',
  source: endOf('web', { namespace: 'front' }),
  request: requestOf({ status: 503, path: '/pay/7?x=1', method: 'POST', headers: { 'x-user': 'ann' } }),
  verdict: 'failed',
});

const FILTERS: readonly (readonly [query: string, isMatch: boolean])[] = [
  ['', true],
  ['verdict=failed', true],
  ['verdict=denied,failed', true],
  ['verdict=denied', false],
  ['source=front/web', true],
  ['source=*/web', true],
  ['source=front/*', true],
  ['source=shop/web', false],
  ['destination=shop/payments', true],
  ['destination=shop/web', false],
  ['workload=front/web', true],
  ['workload=shop/payments', true],
  ['workload=shop/web', false],
  ['service=payments.shop.svc.cluster.local', true],
  ['service=payments.shop', true],
  ['service=payments', true],
  ['service=pay', false],
  ['route=default', true],
  ['route=other', false],
  ['status=503', true],
  ['status=5xx', true],
  ['status=200,503', true],
  ['status=4xx', false],
  ['protocol=http', true],
  ['protocol=tcp', false],
  ['reporter=source', true],
  ['reporter=destination', false],
  ['method=post', true],
  ['method=GET', false],
  ['path=/pay/7', true],
  ['path=/pay/*', true],
  ['path=/pay', false],
  ['id=r1', true],
  ['id=r2', false],
  ['header=x-user', true],
  ['header=X-User:ann', true],
  ['header=x-user=ann', true],
  ['header=x-user:bob', false],
  ['header=x-other', false],
  ['verdict=failed&source=front/web&status=2xx', false],
];

for (const [query, isMatch] of FILTERS) {
  test(`filter: ${query}`, () => assert.equal(matches(flow, readFilter(new URLSearchParams(query))), isMatch));
}

test('a connection has no status, method, path or header', () => {
  const { request: _, ...tcp } = flowOf({ protocol: 'tcp' });
  for (const query of ['status=2xx', 'method=GET', 'path=*', 'header=a'])
    assert.equal(matches(tcp, readFilter(new URLSearchParams(query))), false);
  assert.equal(matches(tcp, readFilter(new URLSearchParams('protocol=tcp'))), true);
});
