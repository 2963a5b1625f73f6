/** Subsets of a cluster's hosts by metadata, and hosts that requests name themselves. */
import type { JsonObject } from '@bufbuild/protobuf';
import { type FleetCheck, fleetServers, fleetSetup, fleetTests, members, type Place, typed } from './framework/fleet.ts';
import { httpFilter, type } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

/** h0: v1 prod, h1: v1 test, h2: v2 prod, h3: v2 prod and old, h4: nothing. */
const FIVE: readonly Place[] = [
  {
    members: [
      { host: 0, lb: { version: 'v1', stage: 'prod' } },
      { host: 1, lb: { version: 'v1', stage: 'test' } },
      { host: 2, lb: { version: 'v2', stage: 'prod' } },
      { host: 3, lb: { version: 'v2', stage: 'prod', age: 'old' } },
      { host: 4 },
    ],
  },
];

const match = (lb: JsonObject): JsonObject => ({ metadata_match: { filter_metadata: { 'envoy.lb': lb } } });
const selector = (keys: string[], rest: JsonObject = {}): JsonObject => ({ keys, ...rest });
const SELECTORS = [selector(['version']), selector(['stage', 'version'])];
const older = (fields: JsonObject): JsonObject => ({ lb_subset_config: { subset_selectors: SELECTORS, ...fields } });

const ALL = { h0: 0.2, h1: 0.2, h2: 0.2, h3: 0.2, h4: 0.2 };
const NOBODY = { '503': 1 };

const check = (
  name: string,
  asked: JsonObject | undefined,
  policy: JsonObject,
  wants: FleetCheck['wants'],
  rest: Partial<FleetCheck> = {},
): FleetCheck => ({
  name,
  places: FIVE,
  policy,
  action: asked === undefined ? {} : match(asked),
  requests: 60,
  wants,
  tolerance: 0.02,
  ...rest,
});

const byType = (fields: JsonObject, child: JsonObject = typed('round_robin', 'RoundRobin')): JsonObject => ({
  load_balancing_policy: typed('subset', 'Subset', { subset_selectors: SELECTORS, subset_lb_policy: child, ...fields }),
});

const withHealth = (health: 'UNHEALTHY' | 'DEGRADED'): readonly Place[] => [
  {
    members: [
      { host: 0, lb: { version: 'v1' }, health },
      { host: 1, lb: { version: 'v1' } },
      { host: 2, lb: { version: 'v2' }, health },
      { host: 3 },
    ],
  },
];

const zones: readonly Place[] = [
  { zone: 'a', weight: 30, members: [{ host: 0, lb: { version: 'v1' } }, { host: 1 }, { host: 2 }] },
  { zone: 'b', weight: 30, members: [{ host: 3, lb: { version: 'v1' } }] },
];

const lists: readonly Place[] = [
  {
    members: [
      { host: 0, lb: { version: ['v1', 'v2'] } },
      { host: 1, lb: { version: 'v2' } },
      { host: 2, lb: { version: 'v3' } },
    ],
  },
];

/** Weighted clusters with criteria of their own over those of the route. */
const weighted = (name: string): Partial<FleetCheck> => ({
  action: {
    weighted_clusters: { clusters: [{ name, weight: 1, ...match({ version: 'v1' }) }] },
    ...match({ stage: 'prod', version: 'v2' }),
  },
});

const fallbackList = { version: 'v9', fallback_list: [{ version: 'v8' }, { version: 'v1', stage: 'test' }, { version: 'v2' }] };

const overriding = (sources: JsonObject[], rest: JsonObject = {}): JsonObject => ({
  load_balancing_policy: typed('override_host', 'OverrideHost', {
    override_host_sources: sources,
    fallback_policy: typed('round_robin', 'RoundRobin'),
    ...rest,
  }),
});

const THREE: readonly Place[] = [{ members: [...members(0, 1), { host: 2, health: 'UNHEALTHY' }] }];

