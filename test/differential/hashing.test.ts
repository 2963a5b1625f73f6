/** Consistent hashing: both proxies put each key on the same host. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type FleetCheck, fleetServers, fleetSetup, fleetTests, type Member, members, type Place, typed } from './framework/fleet.ts';
import { compareTopic } from './framework/topic.ts';

const down = (...hosts: readonly number[]): Member[] => hosts.map((host) => ({ host, health: 'UNHEALTHY' }));

const BY_KEY: JsonObject = { hash_policy: [{ header: { header_name: 'x-key' } }] };
const RING: JsonObject = { lb_policy: 'RING_HASH' };
const MAGLEV: JsonObject = { lb_policy: 'MAGLEV' };

const FIVE: readonly Place[] = [{ members: members(0, 1, 2, 3, 4) }];
const WEIGHTED: readonly Place[] = [{ members: [0, 1, 2, 3].map((host) => ({ host, weight: host * 3 + 1 })) }];

/** Keys of every length up to 80, so that the hash goes through all of its ways. */
const keyOf = (i: number): string => `${'k'.repeat(i)}-${i * 7919}`;

const check = (name: string, places: readonly Place[], policy: JsonObject, rest: Partial<FleetCheck> = {}): FleetCheck => ({
  name,
  places,
  policy,
  action: BY_KEY,
  requests: 80,
  ask: (i) => ({ headers: { 'x-key': keyOf(i) } }),
  wants: 'same',
  ...rest,
});

const named: readonly Place[] = [{ members: [0, 1, 2, 3].map((host) => ({ host, lb: { hash_key: `köln-${host}` } })) }];
const places: readonly Place[] = [
  { zone: 'a', weight: 5, members: members(0, 1) },
  { zone: 'b', weight: 2, members: members(2) },
  { zone: 'c', members: members(3) },
];
const failing: readonly Place[] = [{ members: [...members(0, 1), ...down(2, 3)] }, { priority: 1, members: members(4, 5, 6) }];
const panicking: readonly Place[] = [{ members: [...members(0), ...down(1, 2, 3)] }];

/** A check of how a request is hashed, on a ring of five. */
const hashing = (name: string, policies: JsonObject[], ask: NonNullable<FleetCheck['ask']>): FleetCheck =>
  check(name, FIVE, RING, { action: { hash_policy: policies }, ask, requests: 50 });

