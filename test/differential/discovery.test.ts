/** How clusters come by their hosts: names that a server of the test answers, names of requests, original destinations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import tls from 'node:tls';
import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '../../src/core/testing/eventually.ts';
import type { World } from './framework/bootstrap.ts';
import type { Case } from './framework/case.ts';
import { startDnsServer, type Zone } from './framework/dns-server.ts';
import { ask } from './framework/h1-case.ts';
import { address, cluster, httpFilter, perFilter, ROOM, to, type } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';
import { untilSame } from './framework/until-same.ts';

const ZONE: Zone = {
  'origin.test': [['127.0.0.1']],
  'both.test': [['127.0.0.1', '::1']],
  'v6.test': [['::1']],
  // nobody listens at the first
  'late.test': [['127.0.0.9', '127.0.0.1']],
  'unknown.test': ['unknown'],
  'empty.test': [[]],
  'fails.test': ['fails'],
  'silent.test': ['silent'],
  'strict-failing.test': [['127.0.0.1'], 'fails'],
  'logical-failing.test': [['127.0.0.1'], 'fails'],
  'strict-vanishing.test': [['127.0.0.1'], 'unknown'],
  'logical-vanishing.test': [['127.0.0.1'], 'unknown'],
  'strict-moving.test': [['127.0.0.9'], ['127.0.0.1']],
  'logical-moving.test': [['127.0.0.9'], ['127.0.0.1']],
};

/** `typed_dns_resolver_config` that asks the test's server alone. */
const resolver = (world: World): JsonObject => ({
  name: 'envoy.network.dns_resolver.cares',
  typed_config: type('envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig', {
    resolvers: [address(world.servers['dns'] ?? 0)],
    dns_resolver_options: { no_default_search_domain: true },
  }),
});

const assignment = (name: string, host: string, port: number): JsonObject => ({
  load_assignment: {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: host, port_value: port } } } }] }],
  },
});

type Build = (name: string, host: string, fields?: JsonObject) => JsonObject;

const named =
  (world: World, kind: string): Build =>
  (name, host, fields = {}) =>
    cluster(name, [], {
      ...ROOM,
      type: kind,
      dns_lookup_family: 'V4_ONLY',
      typed_dns_resolver_config: resolver(world),
      ...assignment(name, host, world.ports.origin),
      ...fields,
    });

/** Asks whom the bootstrap names. */
const unsaid = (world: World, name: string, host: string): JsonObject => {
  const { typed_dns_resolver_config: _, ...rest } = named(world, 'STRICT_DNS')(name, host);
  return rest;
};

/** The same by `cluster_type`. */
const extended = (world: World, name: string, host: string, isSingle: boolean): JsonObject => {
  const { type: _, ...rest } = cluster(name, [], { ...ROOM, ...assignment(name, host, world.ports.origin) });
  return {
    ...rest,
    cluster_type: {
      name: 'envoy.cluster.dns',
      typed_config: type('envoy.extensions.clusters.dns.v3.DnsCluster', {
        dns_lookup_family: 'V4_ONLY',
        all_addresses_in_single_endpoint: isSingle,
        typed_dns_resolver_config: resolver(world),
      }),
    },
  };
};

/** A kind of cluster that chooses hosts itself. */
const choosing = (name: string, fields: JsonObject): JsonObject => ({
  name,
  connect_timeout: '20s',
  lb_policy: 'CLUSTER_PROVIDED',
  ...fields,
});

const cache = (world: World, name: string, fields: JsonObject = {}): JsonObject => ({
  name,
  dns_lookup_family: 'V4_ONLY',
  dns_query_timeout: '20s',
  // names are not asked for again while they are counted
  dns_min_refresh_rate: '600s',
  typed_dns_resolver_config: resolver(world),
  ...fields,
});

/** Caches by the listener that has them; `main` has `usual`. */
const caches = (world: World): Readonly<Record<string, JsonObject>> => ({
  usual: cache(world, 'usual'),
  full: cache(world, 'full', { dns_cache_circuit_breaker: { max_pending_requests: 0 } }),
  small: cache(world, 'small', { max_hosts: 1 }),
  /** Without a filter. */
  own: cache(world, 'own'),
  sni: cache(world, 'sni'),
  /** For the name of which its server says nothing. */
  impatient: cache(world, 'impatient', { dns_query_timeout: '0.5s' }),
});

