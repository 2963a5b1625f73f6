import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { typeRegistry } from '../../../xds/type-registry.ts';
import { fakeHost } from '../testing/fake-hosts.ts';
import { countPicks, PLAIN_PICK } from '../testing/fake-picks.ts';
import { xxHash64 } from './hash64.ts';
import { readBalancing } from './index.ts';

const read = (fields: JsonObject) => readBalancing(fromJson(ClusterSchema, fields, { registry: typeRegistry }), 'c');

const policy = (name: string, fields: JsonObject = {}): JsonObject => ({
  typed_extension_config: {
    name: 'any',
    typed_config: { '@type': `type.googleapis.com/envoy.extensions.load_balancing_policies.${name}`, ...fields },
  },
});
const typed = (name: string, fields: JsonObject = {}): JsonObject => ({ load_balancing_policy: { policies: [policy(name, fields)] } });
const CHILD: JsonObject = { policies: [policy('round_robin.v3.RoundRobin')] };
const TYPED_AT = 'c\\.load_balancing_policy\\.policies\\[0\\]\\.typed_extension_config\\.typed_config';

const refused: readonly [name: string, fields: JsonObject, message: RegExp][] = [
  ['a policy by number', { lb_policy: 7 }, /^c\.lb_policy: 7 is not/],
  ['a choice of one', { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: 1 } }, /choice_count: 1 is below 2/],
  [
    'a bias below zero',
    typed('least_request.v3.LeastRequest', { active_request_bias: { default_value: -1 } }),
    new RegExp(`^${TYPED_AT}\\.active_request_bias\\.default_value: -1 is below 0`),
  ],
  [
    'a ring upside down',
    { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: 10, maximum_ring_size: 5 } },
    /minimum_ring_size: 10 is above maximum_ring_size, 5/,
  ],
  ['too large a ring', typed('ring_hash.v3.RingHash', { maximum_ring_size: 9_000_000 }), /maximum_ring_size: 9000000 is above 8388608/],
  ['a table that is not prime', { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 100 } }, /table_size: 100 is not a prime/],
  [
    'a bound below the average',
    { lb_policy: 'MAGLEV', common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 99 } } },
    /consistent_hashing_lb_config\.hash_balance_factor: 99 is below 100/,
  ],
  [
    'names of hosts outside of DNS',
    { lb_policy: 'RING_HASH', common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } } },
    /use_hostname_for_hashing: is for STRICT_DNS/,
  ],
  ['a threshold above 100', { common_lb_config: { healthy_panic_threshold: { value: 101 } } }, /healthy_panic_threshold: 101 is outside/],
  [
    'a negative aggression',
    typed('round_robin.v3.RoundRobin', { slow_start_config: { slow_start_window: '1s', aggression: { default_value: 0 } } }),
    /aggression\.default_value: 0 is not above zero/,
  ],
  [
    'an unknown basis of zones',
    typed('random.v3.Random', { locality_lb_config: { zone_aware_lb_config: { locality_basis: 9 } } }),
    /locality_basis: 9 is none of HEALTHY_HOSTS_NUM, HEALTHY_HOSTS_WEIGHT/,
  ],
  [
    'subsets beside a typed policy',
    { ...typed('round_robin.v3.RoundRobin'), lb_subset_config: {} },
    /^c\.lb_subset_config: cannot be combined with load_balancing_policy/,
  ],
  [
    'localities beside a typed policy',
    { ...typed('round_robin.v3.RoundRobin'), common_lb_config: { locality_weighted_lb_config: {} } },
    /^c\.common_lb_config: .* cannot be combined/,
  ],
  [
    'subsets of hosts that the cluster makes',
    { lb_policy: 'CLUSTER_PROVIDED', lb_subset_config: { subset_selectors: [{ keys: ['a'] }] } },
    /lb_subset_config: cannot be combined with CLUSTER_PROVIDED/,
  ],
  ['a selector without keys', { lb_subset_config: { subset_selectors: [{ keys: [] }] } }, /subset_selectors\[0\]\.keys: is empty/],
  [
    'fewer keys that are none',
    { lb_subset_config: { subset_selectors: [{ keys: ['a'], fallback_policy: 'KEYS_SUBSET' }] } },
    /fallback_keys_subset: is empty/,
  ],
  [
    'fewer keys that are others',
    { lb_subset_config: { subset_selectors: [{ keys: ['a', 'b'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['c'] }] } },
    /fallback_keys_subset: "c" is none of keys/,
  ],
  [
    'fewer keys that are all',
    { lb_subset_config: { subset_selectors: [{ keys: ['a'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['a'] }] } },
    /fallback_keys_subset: equals keys/,
  ],
  ['no policy at all', { load_balancing_policy: {} }, /^c\.load_balancing_policy: has no policies; Tulle knows envoy\./],
  [
    'no policy that is known',
    { load_balancing_policy: { policies: [{ typed_extension_config: { name: 'envoy.load_balancing_policies.pick_first' } }] } },
    /none of its policies is supported: envoy\.load_balancing_policies\.pick_first/,
  ],
  ['subsets of nothing', typed('subset.v3.Subset'), new RegExp(`^${TYPED_AT}\\.subset_lb_policy: has no policies`)],
  [
    'a source of hosts that is none',
    typed('override_host.v3.OverrideHost', { override_host_sources: [{}], fallback_policy: CHILD }),
    /override_host_sources\[0\]: needs one of header and metadata/,
  ],
  ['no source of hosts', typed('override_host.v3.OverrideHost', { fallback_policy: CHILD }), /override_host_sources: is empty/],
  ['decay of no time', typed('peak_ewma.v3alpha.PeakEwma', { decay_time: '0s' }), /decay_time: 0 s is not above zero/],
];

for (const [name, fields, message] of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(() => read({ name: 'c', ...fields }), { name: 'ConfigError', message });
  });
}