/** `hosts` are named by their numbers; a text is sent as it is. */
const naming = (
  name: string,
  hosts: readonly (number | string)[],
  wants: FleetCheck['wants'],
  rest: Partial<FleetCheck> = {},
): FleetCheck => ({
  name,
  places: THREE,
  policy: overriding([{ header: 'X-Host' }]),
  requests: 20,
  ask: (_, ports) => ({
    headers: { 'x-host': hosts.map((host) => (typeof host === 'string' ? host : `127.0.0.1:${ports[host]}`)).join(',') },
  }),
  wants,
  ...rest,
});

const statuses = (...names: readonly string[]): JsonObject => ({ common_lb_config: { override_host_status: { statuses: [...names] } } });

/** A session that is bound to a host, by its number. */
const session = (name: string, host: number, policy: JsonObject, wants: FleetCheck['wants']): FleetCheck => ({
  name,
  places: [
    {
      members: [...members(0, 1), { host: 2, health: 'DEGRADED' }, { host: 3, health: 'DRAINING' }, { host: 4, health: 'UNHEALTHY' }],
    },
  ],
  policy: { ...policy, common_lb_config: { healthy_panic_threshold: { value: 0 }, ...Object(policy['common_lb_config']) } },
  assignment: { policy: { overprovisioning_factor: 1000 } },
  requests: 40,
  ask: (_, ports) => ({ headers: { 'x-at': Buffer.from(`127.0.0.1:${ports[host]}`).toString('base64') } }),
  wants,
  tolerance: 0.03,
});

const BY_HEADER = httpFilter('stateful_session', 'stateful_session.v3.StatefulSession', {
  session_state: {
    name: 'envoy.http.stateful_session.header',
    typed_config: type('envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState', { name: 'x-at' }),
  },
});