const forwardProxy = (config: JsonObject): JsonObject =>
  httpFilter('dynamic_forward_proxy', 'dynamic_forward_proxy.v3.FilterConfig', { dns_cache_config: config });

const dynamic = (name: string, config: JsonObject): JsonObject =>
  choosing(name, {
    cluster_type: {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typed_config: type('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', { dns_cache_config: config }),
    },
  });

const originalDst = (name: string, config: JsonObject): JsonObject =>
  choosing(name, { type: 'ORIGINAL_DST', original_dst_lb_config: config });

const TLS_INSPECTOR: JsonObject = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: type('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'),
};

/** Network filters that go to the server name of the client's TLS. */
const byServerName = (world: World): JsonObject[] => [
  {
    name: 'envoy.filters.network.sni_dynamic_forward_proxy',
    typed_config: type('envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig', {
      dns_cache_config: caches(world)['sni'] ?? {},
      port_value: world.ports.originTlsH1,
    }),
  },
  {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: type('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'bytes', cluster: 'sni' }),
  },
];

/** What comes of TLS with this server name: the name that the origin was asked for, or how it ended. */
function shakeHands(port: number, servername: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
    resolve(`connected to ${socket.getPeerCertificate().subjectaltname ?? ''}`);
    socket.destroy();
  });
  socket.on('error', (error) => resolve(Reflect.get(error, 'code') === 'ECONNRESET' ? 'closed' : error.message));
  socket.on('close', () => resolve('closed'));
  return promise;
}

const SOON = { dns_refresh_rate: '0.2s' };

function clusters(world: World): JsonObject[] {
  const [strict, logical] = [named(world, 'STRICT_DNS'), named(world, 'LOGICAL_DNS')];
  const family = (dns_lookup_family: string): JsonObject => ({ dns_lookup_family });
  return [
    strict('strict', 'origin.test'),
    unsaid(world, 'strict-unsaid', 'origin.test'),
    strict('strict-late', 'late.test'),
    strict('strict-v4', 'both.test'),
    strict('strict-v6', 'both.test', family('V6_ONLY')),
    strict('strict-preferred', 'both.test', family('V4_PREFERRED')),
    strict('strict-fallback', 'v6.test', family('V4_PREFERRED')),
    strict('strict-auto', 'both.test', family('AUTO')),
    strict('strict-all', 'both.test', family('ALL')),
    strict('strict-unknown', 'unknown.test'),
    strict('strict-empty', 'empty.test'),
    strict('strict-fails', 'fails.test'),
    strict('strict-address', '127.0.0.1'),
    strict('strict-localhost', 'localhost'),
    strict('strict-failing', 'strict-failing.test', SOON),
    strict('strict-vanishing', 'strict-vanishing.test', SOON),
    strict('strict-moving', 'strict-moving.test', SOON),
    logical('logical', 'origin.test'),
    logical('logical-late', 'late.test'),
    logical('logical-v6', 'both.test', family('V6_ONLY')),
    logical('logical-auto', 'both.test', family('AUTO')),
    logical('logical-all', 'both.test', family('ALL')),
    logical('logical-unknown', 'unknown.test'),
    logical('logical-failing', 'logical-failing.test', SOON),
    logical('logical-vanishing', 'logical-vanishing.test', SOON),
    logical('logical-moving', 'logical-moving.test', SOON),
    extended(world, 'extended-strict', 'late.test', false),
    extended(world, 'extended-logical', 'late.test', true),
    ...Object.entries(caches(world)).map(([name, config]) => dynamic(name, config)),
    originalDst('destination', {}),
    originalDst('destination-header', { use_http_header: true }),
    originalDst('destination-own-header', { use_http_header: true, http_header_name: 'x-to' }),
    originalDst('destination-port', { use_http_header: true, upstream_port_override: world.ports.origin }),
    originalDst('destination-metadata', { metadata_key: { key: 'test', path: [{ key: 'to' }] } }),
  ];
}

function routes(world: World): JsonObject[] {
  const own = `origin.test:${world.ports.origin}`;
  const rewriting = (fields: JsonObject): JsonObject => ({
    typed_per_filter_config: perFilter('dynamic_forward_proxy', 'dynamic_forward_proxy.v3.PerRouteConfig', fields),
  });
  return [
    ...clusters(world).flatMap(({ name }) => (typeof name === 'string' ? [to(`/${name}/`, { cluster: name })] : [])),
    to('/rewritten/', { cluster: 'usual' }, rewriting({ host_rewrite_literal: own })),
    to('/rewritten-by-header/', { cluster: 'usual' }, rewriting({ host_rewrite_header: 'x-to' })),
  ];
}