const hosts = [
  fakeHost('10.0.0.1:80', 3, { locality: 'a', localityWeight: 1 }),
  fakeHost('10.0.0.2:80', 1, { locality: 'b', localityWeight: 3 }),
];

const accepted: readonly [name: string, fields: JsonObject, want: readonly [number, number]][] = [
  ['weights by default', {}, [75, 25]],
  ['weights of localities', { common_lb_config: { locality_weighted_lb_config: {} } }, [25, 75]],
  ['weights of localities around a policy', typed('wrr_locality.v3.WrrLocality', { endpoint_picking_policy: CHILD }), [25, 75]],
  ['least request by weight', { lb_policy: 'LEAST_REQUEST' }, [75, 25]],
  [
    'the first known policy',
    {
      load_balancing_policy: {
        policies: [{ typed_extension_config: { name: 'envoy.load_balancing_policies.pick_first' } }, policy('round_robin.v3.RoundRobin')],
      },
    },
    [75, 25],
  ],
  ['peak EWMA by weight', typed('peak_ewma.v3alpha.PeakEwma', { default_rtt: '0.01s' }), [100, 0]],
];

for (const [name, fields, want] of accepted) {
  test(`accepted: ${name}`, () => {
    const { build } = read({ name: 'c', ...fields });
    const [first = 0, second = 0] = countPicks(build, hosts, 100);
    assert.ok(Math.abs(first - want[0]) <= 1 && first + second === 100, `${first} and ${second}, wanted ${want.join(' and ')}`);
  });
}

test('hash policies put a key on one host', () => {
  for (const fields of [{ lb_policy: 'RING_HASH' }, { lb_policy: 'MAGLEV' }, typed('ring_hash.v3.RingHash'), typed('maglev.v3.Maglev')]) {
    const picks = countPicks(read({ name: 'c', ...fields }).build, hosts, 20, {}, { ...PLAIN_PICK, hash: xxHash64('key') });
    assert.ok(picks.includes(20));
  }
});
