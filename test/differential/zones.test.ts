/** Zone-aware routing: how much of the traffic stays in the proxy's own zone. */
import type { JsonObject } from '@bufbuild/protobuf';
import { type FleetCheck, fleetCluster, fleetServers, fleetSetup, fleetTests, members, type Place, typed } from './framework/fleet.ts';
import { compareTopic } from './framework/topic.ts';

const place = (zone: string, ...hosts: readonly number[]): Place => ({ zone, members: members(...hosts) });

/** Two proxies in this one's zone, one in each of two others. */
const LOCAL: readonly Place[] = [place('a', 0, 1), place('b', 2), place('c', 3)];

const even = (hosts: readonly number[], share = 1): Record<string, number> =>
  Object.fromEntries(hosts.map((host) => [`h${host}`, share / hosts.length]));

const MANY = 800;
const CHANCE = 0.072;

/** Half of the proxies are in zone a, and half of the hosts. */
const HALF: readonly Place[] = [place('a', 0, 1, 2), place('b', 3, 4, 5)];
/** A quarter of the hosts is there for half of the proxies. */
const QUARTER: readonly Place[] = [place('a', 0, 1), place('b', 2, 3, 4), place('c', 5, 6, 7)];

const zoneAware = (fields: JsonObject): JsonObject => ({ common_lb_config: { zone_aware_lb_config: fields } });
const byType = (fields: JsonObject): JsonObject => ({
  load_balancing_policy: typed('round_robin', 'RoundRobin', { locality_lb_config: { zone_aware_lb_config: fields } }),
});

const CHECKS: FleetCheck[] = [
  { name: 'all-stays', places: HALF, requests: 60, wants: even([0, 1, 2]) },
  { name: 'all-stays-random', places: HALF, policy: { lb_policy: 'RANDOM' }, requests: MANY, wants: even([0, 1, 2]), tolerance: CHANCE },
  {
    name: 'half-stays',
    places: QUARTER,
    requests: MANY,
    wants: { ...even([0, 1], 0.5), ...even([2, 3, 4, 5, 6, 7], 0.5) },
    tolerance: CHANCE,
  },
  {
    // the others have room as far as they are more than their proxies: b 1/4, c 1/8
    name: 'residual',
    places: [place('a', 0, 1), place('b', 2, 3, 4, 5), place('c', 6, 7)],
    requests: MANY,
    wants: { ...even([0, 1], 0.5), ...even([2, 3, 4, 5], 0.5), h6: 0, h7: 0 },
    tolerance: CHANCE,
  },
  {
    name: 'nothing-here',
    places: [place('b', 0, 1, 2), place('c', 3, 4, 5)],
    requests: MANY,
    wants: even([0, 1, 2, 3, 4, 5]),
    tolerance: CHANCE,
  },
  { name: 'too-small', places: [place('a', 0, 1), place('b', 2, 3)], requests: 80, wants: even([0, 1, 2, 3]) },
  {
    name: 'small-enough',
    places: [place('a', 0, 1), place('b', 2, 3)],
    policy: zoneAware({ min_cluster_size: 4 }),
    requests: 40,
    wants: even([0, 1]),
  },
  { name: 'off', places: HALF, policy: zoneAware({ routing_enabled: { value: 0 } }), requests: 60, wants: even([0, 1, 2, 3, 4, 5]) },
  {
    name: 'for-a-share',
    places: HALF,
    policy: zoneAware({ routing_enabled: { value: 50 } }),
    requests: MANY,
    wants: { ...even([0, 1, 2], 0.75), ...even([3, 4, 5], 0.25) },
    tolerance: CHANCE,
  },
  { name: 'one-zone', places: [place('b', 0, 1, 2, 3, 4, 5)], requests: 60, wants: even([0, 1, 2, 3, 4, 5]) },
  {
    name: 'unhealthy-here',
    places: [
      { zone: 'a', members: [...members(0), { host: 1, health: 'UNHEALTHY' }, { host: 2, health: 'UNHEALTHY' }] },
      place('b', 3, 4, 5, 6, 7),
    ],
    requests: MANY,
    wants: { h0: 1 / 3, ...even([3, 4, 5, 6, 7], 2 / 3) },
    tolerance: CHANCE,
  },
  {
    name: 'by-weights',
    places: [
      { zone: 'a', weight: 1, members: members(0, 1, 2) },
      { zone: 'b', weight: 2, members: members(3, 4, 5) },
    ],
    policy: { common_lb_config: { locality_weighted_lb_config: {} } },
    requests: 120,
    wants: { ...even([0, 1, 2], 1 / 3), ...even([3, 4, 5], 2 / 3) },
    tolerance: 0.02,
  },
  { name: 'by-ring', places: HALF, policy: { lb_policy: 'RING_HASH' }, requests: MANY, wants: even([0, 1, 2, 3, 4, 5]), tolerance: 0.12 },
  {
    name: 'second-priority',
    places: [{ members: [{ host: 9, health: 'UNHEALTHY' }] }, ...HALF.map((own) => ({ ...own, priority: 1 }))],
    requests: 60,
    wants: even([0, 1, 2, 3, 4, 5]),
    tolerance: 0.02,
  },
  { name: 'typed', places: HALF, policy: byType({}), requests: 60, wants: even([0, 1, 2]) },
  {
    name: 'typed-least-request',
    places: HALF,
    policy: { load_balancing_policy: typed('least_request', 'LeastRequest') },
    requests: MANY,
    wants: even([0, 1, 2]),
    tolerance: CHANCE,
  },
  { name: 'forced', places: QUARTER, policy: byType({ force_local_zone: {} }), requests: 60, wants: even([0, 1]) },
  {
    name: 'forced-from-three',
    places: QUARTER,
    policy: byType({ force_local_zone: { min_size: 3 } }),
    requests: MANY,
    wants: { ...even([0, 1], 0.5), ...even([2, 3, 4, 5, 6, 7], 0.5) },
    tolerance: CHANCE,
  },
  {
    name: 'panic',
    places: [
      {
        zone: 'a',
        members: [
          { host: 0, health: 'UNHEALTHY' },
          { host: 1, health: 'UNHEALTHY' },
        ],
      },
      place('b', 2),
    ],
    policy: zoneAware({ min_cluster_size: 1 }),
    requests: 60,
    wants: even([0, 1, 2]),
  },
];

compareTopic({
  name: 'zones',
  servers: fleetServers,
  setup: ({ servers }) => {
    const { routes, clusters } = fleetSetup(CHECKS, servers);
    return {
      routes,
      clusters: [fleetCluster('local', LOCAL, {}, servers), ...clusters],
      bootstrap: {
        node: { id: 'compare', cluster: 'compare', locality: { region: 'r', zone: 'a' } },
        cluster_manager: { local_cluster_name: 'local' },
      },
    };
  },
  cases: [],
  more: (proxies) => fleetTests(CHECKS, proxies),
});
