import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { xxHash64 } from './lb/hash64.ts';
import { levels } from './lb/levels.ts';
import { maglev } from './lb/maglev.ts';
import { ringHash } from './lb/ring-hash.ts';
import { roundRobin } from './lb/round-robin.ts';
import { DEFAULT_ZONE_RULE } from './lb/zone-source.ts';
import { spreadLoad } from './priority-load.ts';
import { fakeHost } from './testing/fake-hosts.ts';
import { countPicks, PLAIN_PICK } from './testing/fake-picks.ts';

const loads: readonly {
  name: string;
  levels: [total: number, healthy: number, degraded?: number][];
  threshold?: number;
  shares: number[];
  degraded?: number[];
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
  {
    name: 'healthy hosts of all levels come before degraded ones',
    levels: [
      [10, 1, 2],
      [10, 2, 1],
      [10, 1, 0],
    ],
    threshold: 0,
    shares: [16, 28, 14],
    degraded: [28, 14, 0],
    panics: [false, false, false],
  },
  {
    name: 'degraded hosts of a level take what its healthy ones cannot',
    levels: [[10, 5, 5]],
    shares: [70],
    degraded: [30],
    panics: [false],
  },
  { name: 'degraded hosts alone', levels: [[2, 0, 2]], shares: [0], degraded: [100], panics: [false] },
  {
    name: 'what rounding leaves goes to the first level',
    levels: [
      [3, 1],
      [3, 1],
    ],
    shares: [50, 50],
    panics: [true, true],
  },
];

for (const { name, levels: counts, threshold = 50, shares, degraded = shares.map(() => 0), panics } of loads) {
  test(`spreadLoad(): ${name}`, () => {
    const got = spreadLoad(
      counts.map(([total, healthy, half = 0]) => ({ hosts: total, total, healthy, degraded: half })),
      1.4,
      threshold,
    );
    assert.deepEqual(
      got.map((load) => load.healthy),
      shares,
    );
    assert.deepEqual(
      got.map((load) => load.degraded),
      degraded,
    );
    assert.deepEqual(
      got.map((load) => load.isPanic),
      panics,
    );
  });
}

test('spreadLoad() gives 100 per cent in all, or nothing', () => {
  const level = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map(([healthy, degraded, rest]) => ({
    hosts: healthy + degraded + rest,
    total: healthy + degraded + rest,
    healthy,
    degraded,
  }));
  fc.assert(
    fc.property(fc.array(level, { minLength: 1, maxLength: 5 }), fc.nat(100), (counts, threshold) => {
      const total = spreadLoad(counts, 1.4, threshold).reduce((sum, load) => sum + load.healthy + load.degraded, 0);
      assert.ok(total === 100 || total === 0, `all shares together are ${total}`);
    }),
  );
});

const BY_TURNS = levels({ policy: roundRobin(), locality: { kind: 'zones', ...DEFAULT_ZONE_RULE } });
const BY_WEIGHT = levels({ policy: roundRobin(), locality: { kind: 'weighted' } });

test('unhealthy hosts are left out until too many are', () => {
  const hosts = ['a:1', 'b:1', 'c:1'].map((address) => fakeHost(address));
  const [a, b] = hosts;
  assert.ok(a && b);
  a.isHealthy = false;
  assert.deepEqual(countPicks(BY_TURNS, hosts, 100), [0, 50, 50, 0]);
  b.isHealthy = false;
  assert.deepEqual(countPicks(BY_TURNS, hosts, 99), [33, 33, 33, 0], 'panic');
  assert.deepEqual(countPicks(BY_TURNS, hosts, 99, { panicThreshold: 0 }), [0, 0, 99, 0]);
});

test('degraded hosts take what healthy ones cannot', () => {
  const hosts = [fakeHost('a:1'), fakeHost('b:1'), fakeHost('c:1', 1, { health: 'degraded' })];
  const [a, b, c] = hosts;
  assert.ok(a && b && c);
  // 93% can be carried by the two: 140% of 2 / 3
  const [first = 0, second = 0, degraded = 0] = countPicks(BY_TURNS, hosts, 10_000);
  assert.ok(Math.abs(degraded - 700) < 100 && Math.abs(first - second) < 2, `${first} ${second} ${degraded}`);
  a.isHealthy = false;
  b.isHealthy = false;
  assert.deepEqual(countPicks(BY_TURNS, hosts, 10, { panicThreshold: 0 }), [0, 0, 10, 0]);
});

test('a failed priority gives way to the next, and nobody is chosen where panic is off', () => {
  const hosts = [fakeHost('a:1'), fakeHost('b:1', 1, { priority: 1 })];
  assert.deepEqual(countPicks(BY_TURNS, hosts, 10), [10, 0, 0]);
  const [a, b] = hosts;
  assert.ok(a && b);
  a.isHealthy = false;
  assert.deepEqual(countPicks(BY_TURNS, hosts, 10), [0, 10, 0]);
  b.isHealthy = false;
  assert.deepEqual(countPicks(BY_TURNS, hosts, 10, { panicThreshold: 0 }), [0, 0, 10]);
  assert.deepEqual(countPicks(BY_TURNS, [], 10), [10]);
});

