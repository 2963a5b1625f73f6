import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from '../../telemetry/registry.ts';
import type { ClusterHost } from '../host.ts';
import { fakeHost } from '../testing/fake-hosts.ts';
import { countPicks } from '../testing/fake-picks.ts';
import { levels } from './levels.ts';
import type { LocalZone } from './picker.ts';
import { roundRobin } from './round-robin.ts';
import { DEFAULT_ZONE_RULE, type ZoneRule } from './zone-source.ts';

const inZones = (zones: string): ClusterHost[] => zones.split('').map((zone, i) => fakeHost(`10.0.0.${i}:80`, 1, { locality: zone }));

interface Local extends LocalZone {
  proxies: ClusterHost[];
  changes: number;
}

function localZone(zones: string): Local {
  return {
    locality: 'a',
    proxies: inZones(zones),
    changes: 1,
    hosts() {
      return this.proxies;
    },
    version() {
      return this.changes;
    },
  };
}

/** Share of picks in zone `a`. */
function shareHere(hosts: readonly ClusterHost[], zone: LocalZone, rule: Partial<ZoneRule> = {}, stats = createStats()): number {
  const build = levels({ policy: roundRobin(), locality: { kind: 'zones', ...DEFAULT_ZONE_RULE, ...rule } });
  const counts = countPicks(build, hosts, 4000, { zone, stats });
  return hosts.reduce((sum, host, i) => sum + (host.endpoint.locality === 'a' ? (counts[i] ?? 0) : 0), 0) / 4000;
}

const cases: readonly [name: string, hosts: string, proxies: string, rule: Partial<ZoneRule>, want: number][] = [
  ['as many hosts as proxies here', 'aaabbb', 'ab', {}, 1],
  ['half as many hosts as proxies here', 'aabbbccc', 'aabc', {}, 0.5],
  ['no proxy of this zone is known', 'aaabbb', 'bc', {}, 0.5],
  ['too few hosts', 'ab', 'ab', {}, 0.5],
  ['few hosts are enough', 'ab', 'ab', { minClusterSize: 2 }, 1],
  ['one zone of proxies', 'aaabbb', 'aa', {}, 0.5],
  ['one zone of proxies, and this one is forced', 'aaabbb', 'aa', { forceLocalMinSize: 3 }, 1],
  ['a share of requests', 'aaabbb', 'ab', { share: 0.5 }, 0.75],
];

for (const [name, hosts, proxies, rule, want] of cases) {
  test(`zones: ${name}`, () => {
    const share = shareHere(inZones(hosts), localZone(proxies), rule);
    // 4 sigma of a share of one half at 4000 picks are 3.2%
    assert.ok(Math.abs(share - want) < 0.032, `${share} stays here, wanted ${want}`);
  });
}

test('weights of hosts may count instead of their number', () => {
  const hosts = inZones('aabbbb');
  for (const host of hosts.slice(0, 2)) host.weight = 2;
  assert.ok(shareHere(hosts, localZone('ab'), {}) < 0.75);
  assert.equal(shareHere(hosts, localZone('ab'), { comparesWeights: true }), 1);
});

test('a change of the local cluster is seen, and its panic turns zones off', () => {
  const zone = localZone('ab');
  const hosts = inZones('aaabbb');
  const build = levels({ policy: roundRobin(), locality: { kind: 'zones', ...DEFAULT_ZONE_RULE } });
  const stats = createStats();
  assert.equal(shareHere(hosts, zone, {}, stats), 1);
  assert.equal(stats.counter('lb_zone_routing_all_directly').value, 4000);
  assert.equal(stats.counter('lb_recalculate_zone_structures').value, 1);
  zone.proxies = inZones('aaab');
  assert.ok(shareHere(hosts, zone) < 0.75);
  for (const proxy of zone.proxies.slice(0, 3)) proxy.isHealthy = false;
  const [counts, failing] = [false, true].map((failsOnPanic) =>
    countPicks(levels({ policy: roundRobin(), locality: { kind: 'zones', ...DEFAULT_ZONE_RULE, failsOnPanic } }), hosts, 60, { zone }),
  );
  assert.deepEqual(counts, [10, 10, 10, 10, 10, 10, 0]);
  assert.equal(failing?.at(-1), 60);
  assert.equal(countPicks(build, [], 1, { zone }).at(-1), 1);
});
