/** What consistent hashing promises: few keys move when hosts come and go, and the order of hosts does not count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Host } from '../cluster.ts';
import { fakeHost } from '../testing/fake-hosts.ts';
import { policyScope } from '../testing/fake-picks.ts';
import { xxHash64 } from './hash64.ts';
import type { Policy } from './load-balancer.ts';
import { DEFAULT_MAGLEV, maglev } from './maglev.ts';
import { DEFAULT_RING, ringHash } from './ring-hash.ts';

const KEYS = Array.from({ length: 1000 }, (_, i) => xxHash64(`key ${i}`));

function choicesOf(policy: Policy, hosts: readonly Host[]): Host[] {
  const balancer = policy.create(hosts, policyScope(1));
  return KEYS.map((key) => balancer.pick(key, 0));
}

/** Of all keys, those that move from a host that stays to another that stays. */
const policies: readonly [name: string, policy: Policy, moved: number][] = [
  ['a ring of one entry each', ringHash({ ...DEFAULT_RING, min: 1 }), 0],
  // the fewer hosts, the more entries each has: some of them come between others
  ['ring hash', ringHash({ ...DEFAULT_RING, min: 4096 }), 0.15],
  ['ring hash by MurmurHash2', ringHash({ ...DEFAULT_RING, function: 'murmur2' }), 0.15],
  ['maglev', maglev({ ...DEFAULT_MAGLEV, tableSize: 5003 }), 0.08],
];

for (const [name, policy, limit] of policies) {
  test(`${name}: keys of hosts that stay hardly move when one leaves`, () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(65_535), { minLength: 4, maxLength: 12 }), fc.nat(), (ids, which) => {
        const hosts = ids.map((id) => fakeHost(`10.1.${id >> 8}.${id & 255}:80`));
        const gone = hosts[which % hosts.length];
        const before = choicesOf(policy, hosts);
        const after = choicesOf(
          policy,
          hosts.filter((host) => host !== gone),
        );
        const moved = before.filter((host, i) => host !== gone && after[i] !== host).length / KEYS.length;
        assert.ok(moved <= limit, `${moved} of the keys moved without need`);
        assert.ok(after.every((host) => host !== gone));
      }),
      { numRuns: 12 },
    );
  });

  test(`${name}: the order of hosts does not count`, () => {
    const hosts = Array.from({ length: 6 }, (_, i) => fakeHost(`10.0.0.${i}:80`));
    assert.deepEqual(
      choicesOf(policy, hosts).map((host) => host.key),
      choicesOf(policy, hosts.toReversed()).map((host) => host.key),
    );
  });
}

test('a host keeps its keys under another address where its metadata says who it is', () => {
  const hostsAt = (port: number): Host[] =>
    [0, 1, 2].map((i) => fakeHost(`10.0.0.${i}:${port}`, 1, { metadata: { 'envoy.lb': { hash_key: `shard-${i}` } } }));
  const indexes = (hosts: Host[]): number[] => choicesOf(maglev(), hosts).map((host) => hosts.indexOf(host));
  assert.deepEqual(indexes(hostsAt(80)), indexes(hostsAt(8080)));
});