test('hosts that leave do not count among those that could carry traffic', () => {
  const hosts = [fakeHost('a:1'), fakeHost('b:1', 1, { health: 'draining' }), fakeHost('c:1', 1, { priority: 1 })];
  assert.deepEqual(countPicks(BY_TURNS, hosts, 50), [50, 0, 0, 0]);
  const leaving = [fakeHost('a:1', 1, { health: 'draining' }), fakeHost('b:1', 1, { health: 'draining' })];
  assert.deepEqual(countPicks(BY_TURNS, leaving, 50), [25, 25, 0], 'a panic takes them all the same');
});

test('priorities may be left out of a pick', () => {
  const hosts = [0, 1, 2].map((priority) => fakeHost(`h${priority}:1`, 1, { priority }));
  const seen: number[][] = [];
  const excludedLevels = (available: readonly number[]) => {
    seen.push([...available]);
    return new Set([0, 1]);
  };
  assert.deepEqual(countPicks(BY_TURNS, hosts, 5, {}, { ...PLAIN_PICK, excludedLevels }), [0, 0, 5, 0]);
  assert.deepEqual(seen[0], [0, 1, 2]);
});

test('localities share by weight, whatever their size', () => {
  const hosts = [
    fakeHost('a:1', 1, { locality: 'one', localityWeight: 80 }),
    fakeHost('b:1', 1, { locality: 'two', localityWeight: 20 }),
    fakeHost('c:1', 1, { locality: 'two', localityWeight: 20 }),
    fakeHost('d:1', 1, { locality: 'three', localityWeight: 0 }),
  ];
  const [a = 0, b = 0, c = 0, d] = countPicks(BY_WEIGHT, hosts, 1000);
  assert.ok(Math.abs(a - 800) <= 2 && Math.abs(b - 100) <= 2 && Math.abs(c - 100) <= 2, `${a} ${b} ${c}`);
  assert.equal(d, 0);
  // half of a locality carries 70% of its weight: 80 * 1 to 20 * 0.7
  const [, second] = hosts;
  assert.ok(second);
  second.isHealthy = false;
  const [most = 0, none, rest = 0] = countPicks(BY_WEIGHT, hosts, 9400);
  assert.ok(none === 0 && Math.abs(most - 8000) <= 2 && Math.abs(rest - 1400) <= 2, `${most} ${rest}`);
});

test('a ring over localities has the share of each of them', () => {
  const hosts = [
    fakeHost('a:1', 1, { locality: 'one', localityWeight: 3 }),
    fakeHost('b:1', 1, { locality: 'two', localityWeight: 1 }),
    fakeHost('c:1', 1, { locality: 'three', localityWeight: 0 }),
  ];
  const [a = 0, b = 0, c] = countPicks(levels({ policy: ringHash(), locality: { kind: 'weighted' } }), hosts, 20_000);
  assert.ok(c === 0 && Math.abs(a / (a + b) - 0.75) < 0.06, `${a} ${b}`);
});

test('a hash chooses the priority as well as the host', () => {
  const hosts = [fakeHost('a:1'), fakeHost('b:1'), fakeHost('c:1', 1, { priority: 1 })];
  const [a] = hosts;
  assert.ok(a);
  a.isHealthy = false;
  const byMaglev = levels({ policy: maglev(), locality: { kind: 'weighted' } });
  const counts = [0, 0, 0];
  for (let i = 0; i < 500; i++) {
    const picks = countPicks(byMaglev, hosts, 2, {}, { ...PLAIN_PICK, hash: xxHash64(`key ${i}`) });
    assert.ok(picks.includes(2), `key ${i} went to two hosts`);
    counts.forEach((_, at) => (counts[at] = (counts[at] ?? 0) + (picks[at] ?? 0) / 2));
  }
  // priority 0 carries 70%; 4 sigma of 500 is 8%
  assert.ok(counts[0] === 0 && Math.abs((counts[1] ?? 0) / 500 - 0.7) < 0.08, `${counts.join(' ')}`);
});

test('hashes go to degraded hosts only where no healthy one is left', () => {
  const hosts = [fakeHost('a:1'), fakeHost('b:1', 1, { health: 'degraded' })];
  const byRing = levels({ policy: ringHash(), locality: { kind: 'weighted' } });
  assert.deepEqual(countPicks(byRing, hosts, 50), [50, 0, 0]);
  const [a] = hosts;
  assert.ok(a);
  a.isHealthy = false;
  assert.deepEqual(countPicks(byRing, hosts, 50), [0, 50, 0]);
});
