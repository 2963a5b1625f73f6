import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from '../../telemetry/registry.ts';
import { fakeHost } from '../testing/fake-hosts.ts';
import { countPicks, PLAIN_PICK } from '../testing/fake-picks.ts';
import { levels } from './levels.ts';
import { roundRobin } from './round-robin.ts';
import { combinations, fallbacksOf, matchesAll, pairsText, sortedPairs, valueText } from './subset-keys.ts';
import { subsets, type SubsetRule } from './subsets.ts';
import { DEFAULT_ZONE_RULE } from './zone-source.ts';

const RULE: SubsetRule = {
  fallback: 'none',
  defaults: {},
  selectors: [{ keys: ['version'], fallback: undefined, isSingleHost: false }],
  allowsRedundantKeys: false,
  isLocalityWeightAware: false,
  scalesLocalityWeight: false,
  panicsToAny: false,
  listAsAny: false,
  triesFallbackList: false,
};

const TURNS = levels({ policy: roundRobin(), locality: { kind: 'zones', ...DEFAULT_ZONE_RULE } });
const hostOf = (i: number, lb: Record<string, unknown>) => fakeHost(`10.0.0.${i}:80`, 1, { metadata: { 'envoy.lb': lb } });
const picks = (rule: Partial<SubsetRule>, criteria: Record<string, unknown> | undefined, stats = createStats()): number[] => {
  const hosts = [hostOf(0, { version: 'v1' }), hostOf(1, { version: 'v1' }), hostOf(2, { version: 'v2' })];
  return countPicks(subsets({ ...RULE, ...rule }, TURNS), hosts, 60, { stats }, { ...PLAIN_PICK, criteria });
};

const cases: readonly [name: string, rule: Partial<SubsetRule>, criteria: Record<string, unknown> | undefined, want: number[]][] = [
  ['the subset', {}, { version: 'v1' }, [30, 30, 0, 0]],
  ['no such subset', {}, { version: 'v9' }, [0, 0, 0, 60]],
  ['nothing asked', { fallback: 'any' }, undefined, [20, 20, 20, 0]],
  ['the default', { fallback: 'default', defaults: { version: 'v2' } }, { zone: 'x' }, [0, 0, 60, 0]],
  ['any where the default is empty', { fallback: 'default', defaults: { version: 'v9' }, panicsToAny: true }, undefined, [20, 20, 20, 0]],
  [
    'one host of the subset',
    { selectors: [{ keys: ['version'], fallback: undefined, isSingleHost: true }] },
    { version: 'v1' },
    [60, 0, 0, 0],
  ],
  [
    'a list of criteria',
    { triesFallbackList: true },
    { version: 'v8', fallback_list: [{ version: 'v9' }, { version: 'v2' }] },
    [0, 0, 60, 0],
  ],
  ['more keys than any selector has', { allowsRedundantKeys: true }, { version: 'v2', more: 1 }, [0, 0, 60, 0]],
];

for (const [name, rule, criteria, want] of cases) {
  test(`subsets: ${name}`, () => {
    assert.deepEqual(picks(rule, criteria), want);
  });
}

test('what became of picks is counted', () => {
  const stats = createStats();
  picks({}, { version: 'v1' }, stats);
  picks({ fallback: 'any' }, { version: 'v9' }, stats);
  picks({ fallback: 'default', defaults: { version: 'v9' }, panicsToAny: true }, undefined, stats);
  const values = ['selected', 'fallback', 'fallback_panic'].map((name) => stats.counter(`lb_subsets_${name}`).value);
  assert.deepEqual(values, [60, 60, 60]);
  assert.equal(stats.gauge('lb_subsets_active').value, 2);
});

test('values as texts', () => {
  assert.equal(valueText({ b: [1, null], a: 'x' }), valueText({ a: 'x', b: [1, null] }));
  assert.notEqual(valueText('1'), valueText(1));
  assert.notEqual(valueText(true), valueText('true'));
  assert.notEqual(pairsText([['a', 'b']]), pairsText([['a', ['b']]]));
  assert.deepEqual(
    sortedPairs({ b: 1, a: 2 }).map(([key]) => key),
    ['a', 'b'],
  );
});

test('lists of metadata stand for each of their elements, where that is asked for', () => {
  assert.deepEqual(combinations({ a: [1, 2], b: 3 }, ['a', 'b'], true), [
    [
      ['a', 1],
      ['b', 3],
    ],
    [
      ['a', 2],
      ['b', 3],
    ],
  ]);
  assert.equal(combinations({ a: [1, 2] }, ['a'], false).length, 1);
  assert.deepEqual(combinations({ a: 1 }, ['a', 'b'], true), []);
  assert.ok(matchesAll({ a: [1, 2] }, { a: 2 }, true) && !matchesAll({ a: [1, 2] }, { a: 2 }, false) && matchesAll({}, {}, false));
  assert.deepEqual(fallbacksOf({ a: 1, fallback_list: [{ a: 2 }, { b: 3 }] }), [{ a: 2 }, { a: 1, b: 3 }]);
  assert.deepEqual(fallbacksOf({ a: 1, fallback_list: [] }), [{ a: 1 }]);
  assert.equal(fallbacksOf({ a: 1 }), undefined);
});
