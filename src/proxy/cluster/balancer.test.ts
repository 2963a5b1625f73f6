import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildPicker } from './balancer.ts';
import type { ClusterHost } from './host.ts';
import { roundRobin } from './lb/round-robin.ts';
import { spreadLoad } from './priority-load.ts';
import { fakeHost, seededRandom } from './testing/fake-hosts.ts';

const loads: readonly {
  name: string;
  levels: [total: number, usable: number][];
  threshold?: number;
  shares: number[];
  panics: boolean[];
}[] = [
  { name: 'all healthy', levels: [[4, 4]], shares: [100], panics: [false] },
  {
    name: 'the rest waits while the first level is healthy enough',
    levels: [
      [10, 8],
      [10, 10],
    ],
    shares: [100, 0],
    panics: [false, false],
  },
  {
    name: 'half of the first level spills',
    levels: [
      [10, 5],
      [10, 10],
    ],
    shares: [70, 30],
    panics: [false, false],
  },
  {
    name: 'the first level is gone',
    levels: [
      [2, 0],
      [2, 2],
    ],
    shares: [0, 100],
    panics: [false, false],
  },
  { name: 'exactly half of one level is no panic', levels: [[2, 1]], shares: [100], panics: [false] },
  { name: 'less than half panics', levels: [[5, 2]], shares: [100], panics: [true] },
  { name: 'panic is off at threshold 0', levels: [[5, 1]], threshold: 0, shares: [100], panics: [false] },
  { name: 'nobody is usable, and panic is off', levels: [[5, 0]], threshold: 0, shares: [0], panics: [false] },
  {
    name: 'all levels panic: by number of hosts',
    levels: [
      [1, 0],
      [3, 0],
    ],
    shares: [25, 75],
    panics: [true, true],
  },
  { name: 'nobody at all', levels: [[0, 0]], shares: [0], panics: [true] },
];

for (const { name, levels, threshold = 50, shares, panics } of loads) {
  test(`spreadLoad(): ${name}`, () => {
    const got = spreadLoad(
      levels.map(([total, usable]) => ({ total, usable })),
      1.4,
      threshold,
    );
    assert.deepEqual(
      got.map((load) => Math.round(load.share)),
      shares,
    );
    assert.deepEqual(
      got.map((load) => load.isPanic),
      panics,
    );
  });
}

test('spreadLoad() gives 100 per cent in all, or nothing', () => {
  const level = fc.tuple(fc.nat(20), fc.nat(20)).map(([a, b]) => ({ total: Math.max(a, b), usable: Math.min(a, b) }));
  fc.assert(
    fc.property(fc.array(level, { minLength: 1, maxLength: 5 }), fc.nat(100), (levels, threshold) => {
      const sum = spreadLoad(levels, 1.4, threshold).reduce((total, load) => total + load.share, 0);
      assert.ok(Math.abs(sum - 100) < 1e-6 || sum === 0, `all shares together are ${sum}`);
    }),
  );
});

function picker(hosts: readonly ClusterHost[], changes: { panicThreshold?: number; isLocalityWeighted?: boolean } = {}) {
  return buildPicker(hosts, 1.4, {
    policy: roundRobin,
    random: seededRandom(5),
    panicThreshold: 50,
    isLocalityWeighted: false,
    ...changes,
  });
}

function countPicks(hosts: readonly ClusterHost[], picks: number, changes: Parameters<typeof picker>[1] = {}): number[] {
  const pick = picker(hosts, changes);
  const counts = new Map<unknown, number>();
  for (let i = 0; i < picks; i++) {
    const host = pick(undefined, 0);
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return hosts.map((host) => counts.get(host) ?? 0);
}

test('unhealthy hosts are left out until too many are', () => {
  const hosts = ['a:1', 'b:1', 'c:1'].map((address) => fakeHost(address));
  const [a, b] = hosts;
  assert.ok(a && b);
  a.isHealthy = false;
  assert.deepEqual(countPicks(hosts, 100), [0, 50, 50]);
  b.isHealthy = false;
  assert.deepEqual(countPicks(hosts, 99), [33, 33, 33], 'panic');
  assert.deepEqual(countPicks(hosts, 99, { panicThreshold: 0 }), [0, 0, 99]);
});

test('degraded hosts serve only where no healthy one is left', () => {
  const hosts = [fakeHost('a:1'), fakeHost('b:1', 1, { health: 'degraded' })];
  assert.deepEqual(countPicks(hosts, 10), [10, 0]);
  const [a] = hosts;
  assert.ok(a);
  a.isHealthy = false;
  assert.deepEqual(countPicks(hosts, 10), [0, 10]);
});

test('a failed priority gives way to the next', () => {
  const hosts = [fakeHost('a:1'), fakeHost('b:1', 1, { priority: 1 })];
  assert.deepEqual(countPicks(hosts, 10), [10, 0]);
  const [a] = hosts;
  assert.ok(a);
  a.isHealthy = false;
  assert.deepEqual(countPicks(hosts, 10), [0, 10]);
});

test('localities share by weight, whatever their size', () => {
  const hosts = [
    fakeHost('a:1', 1, { locality: 'one', localityWeight: 80 }),
    fakeHost('b:1', 1, { locality: 'two', localityWeight: 20 }),
    fakeHost('c:1', 1, { locality: 'two', localityWeight: 20 }),
  ];
  const [a = 0, b = 0, c = 0] = countPicks(hosts, 1000, { isLocalityWeighted: true });
  assert.ok(Math.abs(a - 800) <= 2 && Math.abs(b - 100) <= 2 && Math.abs(c - 100) <= 2, `${a} ${b} ${c}`);
});

test('without hosts nothing is chosen', () => {
  assert.equal(picker([])(undefined, 0), undefined);
});