const CHECKS: FleetCheck[] = [
  check('by-one-key', { version: 'v2' }, older({}), { h2: 0.5, h3: 0.5 }),
  check('by-two-keys', { version: 'v1', stage: 'test' }, older({}), { h1: 1 }),
  check('unknown-value', { version: 'v9' }, older({}), NOBODY),
  check('unknown-key', { zone: 'x' }, older({}), NOBODY),
  check('unlisted-keys', { stage: 'prod' }, older({}), NOBODY),
  check('more-keys', { version: 'v1', stage: 'test', age: 'old' }, older({}), NOBODY),
  check('no-criteria', undefined, older({}), NOBODY),
  check('any-for-unknown', { version: 'v9' }, older({ fallback_policy: 'ANY_ENDPOINT' }), ALL),
  check('any-without-criteria', undefined, older({ fallback_policy: 'ANY_ENDPOINT' }), ALL),
  check('default-for-unknown', { version: 'v9' }, older({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'test' } }), {
    h1: 1,
  }),
  check('default-of-two', undefined, older({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'prod', version: 'v2' } }), {
    h2: 0.5,
    h3: 0.5,
  }),
  check('default-is-empty', undefined, older({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'none' } }), NOBODY),
  check(
    'default-is-empty-panic',
    undefined,
    older({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'none' }, panic_mode_any: true }),
    ALL,
  ),
  check('panic-without-fallback', { version: 'v9' }, older({ panic_mode_any: true }), NOBODY),
  check('no-selectors', { version: 'v9' }, { lb_subset_config: { fallback_policy: 'NO_FALLBACK' } }, ALL),
  check(
    'fallback-of-selector',
    { version: 'v9' },
    {
      lb_subset_config: { subset_selectors: [selector(['version'], { fallback_policy: 'ANY_ENDPOINT' }), selector(['stage', 'version'])] },
    },
    ALL,
  ),
  check(
    'fallback-of-other-selector',
    { version: 'v9', stage: 'prod' },
    {
      lb_subset_config: { subset_selectors: [selector(['version'], { fallback_policy: 'ANY_ENDPOINT' }), selector(['stage', 'version'])] },
    },
    NOBODY,
  ),
  check(
    'selector-without-fallback',
    { version: 'v9' },
    {
      lb_subset_config: { fallback_policy: 'ANY_ENDPOINT', subset_selectors: [selector(['version'], { fallback_policy: 'NO_FALLBACK' })] },
    },
    NOBODY,
  ),
  check(
    'selector-to-default',
    { version: 'v9' },
    {
      lb_subset_config: {
        default_subset: { age: 'old' },
        subset_selectors: [selector(['version'], { fallback_policy: 'DEFAULT_SUBSET' })],
      },
    },
    { h3: 1 },
  ),
  check(
    'fewer-keys',
    { version: 'v1', stage: 'none' },
    {
      lb_subset_config: {
        subset_selectors: [
          selector(['version', 'stage'], { fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['version'] }),
          selector(['version']),
        ],
      },
    },
    { h0: 0.5, h1: 0.5 },
  ),
  check(
    'fewer-keys-without-hosts',
    { version: 'v9', stage: 'none' },
    {
      lb_subset_config: {
        fallback_policy: 'ANY_ENDPOINT',
        subset_selectors: [
          selector(['version', 'stage'], { fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['version'] }),
          selector(['version']),
        ],
      },
    },
    ALL,
  ),
  check(
    'single-host',
    { stage: 'prod' },
    { lb_subset_config: { subset_selectors: [selector(['stage'], { single_host_per_subset: true })] } },
    { h0: 1 },
  ),
  check(
    'single-host-down',
    { version: 'v1' },
    { lb_subset_config: { subset_selectors: [selector(['version'], { single_host_per_subset: true })] } },
    { h0: 1 },
    { places: withHealth('UNHEALTHY') },
  ),
  check('half-down', { version: 'v1' }, older({}), { h1: 1 }, { places: withHealth('UNHEALTHY') }),
  check('subset-panics', { version: 'v2' }, older({}), { h2: 1 }, { places: withHealth('UNHEALTHY') }),
  check(
    'subset-down',
    { version: 'v2' },
    { ...older({ fallback_policy: 'ANY_ENDPOINT' }), common_lb_config: { healthy_panic_threshold: {} } },
    NOBODY,
    {
      places: withHealth('UNHEALTHY'),
    },
  ),
  check('degraded-in-subset', { version: 'v2' }, older({}), { h2: 1 }, { places: withHealth('DEGRADED') }),
  check('list-as-value', { version: 'v1' }, older({}), NOBODY, { places: lists }),
  check('list-of-both', { version: ['v1', 'v2'] }, older({}), { h0: 1 }, { places: lists }),
  check('list-as-any', { version: 'v2' }, older({ list_as_any: true }), { h0: 0.5, h1: 0.5 }, { places: lists }),
  check(
    'list-as-any-default',
    undefined,
    older({ list_as_any: true, fallback_policy: 'DEFAULT_SUBSET', default_subset: { version: 'v1' } }),
    { h0: 1 },
    { places: lists },
  ),
  check('fallback-list', fallbackList, older({ metadata_fallback_policy: 'FALLBACK_LIST' }), { h1: 1 }),
  check('fallback-list-unused', fallbackList, older({}), NOBODY),
  check('fallback-list-any', fallbackList, older({ metadata_fallback_policy: 'FALLBACK_LIST', fallback_policy: 'ANY_ENDPOINT' }), ALL),
  check(
    'subset-without-localities',
    { version: 'v1' },
    { ...older({}), common_lb_config: { locality_weighted_lb_config: {} } },
    { h0: 0.5, h3: 0.5 },
    { places: zones },
  ),
  check(
    'subset-with-localities',
    { version: 'v1' },
    { ...older({ locality_weight_aware: true }), common_lb_config: { locality_weighted_lb_config: {} } },
    { h0: 0.5, h3: 0.5 },
    { places: zones },
  ),
  check(
    'subset-with-scaled-localities',
    { version: 'v1' },
    { ...older({ locality_weight_aware: true, scale_locality_weight: true }), common_lb_config: { locality_weighted_lb_config: {} } },
    { h0: 0.25, h3: 0.75 },
    { places: zones, requests: 100 },
  ),
  check(
    'numbers-and-booleans',
    { n: 1, b: true },
    { lb_subset_config: { subset_selectors: [selector(['b', 'n'])] } },
    { h0: 1 },
    {
      places: [
        {
          members: [
            { host: 0, lb: { n: 1, b: true } },
            { host: 1, lb: { n: 1, b: 'true' } },
            { host: 2, lb: { n: '1', b: true } },
          ],
        },
      ],
    },
  ),
  check('weighted-cluster', undefined, older({}), { h0: 1 }, weighted('weighted-cluster')),
  check('subset-by-ring', { version: 'v2' }, { ...older({}), lb_policy: 'RING_HASH' }, 'same', {
    action: { ...match({ version: 'v2' }), hash_policy: [{ header: { header_name: 'x-key' } }] },
    ask: (i) => ({ headers: { 'x-key': `k${i}` } }),
  }),
  check('typed', { version: 'v2' }, byType({}), { h2: 0.5, h3: 0.5 }),
  check('typed-more-keys', { version: 'v2', other: 'x' }, byType({}), NOBODY),
  check('typed-redundant-keys', { version: 'v1', stage: 'test', other: 'x' }, byType({ allow_redundant_keys: true }), { h1: 1 }),
  check('typed-redundant-key', { version: 'v2', other: 'x' }, byType({ allow_redundant_keys: true }), { h2: 0.5, h3: 0.5 }),
  check('typed-by-maglev', { version: 'v2' }, byType({}, typed('maglev', 'Maglev')), 'same', {
    action: { ...match({ version: 'v2' }), hash_policy: [{ header: { header_name: 'x-key' } }] },
    ask: (i) => ({ headers: { 'x-key': `k${i}` } }),
  }),
  naming('named', [1], { h1: 1 }),
  naming('named-list', [' 127.0.0.1:1 ', 1, 0], { h1: 1 }),
  naming('named-unknown', ['127.0.0.1:1'], { h0: 0.5, h1: 0.5 }),
  naming('named-down', [2], { h2: 1 }),
  naming('named-nobody', [], { h0: 0.5, h1: 0.5 }, { ask: () => ({}) }),
  naming('named-second-source', [1], { h1: 1 }, { policy: overriding([{ header: 'x-none' }, { header: 'x-host' }]) }),
  naming(
    'named-over-subset',
    [0],
    { h0: 1 },
    {
      policy: overriding([{ header: 'x-host' }], {
        fallback_policy: typed('subset', 'Subset', { subset_lb_policy: typed('random', 'Random') }),
      }),
    },
  ),
  session('session', 1, {}, { h1: 1 }),
  session('session-degraded', 2, {}, { h2: 1 }),
  session('session-draining', 3, {}, { h0: 0.5, h1: 0.5 }),
  session('session-draining-allowed', 3, statuses('HEALTHY', 'UNKNOWN', 'DRAINING'), { h3: 1 }),
  session('session-down', 4, {}, { h0: 0.5, h1: 0.5 }),
  session('session-down-allowed', 4, statuses('UNHEALTHY'), { h4: 1 }),
  session('session-healthy-not-allowed', 0, statuses('DEGRADED'), { h0: 0.5, h1: 0.5 }),
];

compareTopic({
  name: 'subsets and named hosts',
  servers: fleetServers,
  setup: ({ servers }) => ({ ...fleetSetup(CHECKS, servers), filters: [BY_HEADER] }),
  cases: [],
  more: (proxies) => fleetTests(CHECKS, proxies),
});
