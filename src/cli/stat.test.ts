import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutualSummary } from './edges.ts';
import { readRow } from './signals/rows.ts';
import { statColumns } from './signals/columns.ts';
import { rowsText } from './signals/rows-text.ts';
import { readTarget, rowsNamed } from './stat.ts';
import { ranked } from './top.ts';

const rows = [
  {
    source: 'shop/web',
    destination: 'shop/payments-v1',
    service: 'payments.shop.svc.cluster.local',
    requestsPerSecond: 10,
    failureRatio: 0.1,
  },
  {
    source: 'shop/web',
    destination: 'bank/ledger',
    service: 'ledger.bank.svc.cluster.local',
    requestsPerSecond: 5,
    failureRatio: 1,
    p99Ms: 5,
  },
  { source: 'edge/gateway', destination: 'shop/web', service: 'web.shop.svc.cluster.local', requestsPerSecond: 20, p99Ms: 50 },
].map((row) => readRow({ protocol: 'http', ...row }));

test('kinds may be said in several ways, and one of a kind by its name', () => {
  assert.deepEqual(readTarget('services'), { by: 'service', name: '' });
  assert.deepEqual(readTarget('svc/payments'), { by: 'service', name: 'payments' });
  assert.deepEqual(readTarget('workload/shop/web'), { by: 'workload', name: 'shop/web' });
  assert.throws(() => readTarget('pods'), /neither a kind/);
});

test('names are whole or their last or first part', () => {
  const count = (by: 'workload' | 'service' | 'edge', name: string): number => rowsNamed(rows, by, name).length;
  assert.deepEqual([count('workload', 'web'), count('workload', 'shop/web'), count('workload', 'we'), count('workload', '')], [1, 1, 0, 3]);
  assert.deepEqual([count('service', 'ledger'), count('service', 'ledger.bank.svc.cluster.local'), count('service', 'led')], [1, 1, 0]);
  assert.equal(count('edge', 'web'), 3);
});

test('what matters comes first', () => {
  const order = (by: 'rate' | 'latency' | 'errors'): readonly (string | undefined)[] =>
    ranked(rows, by).map(({ destination }) => destination);
  assert.deepEqual(order('rate'), ['shop/web', 'shop/payments-v1', 'bank/ledger']);
  assert.deepEqual(order('latency'), ['shop/web', 'bank/ledger', 'shop/payments-v1']);
  assert.deepEqual(order('errors'), ['bank/ledger', 'shop/payments-v1', 'shop/web']);
});

const COLUMNS = statColumns('workload');

test('rows are told for people and for programs', () => {
  assert.match(rowsText(rows, COLUMNS, 'table'), /WORKLOAD +PROTOCOL +RPS +SUCCESS/);
  assert.deepEqual(JSON.parse(rowsText(rows, COLUMNS, 'json')), rows);
  assert.equal(rowsText([], COLUMNS, 'table'), 'no traffic in this window');
});

test('a row of what was counted together is explained', () => {
  const together = readRow({ destination: 'overflow/overflow', protocol: 'http', requestsPerSecond: 1 });
  assert.match(rowsText([...rows, together], COLUMNS, 'table'), /\n\noverflow: what a proxy counts together/);
  assert.doesNotMatch(rowsText(rows, COLUMNS, 'table'), /overflow/);
});

for (const [ratios, expected] of [
  [[1], 'the one edge is on mTLS'],
  [[1, 1, undefined], 'all 2 edges are on mTLS; of 1 nobody can tell'],
  [[1, 0.5, undefined], '1 of 3 edges are not on mTLS, or not always; of 1 nobody can tell'],
  [[undefined], 'of the one edge nobody can tell if it is on mTLS'],
] as const)
  test(`edges: ${expected}`, () => {
    const edges = ratios.map((mutualTlsRatio) =>
      readRow({ source: 'a/a', destination: 'b/b', protocol: 'http', ...(mutualTlsRatio !== undefined && { mutualTlsRatio }) }),
    );
    assert.equal(mutualSummary(edges), expected);
  });
