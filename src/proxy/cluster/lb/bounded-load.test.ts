import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fakeHost } from '../testing/fake-hosts.ts';
import { policyScope } from '../testing/fake-picks.ts';
import { xxHash64 } from './hash64.ts';
import { DEFAULT_MAGLEV, maglev } from './maglev.ts';
import { DEFAULT_RING, ringHash } from './ring-hash.ts';

test('no host gets much more than its share, however many ask for one key, and the order is the same every time', () => {
  for (const policy of [
    ringHash({ ...DEFAULT_RING, balanceFactor: 120 }),
    maglev({ ...DEFAULT_MAGLEV, tableSize: 1009, balanceFactor: 120 }),
  ]) {
    const run = (seed: number): string[] => {
      const hosts = Array.from({ length: 5 }, (_, i) => fakeHost(`10.0.0.${i}:80`));
      const balancer = policy.create(hosts, policyScope(seed, hosts));
      const chosen = Array.from({ length: 100 }, () => {
        const host = balancer.pick(xxHash64('one key'), 0);
        host.activeRequests++;
        return host.key;
      });
      // 120% of 100 / 5, and the one that is let through when all slots are taken
      for (const host of hosts) assert.ok(host.activeRequests <= 25, `${host.key} has ${host.activeRequests}`);
      return chosen;
    };
    assert.deepEqual(run(1), run(2));
  }
});

test('idle hosts are chosen as without a bound', () => {
  const hosts = Array.from({ length: 7 }, (_, i) => fakeHost(`10.0.0.${i}:80`, i + 1));
  const [bounded, free] = [ringHash({ ...DEFAULT_RING, balanceFactor: 100 }), ringHash()].map((policy) =>
    policy.create(hosts, policyScope(1, hosts)),
  );
  fc.assert(
    fc.property(fc.string(), (key) => {
      assert.equal(bounded?.pick(xxHash64(key), 0), free?.pick(xxHash64(key), 0));
    }),
  );
});