const status = (code: string): { expects: Record<string, unknown> } => ({ expects: { 'answers.0.line': `HTTP/1.1 ${code}` } });
const OK = status('200 OK');
const FAILED = status('503 Service Unavailable');
const UNRESOLVED = { expects: { 'answers.0.body': 'DNS resolution failure', 'log.0.flags': 'DF' } };

const get = (name: string, options: Parameters<typeof ask>[3] = OK): Case => ask(name, `/${name}/`, {}, options);
/** A request for a host of its own. */
const forHost = (name: string, path: string, host: string, options: Parameters<typeof ask>[3], fields: readonly string[] = []): Case =>
  ask(name, path, { host, fields }, options);

const CASES: Case[] = [
  ...['strict', 'strict-unsaid', 'strict-v4', 'strict-preferred', 'strict-address', 'strict-localhost'].map((name) => get(name)),
  // the origin listens at 127.0.0.1 alone
  ...['strict-v6', 'strict-fallback', 'strict-auto', 'strict-unknown', 'strict-empty', 'strict-fails'].map((name) => get(name, FAILED)),
  ...['logical', 'logical-late', 'logical-all', 'extended-logical'].map((name) => get(name)),
  ...['logical-v6', 'logical-auto', 'logical-unknown'].map((name) => get(name, FAILED)),
  forHost('unknown name', '/usual/', 'unknown.test:81', UNRESOLVED),
  forHost('name of a server that fails', '/usual/', 'fails.test:81', UNRESOLVED),
  forHost('name of a server that says nothing', '/impatient/', 'silent.test:81', { ...UNRESOLVED, listener: 'impatient' }),
  forHost('name without a port', '/usual/', 'origin.test', FAILED),
  forHost('address where nobody listens', '/usual/', '127.0.0.1:1', FAILED),
  forHost('cluster of another kind', '/strict/', 'unknown.test:81', OK),
  forHost('no room for requests', '/full/', 'origin.test:81', { ...FAILED, listener: 'full' }),
  forHost('no room for an address', '/full/', '127.0.0.1:81', { ...FAILED, listener: 'full' }),
  forHost('unknown name without the filter', '/own/', 'unknown.test:81', { listener: 'plain', expects: { 'log.0.flags': 'UH' } }),
  get('destination', FAILED),
  get('destination-header', FAILED),
  forHost('destination that is no address', '/destination-own-header/', 'any.test', FAILED, ['x-to: origin.test:80']),
  forHost('destination at another port', '/destination-port/', 'any.test', OK, ['x-envoy-original-dst-host: 127.0.0.1:1']),
  forHost('destination where nobody listens', '/destination-header/', 'any.test', FAILED, ['x-envoy-original-dst-host: 127.0.0.1:1']),
  get('destination-metadata', FAILED),
];

/** Cases with the origin's port in them, which only a running proxy's world has. */
const WITH_PORT: readonly (readonly [name: string, listener: string, path: string, host: string, fields?: readonly string[]])[] = [
  ['a name', 'main', '/usual/', 'origin.test:@'],
  ['a name again', 'main', '/usual/', 'origin.test:@'],
  ['a name with a dead address', 'main', '/usual/', 'late.test:@'],
  ['an address', 'main', '/usual/', '127.0.0.1:@'],
  ['a rewritten host', 'main', '/rewritten/', 'any.test'],
  ['a header', 'main', '/rewritten-by-header/', 'any.test', ['x-to: origin.test:@']],
  ['the only name', 'small', '/small/', 'origin.test:@'],
  ['a name too many', 'small', '/small/', 'late.test:@'],
  ['a name without the filter', 'plain', '/own/', 'origin.test:@'],
  ['a destination', 'main', '/destination-header/', 'any.test', ['x-envoy-original-dst-host: 127.0.0.1:@']],
  ['a destination of another header', 'main', '/destination-own-header/', 'any.test', ['x-to: 127.0.0.1:@']],
];

const STATS = ['membership_total', 'membership_change'];

