/** How a cluster's traffic spreads over hosts, priorities and localities. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type FleetCheck, fleetServers, fleetSetup, fleetTests, type Member, members, typed } from './framework/fleet.ts';
import { type } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const down = (...hosts: readonly number[]): Member[] => hosts.map((host) => ({ host, health: 'UNHEALTHY' }));
const half = (...hosts: readonly number[]): Member[] => hosts.map((host) => ({ host, health: 'DEGRADED' }));

const NO_PANIC: JsonObject = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };
const LOCALITY_WEIGHTS: JsonObject = { common_lb_config: { locality_weighted_lb_config: {} } };

/** Eight hundred picks: 4 sigma of a share of one half are 7%. */
const MANY = 800;
const CHANCE = 0.072;

/** No host of the fleet: connections to it fail. */
const NOBODY = 99;

const CHECKS: FleetCheck[] = [
  { name: 'turns', places: [{ members: members(0, 1, 2) }], requests: 90, wants: { h0: 1 / 3, h1: 1 / 3, h2: 1 / 3 } },
  {
    name: 'turns-by-weight',
    places: [
      {
        members: [
          { host: 0, weight: 5 },
          { host: 1, weight: 3 },
          { host: 2, weight: 2 },
        ],
      },
    ],
    requests: 200,
    wants: { h0: 0.5, h1: 0.3, h2: 0.2 },
    tolerance: 0.02,
  },
  {
    name: 'random',
    places: [{ members: members(0, 1) }],
    policy: { lb_policy: 'RANDOM' },
    requests: MANY,
    wants: { h0: 0.5, h1: 0.5 },
    tolerance: CHANCE,
  },
  {
    name: 'retries-elsewhere',
    places: [{ members: members(0, NOBODY) }],
    policy: { lb_policy: 'RANDOM' },
    action: { retry_policy: { retry_on: 'connect-failure', num_retries: 1 } },
    requests: 200,
    wants: { h0: 0.75, '503': 0.25 },
    tolerance: 0.13,
    differs: { row: DIFFERENCES.retriesElsewhere, wants: { h0: 1 } },
  },
  {
    name: 'retries-anywhere',
    places: [{ members: members(0, NOBODY) }],
    policy: { lb_policy: 'RANDOM' },
    action: { retry_policy: { retry_on: 'connect-failure', num_retries: 1, host_selection_retry_max_attempts: 1 } },
    requests: 200,
    wants: { h0: 0.75, '503': 0.25 },
    tolerance: 0.13,
  },
  {
    name: 'random-ignores-weights',
    places: [{ members: [{ host: 0, weight: 10 }, { host: 1 }] }],
    policy: { lb_policy: 'RANDOM' },
    requests: MANY,
    wants: { h0: 0.5, h1: 0.5 },
    tolerance: CHANCE,
  },
  {
    name: 'least-request',
    places: [{ members: members(0, 1) }],
    policy: { lb_policy: 'LEAST_REQUEST' },
    requests: MANY,
    wants: { h0: 0.5, h1: 0.5 },
    tolerance: CHANCE,
  },
  {
    name: 'least-request-by-weight',
    places: [{ members: [{ host: 0, weight: 3 }, { host: 1 }] }],
    policy: { lb_policy: 'LEAST_REQUEST' },
    requests: 200,
    wants: { h0: 0.75, h1: 0.25 },
    tolerance: 0.02,
  },
  {
    // (requests + 1) of the first grows as it gets them: 4 of 6 would be its share by weight alone
    name: 'least-request-by-weight-and-load',
    places: [
      {
        members: [
          { host: 0, weight: 4 },
          { host: 1, weight: 2 },
        ],
      },
    ],
    policy: { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { active_request_bias: { default_value: 1, runtime_key: 'none' } } },
    requests: 12,
    isHeld: true,
    wants: { h0: 0.6, h1: 0.4 },
    tolerance: 0.09,
  },
  {
    name: 'least-request-without-bias',
    places: [
      {
        members: [
          { host: 0, weight: 4 },
          { host: 1, weight: 2 },
        ],
      },
    ],
    policy: { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { active_request_bias: { default_value: 0, runtime_key: 'none' } } },
    requests: 12,
    isHeld: true,
    wants: { h0: 2 / 3, h1: 1 / 3 },
    tolerance: 0.09,
  },
  {
    name: 'least-request-of-all',
    places: [{ members: members(0, 1, 2, 3) }],
    policy: { load_balancing_policy: typed('least_request', 'LeastRequest', { selection_method: 'FULL_SCAN' }) },
    requests: 12,
    isHeld: true,
    wants: { h0: 0.25, h1: 0.25, h2: 0.25, h3: 0.25 },
    tolerance: 0,
  },
  {
    name: 'least-request-of-many-choices',
    places: [{ members: members(0, 1) }],
    policy: { load_balancing_policy: typed('least_request', 'LeastRequest', { choice_count: 30 }) },
    requests: 12,
    isHeld: true,
    wants: { h0: 0.5, h1: 0.5 },
    tolerance: 0,
  },
  { name: 'one-down', places: [{ members: [...down(0), ...members(1, 2)] }], requests: 60, wants: { h1: 0.5, h2: 0.5 } },
  { name: 'panic', places: [{ members: [...down(0, 1), ...members(2)] }], requests: 60, wants: { h0: 1 / 3, h1: 1 / 3, h2: 1 / 3 } },
  { name: 'at-the-threshold', places: [{ members: [...down(0), ...members(1)] }], requests: 20, wants: { h1: 1 } },
  { name: 'no-panic', places: [{ members: [...down(0, 1), ...members(2)] }], policy: NO_PANIC, requests: 20, wants: { h2: 1 } },
  { name: 'all-down', places: [{ members: down(0, 1) }], requests: 60, wants: { h0: 0.5, h1: 0.5 }, tolerance: 0.02 },
  { name: 'all-down-without-panic', places: [{ members: down(0, 1) }], policy: NO_PANIC, requests: 20, wants: { '503': 1 } },
  {
    name: 'draining-and-timed-out',
    places: [{ members: [{ host: 0, health: 'DRAINING' }, { host: 1, health: 'TIMEOUT' }, ...members(2, 3)] }],
    requests: 40,
    wants: { h2: 0.5, h3: 0.5 },
  },
  {
    name: 'panic-without-traffic',
    places: [{ members: [...down(0, 1), ...members(2)] }],
    policy: { common_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } } },
    requests: 20,
    wants: { '503': 1 },
  },
  {
    name: 'degraded-wait',
    places: [{ members: [...members(0, 1, 2), ...half(3)] }],
    requests: 60,
    wants: { h0: 1 / 3, h1: 1 / 3, h2: 1 / 3 },
  },
  {
    name: 'degraded-help',
    places: [{ members: [...members(0), ...half(1)] }],
    requests: MANY,
    wants: { h0: 0.7, h1: 0.3 },
    tolerance: CHANCE,
  },
  { name: 'degraded-alone', places: [{ members: [...half(0, 1)] }], requests: 40, wants: { h0: 0.5, h1: 0.5 } },
  {
    name: 'degraded-of-a-priority',
    places: [
      { priority: 0, members: [...members(0), ...half(1), ...down(2, 3)] },
      { priority: 1, members: members(4) },
    ],
    requests: MANY,
    wants: { h0: 0.35, h4: 0.65 },
    tolerance: CHANCE,
  },
  { name: 'first-priority', places: [{ members: members(0) }, { priority: 1, members: members(1) }], requests: 20, wants: { h0: 1 } },
  { name: 'failover', places: [{ members: down(0) }, { priority: 1, members: members(1) }], requests: 20, wants: { h1: 1 } },
  {
    name: 'overflow',
    places: [{ members: [...members(0), ...down(1)] }, { priority: 1, members: members(2) }],
    requests: MANY,
    wants: { h0: 0.7, h2: 0.3 },
    tolerance: CHANCE,
  },
  {
    name: 'overprovisioning',
    places: [{ members: [...members(0), ...down(1)] }, { priority: 1, members: members(2) }],
    assignment: { policy: { overprovisioning_factor: 100 } },
    requests: MANY,
    wants: { h0: 0.5, h2: 0.5 },
    tolerance: CHANCE,
  },
  {
    name: 'gap-between-priorities',
    places: [{ members: down(0) }, { priority: 3, members: members(1) }, { priority: 2, members: down(2) }],
    requests: 20,
    wants: { h1: 1 },
  },
  {
    name: 'panic-of-all-priorities',
    places: [{ members: down(0) }, { priority: 1, members: down(1, 2, 3) }],
    requests: MANY,
    wants: { h0: 0.25, h1: 0.25, h2: 0.25, h3: 0.25 },
    tolerance: CHANCE,
  },
  {
    // 1 of 5 carries 28% and panics; the second carries 70%, and all is scaled to 98
    name: 'panic-of-one-priority',
    places: [{ members: [...members(0), ...down(1, 2, 3, 4)] }, { priority: 1, members: [...members(5), ...down(6)] }],
    requests: MANY,
    wants: { h0: 0.058, h1: 0.058, h2: 0.058, h3: 0.058, h4: 0.058, h5: 0.71 },
    tolerance: CHANCE,
  },
  {
    name: 'locality-weights',
    places: [
      { zone: 'a', weight: 80, members: members(0) },
      { zone: 'b', weight: 20, members: members(1, 2) },
    ],
    policy: LOCALITY_WEIGHTS,
    requests: 200,
    wants: { h0: 0.8, h1: 0.1, h2: 0.1 },
    tolerance: 0.02,
  },
  {
    name: 'locality-weights-unused',
    places: [
      { zone: 'a', weight: 80, members: members(0) },
      { zone: 'b', weight: 20, members: members(1, 2) },
    ],
    requests: 60,
    wants: { h0: 1 / 3, h1: 1 / 3, h2: 1 / 3 },
  },
  {
    name: 'locality-half-down',
    places: [
      { zone: 'a', weight: 70, members: members(0) },
      { zone: 'b', weight: 100, members: [...members(1), ...down(2)] },
    ],
    policy: LOCALITY_WEIGHTS,
    requests: 200,
    wants: { h0: 0.5, h1: 0.5 },
    tolerance: 0.02,
  },
  {
    name: 'locality-without-weight',
    places: [
      { zone: 'a', weight: 10, members: members(0) },
      { zone: 'b', members: members(1) },
    ],
    policy: LOCALITY_WEIGHTS,
    requests: 20,
    wants: { h0: 1 },
  },
  {
    name: 'locality-weights-and-priorities',
    places: [
      { zone: 'a', weight: 1, members: down(0) },
      { zone: 'b', weight: 3, priority: 1, members: members(1) },
      { zone: 'c', weight: 1, priority: 1, members: members(2) },
    ],
    policy: LOCALITY_WEIGHTS,
    requests: 200,
    wants: { h1: 0.75, h2: 0.25 },
    tolerance: 0.02,
  },
  {
    name: 'locality-weights-of-least-request',
    places: [
      { zone: 'a', weight: 3, members: members(0) },
      { zone: 'b', weight: 1, members: members(1) },
    ],
    policy: {
      load_balancing_policy: typed('least_request', 'LeastRequest', { locality_lb_config: { locality_weighted_lb_config: {} } }),
    },
    requests: 200,
    wants: { h0: 0.75, h1: 0.25 },
    tolerance: 0.02,
  },
  {
    name: 'locality-panic',
    places: [
      { zone: 'a', weight: 90, members: [...members(0), ...down(1)] },
      { zone: 'b', weight: 10, members: down(2, 3) },
    ],
    policy: LOCALITY_WEIGHTS,
    requests: 80,
    wants: { h0: 0.25, h1: 0.25, h2: 0.25, h3: 0.25 },
    tolerance: 0.02,
  },
  {
    name: 'typed-turns',
    places: [{ members: members(0, 1) }],
    policy: { load_balancing_policy: typed('round_robin', 'RoundRobin') },
    requests: 40,
    wants: { h0: 0.5, h1: 0.5 },
  },
  {
    name: 'typed-random',
    places: [{ members: members(0, 1) }],
    policy: { load_balancing_policy: typed('random', 'Random') },
    requests: MANY,
    wants: { h0: 0.5, h1: 0.5 },
    tolerance: CHANCE,
  },
  {
    name: 'typed-first-known',
    places: [
      {
        members: [
          { host: 0, weight: 9 },
          { host: 1, weight: 1 },
        ],
      },
    ],
    policy: {
      lb_policy: 'RANDOM',
      load_balancing_policy: {
        policies: [
          {
            typed_extension_config: {
              name: 'none',
              typed_config: type('xds.type.v3.TypedStruct', { type_url: 'type.googleapis.com/none' }),
            },
          },
          ...[typed('round_robin', 'RoundRobin')['policies'] ?? []].flat(),
        ],
      },
    },
    requests: 100,
    wants: { h0: 0.9, h1: 0.1 },
    tolerance: 0.02,
  },
  {
    name: 'draining-before-the-next-priority',
    places: [
      { priority: 0, members: [...members(0), { host: 1, health: 'DRAINING' }] },
      { priority: 1, members: members(2) },
    ],
    requests: 50,
    wants: { h0: 1 },
  },
  {
    name: 'all-draining',
    places: [{ members: [0, 1].map((host) => ({ host, health: 'DRAINING' })) }],
    requests: 40,
    wants: { h0: 0.5, h1: 0.5 },
  },
  {
    name: 'draining-in-a-locality',
    places: [
      { zone: 'a', weight: 50, members: members(0) },
      { zone: 'b', weight: 50, members: [...members(1), { host: 2, health: 'DRAINING' }, { host: 3, health: 'DRAINING' }] },
    ],
    policy: LOCALITY_WEIGHTS,
    requests: 100,
    wants: { h0: 0.5, h1: 0.5 },
    tolerance: 0.02,
  },
];

compareTopic({
  name: 'balancing',
  servers: fleetServers,
  setup: ({ servers }) => fleetSetup(CHECKS, servers),
  cases: [],
  more: (proxies) => fleetTests(CHECKS, proxies),
});
