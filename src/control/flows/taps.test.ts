import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { DEFAULT_FLOW_SETTINGS } from '../../model/flow-settings.ts';
import { RuntimeSchema } from '../../xds/gen/envoy/service/runtime/v3/rtds_pb.ts';
import { readFilter } from './query.ts';
import { isConcerned, Taps } from './taps.ts';

const web = { namespace: 'shop', workload: 'web', role: 'sidecar' } as const;
const pay = { namespace: 'shop', workload: 'pay', role: 'sidecar' } as const;
const edge = { namespace: 'edge', workload: 'gate', role: 'router' } as const;
const filterOf = (query: string) => readFilter(new URLSearchParams(query));

const CASES: readonly (readonly [query: string, concerned: readonly string[]])[] = [
  ['', ['web', 'pay', 'gate']],
  ['workload=shop/web', ['web']],
  ['workload=*/gate', ['gate']],
  ['source=shop/web', ['web']],
  ['source=shop/web&destination=shop/pay', ['web', 'pay']],
  ['destination=shop/pay', ['pay']],
  ['destination=shop/pay&reporter=source', ['web', 'pay']],
  ['source=shop/web&reporter=destination', ['web', 'pay']],
  ['source=shop/web&destination=shop/pay&reporter=source', ['web']],
  ['source=shop/*', ['web', 'pay']],
  ['reporter=gateway', ['gate']],
  ['status=503', ['web', 'pay', 'gate']],
];

for (const [query, concerned] of CASES) {
  test(`concerned by ${query}`, () => {
    const tap = { filter: filterOf(query), headers: [] };
    assert.deepEqual(
      [web, pay, edge].filter((proxy) => isConcerned(tap, proxy)).map(({ workload }) => workload),
      concerned,
    );
  });
}

test('proxies concerned are told, with all headers that are asked for, until nobody looks on', () => {
  const taps = new Taps();
  const layerOf = (proxy: typeof web | typeof pay) => {
    const resource = taps.runtimeOf(proxy, DEFAULT_FLOW_SETTINGS).get('tulle');
    assert.ok(resource);
    return { ...fromBinary(RuntimeSchema, resource.bytes).layer };
  };
  const quiet = { 'tulle.flows.per_second': 10, 'tulle.flows.failed_per_second': 200, 'tulle.flows.tapped_per_second': 1000 };
  const tapped = { ...quiet, 'tulle.tap': true, 'tulle.flows.sample': 100 };
  assert.deepEqual(layerOf(web), quiet);
  const closeFirst = taps.open({ filter: filterOf('workload=shop/web'), headers: ['b', 'a'] });
  const closeSecond = taps.open({ filter: filterOf(''), headers: ['a', 'c'] });
  assert.deepEqual(layerOf(web), { ...tapped, 'tulle.tap_headers': 'a,b,c' });
  assert.deepEqual(layerOf(pay), { ...tapped, 'tulle.tap_headers': 'a,c' });
  closeSecond();
  assert.deepEqual([layerOf(web)['tulle.tap_headers'], layerOf(pay)], ['a,b', quiet]);
  closeFirst();
  assert.deepEqual(layerOf(web), quiet);
});

test('proxies that are told the same share it', () => {
  const taps = new Taps();
  assert.equal(taps.runtimeOf(web, DEFAULT_FLOW_SETTINGS), taps.runtimeOf(pay, DEFAULT_FLOW_SETTINGS));
});