/** What becomes of clusters whose names change, without what depends on the time. */
const SETTLED = [
  'strict-late',
  'strict-all',
  'strict-failing',
  'strict-vanishing',
  'strict-moving',
  'strict-unknown',
  'strict-fails',
  'logical-failing',
  'logical-vanishing',
  'logical-moving',
  'logical-unknown',
  'extended-strict',
  'extended-logical',
];

async function membersOf(proxy: Proxy): Promise<Readonly<Record<string, number>>> {
  const rows = await Promise.all(
    SETTLED.map(async (name) => {
      const found = await proxy.stats(`cluster.${name}.`);
      const hasFailed = (found[`cluster.${name}.update_failure`] ?? 0) > 0 ? 1 : 0;
      return [
        ...STATS.map((stat) => [`${name} ${stat}`, found[`cluster.${name}.${stat}`] ?? 0] as const),
        [`${name} failed`, hasFailed] as const,
      ];
    }),
  );
  return Object.fromEntries(rows.flat());
}

/** Every name has been asked for thrice, so that what changes has. */
async function haveSettled(proxy: Proxy): Promise<boolean> {
  const changing = SETTLED.filter((name) => /failing|vanishing|moving/.test(name));
  const asked = await Promise.all(
    changing.map(async (name) => (await proxy.stats(`cluster.${name}.update_attempt`))[`cluster.${name}.update_attempt`] ?? 0),
  );
  return asked.every((count) => count >= 3);
}

compareTopic({
  name: 'discovery',
  async servers() {
    const dns = await startDnsServer(ZONE);
    return { ports: { dns: dns.port }, close: () => dns.close() };
  },
  setup: (world) => ({
    routes: routes(world),
    clusters: clusters(world),
    bootstrap: { typed_dns_resolver_config: resolver(world) },
    listeners: {
      main: { filters: [forwardProxy(caches(world)['usual'] ?? {})] },
      full: { filters: [forwardProxy(caches(world)['full'] ?? {})] },
      small: { filters: [forwardProxy(caches(world)['small'] ?? {})] },
      impatient: { filters: [forwardProxy(caches(world)['impatient'] ?? {})] },
      plain: { filters: [] },
      bytes: { chain: { filters: byServerName(world) }, listener: { listener_filters: [TLS_INSPECTOR] } },
    },
  }),
  cases: CASES,
  more(proxies) {
    for (const [name, listener, path, host, fields = []] of WITH_PORT) {
      test(`the origin by ${name}`, async () => {
        const answers = await Promise.all(
          proxies().map(async (proxy) => {
            const text = (given: string): string => given.replace('@', String(proxy.origin.ports.origin));
            const { talk } = ask(name, path, { host: text(host), fields: fields.map(text) });
            const [answer] = (await talk(proxy.target(listener))).answers;
            return { line: answer?.line, body: answer?.body };
          }),
        );
        assert.deepEqual(answers[0], answers[1]);
        assert.equal(answers[1]?.line, name === 'a name too many' ? 'HTTP/1.1 503 Service Unavailable' : 'HTTP/1.1 200 OK');
      });
    }
    for (const [name, want] of [
      ['origin.test', /^connected to /],
      ['unknown.test', /^closed$/],
    ] as const) {
      test(`the server name ${name}`, async () => {
        const [ours, theirs] = await Promise.all(proxies().map((proxy) => shakeHands(proxy.target('bytes').port, name)));
        assert.equal(ours, theirs);
        assert.match(theirs ?? '', want);
      });
    }
    test('members of clusters whose names change', async () => {
      await untilSame(proxies(), (proxy) =>
        eventually(
          async () => ((await haveSettled(proxy)) ? membersOf(proxy) : undefined),
          () => 'names are not asked for again',
        ),
      );
    });
    test('what DNS caches count', async () => {
      const names: string[] = [];
      for (const cacheName of ['usual', 'small', 'full', 'impatient']) {
        for (const stat of [
          'host_added',
          'num_hosts',
          'host_overflow',
          'dns_rq_pending_overflow',
          'dns_query_success',
          'dns_query_timeout',
          'host_address_changed',
        ]) {
          names.push(`dns_cache.${cacheName}.${stat}`);
        }
      }
      await untilSame(proxies(), async (proxy) => {
        const all = await proxy.stats('dns_cache.');
        return Object.fromEntries(names.map((name) => [name, all[name] ?? 0]));
      });
    });
  },
});