const CHECKS: FleetCheck[] = [
  check('ring', FIVE, RING),
  check('ring-small', FIVE, { ...RING, ring_hash_lb_config: { minimum_ring_size: 16, maximum_ring_size: 64 } }),
  check('ring-of-seven', FIVE, { ...RING, ring_hash_lb_config: { minimum_ring_size: 7, maximum_ring_size: 7 } }),
  check('ring-murmur', FIVE, { ...RING, ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2' } }),
  check('ring-weights', WEIGHTED, RING),
  check('ring-weights-murmur', WEIGHTED, { ...RING, ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2', minimum_ring_size: 100 } }),
  check('ring-hash-keys', named, RING),
  check('ring-localities', places, { ...RING, common_lb_config: { locality_weighted_lb_config: {} } }),
  check('ring-localities-unused', places, RING),
  check('ring-priorities', failing, RING),
  check('ring-panic', panicking, RING),
  check('ring-typed', FIVE, { load_balancing_policy: typed('ring_hash', 'RingHash', { minimum_ring_size: 50 }) }),
  check('ring-typed-murmur', WEIGHTED, {
    load_balancing_policy: typed('ring_hash', 'RingHash', { hash_function: 'MURMUR_HASH_2' }),
  }),
  check('ring-typed-localities', places, { load_balancing_policy: typed('ring_hash', 'RingHash', { locality_weighted_lb_config: {} }) }),
  check('ring-hostnames', [{ members: [0, 1, 2].map((host) => ({ host, hostname: `host-${host}.test` })) }], {
    ...RING,
    type: 'STRICT_DNS',
    common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } },
  }),
  check('ring-without-bound', FIVE, RING, { isHeld: true, requests: 12, ask: (i) => ({ headers: { 'x-key': `k${i % 3}` } }) }),
  check(
    'ring-bounded',
    FIVE,
    { ...RING, common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 120 } } },
    {
      isHeld: true,
      requests: 24,
      ask: (i) => ({ headers: { 'x-key': i % 4 === 0 ? 'other' : 'key' } }),
    },
  ),
  check('maglev', FIVE, MAGLEV),
  check('maglev-small', FIVE, { ...MAGLEV, maglev_lb_config: { table_size: 1009 } }),
  check('maglev-weights', WEIGHTED, MAGLEV),
  check('maglev-hash-keys', named, MAGLEV),
  check('maglev-localities', places, { ...MAGLEV, common_lb_config: { locality_weighted_lb_config: {} } }),
  check('maglev-priorities', failing, MAGLEV),
  check('maglev-panic', panicking, MAGLEV),
  check('maglev-order', [{ members: members(4, 2, 0, 3, 1) }], MAGLEV),
  check('maglev-typed', FIVE, { load_balancing_policy: typed('maglev', 'Maglev', { table_size: 5003 }) }),
  check(
    'maglev-bounded',
    WEIGHTED,
    { ...MAGLEV, common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 150 } } },
    {
      isHeld: true,
      requests: 24,
      ask: () => ({ headers: { 'x-key': 'key' } }),
    },
  ),
  check(
    'maglev-typed-bounded',
    FIVE,
    {
      load_balancing_policy: typed('maglev', 'Maglev', { consistent_hashing_lb_config: { hash_balance_factor: 100 } }),
    },
    { isHeld: true, requests: 15, ask: (i) => ({ headers: { 'x-key': `key${i % 2}` } }) },
  ),
  hashing('several-values', [{ header: { header_name: 'x-key' } }], (i) => ({ headers: { 'x-key': [`b${i}`, 'a', `c${i}`] } })),
  hashing(
    'rewritten',
    [{ header: { header_name: 'x-key', regex_rewrite: { pattern: { regex: '^(..).*$' }, substitution: '\\1!' } } }],
    (i) => ({ headers: { 'x-key': `${String(i).padStart(2, '0')} and more` } }),
  ),
  hashing('latin1', [{ header: { header_name: 'x-key' } }], (i) => ({ headers: { 'x-key': `\xe9\xff${i}` } })),
  hashing('cookies', [{ cookie: { name: 'at' } }], (i) => ({ headers: { cookie: `x=1; at=v${i}` } })),
  hashing('given-cookies', [{ cookie: { name: 'at', ttl: '10s' } }], (i) => ({ headers: { cookie: `at="v${i}"` } })),
  hashing('query', [{ query_parameter: { name: 'k' } }], (i) => ({ path: `?a=1&k=v${i}%20&k=2` })),
  hashing('two-policies', [{ header: { header_name: 'x-a' } }, { header: { header_name: 'x-b' } }], (i) => ({
    headers: { 'x-a': `a${i}`, 'x-b': `b${i % 5}` },
  })),
  hashing('three-policies', [{ header: { header_name: 'x-a' } }, { query_parameter: { name: 'k' } }, { cookie: { name: 'at' } }], (i) => ({
    path: `?k=${i % 3}`,
    headers: { 'x-a': `a${i}`, cookie: 'at=1' },
  })),
  hashing('terminal', [{ header: { header_name: 'x-a' }, terminal: true }, { header: { header_name: 'x-b' } }], (i) => ({
    headers: { ...(i % 2 === 0 ? {} : { 'x-a': `a${i}` }), 'x-b': `b${i}` },
  })),
  hashing(
    'terminal-without-value',
    [{ header: { header_name: 'x-a' } }, { header: { header_name: 'x-none' }, terminal: true }, { header: { header_name: 'x-b' } }],
    (i) => ({
      headers: { 'x-a': `a${i}`, 'x-b': `b${i}` },
    }),
  ),
  hashing('start-line', [{ header: { header_name: ':path' } }], (i) => ({ path: `?n=${i}` })),
  // one address: one host, the same for both
  { ...hashing('source', [{ connection_properties: { source_ip: true } }], () => ({})), requests: 5, wants: 'one' },
  {
    ...check('without-a-key', FIVE, RING, { ask: () => ({}), requests: 400 }),
    wants: { h0: 0.2, h1: 0.2, h2: 0.2, h3: 0.2, h4: 0.2 },
    tolerance: 0.13,
  },
  {
    ...check(
      'only-degraded',
      [
        {
          members: [
            { host: 0, health: 'DEGRADED' },
            { host: 1, health: 'UNHEALTHY' },
          ],
        },
      ],
      RING,
    ),
    wants: { '503': 1 },
    differs: { row: DIFFERENCES.hashToDegraded, wants: { h0: 1 } },
  },
  {
    ...check('localities-without-weights', [{ zone: 'a', members: members(0) }], {
      ...RING,
      common_lb_config: { locality_weighted_lb_config: {} },
    }),
    wants: { '503': 1 },
    differs: { row: DIFFERENCES.hashWithoutWeights, wants: { h0: 1 } },
  },
];

compareTopic({
  name: 'consistent hashing',
  servers: fleetServers,
  setup: ({ servers }) => fleetSetup(CHECKS, servers),
  cases: [],
  more: (proxies) => fleetTests(CHECKS, proxies),
});
