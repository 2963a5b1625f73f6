/** Active health checks: what is asked, what an answer means, and where traffic goes then. */
import type { JsonObject } from '@bufbuild/protobuf';
import { upstreamTls, type World } from './framework/bootstrap.ts';
import type { ChangingHost, Mood } from './framework/changing-hosts.ts';
import { address, header, httpOptions, type } from './framework/pieces.ts';
import { compareScenarios, type Scenario, type Stage } from './framework/scenario.ts';

const HTTP2 = { typed_extension_protocol_options: httpOptions({ explicit_http_config: { http2_protocol_options: {} } }) };
const hex = (text: string): JsonObject => ({ text: Buffer.from(text).toString('hex') });

/** A health check that comes soon: two failures make a host ill, two passes well. */
const check = (fields: JsonObject): JsonObject => ({
  timeout: '10s',
  interval: '0.1s',
  no_traffic_interval: '0.1s',
  unhealthy_threshold: 2,
  healthy_threshold: 2,
  ...fields,
});

/** Envoy would tell its workers of several changes at once, after a while. */
const AT_ONCE = { update_merge_window: '0s' };

const checked = (fields: JsonObject, rest: JsonObject = {}): JsonObject => ({
  health_checks: [check(fields)],
  common_lb_config: AT_ONCE,
  ...rest,
});
const http = (fields: JsonObject = {}, common: JsonObject = {}): JsonObject => ({
  http_health_check: { path: '/hc', ...fields },
  ...common,
});

const all =
  (mood: Mood) =>
  (hosts: readonly ChangingHost[]): void => {
    for (const host of hosts) host.checks = mood;
  };

/** Endpoints of a cluster, each with fields of its own. */
const endpoints = (name: string, lb_endpoints: readonly JsonObject[], rest: JsonObject = {}): JsonObject => ({
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [...lb_endpoints], ...rest }] },
});
const at = (port: number | undefined, fields: JsonObject = {}, rest: JsonObject = {}): JsonObject => ({
  endpoint: { address: address(port ?? 0), ...fields },
  ...rest,
});

/** The first request of a check, without what no two runs have in common. */
async function firstCheck(stage: Stage, index = 0): Promise<unknown> {
  await stage.until(() => stage.host(index).seenChecks.length > 0);
  const { connection: _, ...seen } = stage.host(index).seenChecks[0] ?? { connection: 0 };
  return seen;
}

const asks = (name: string, fields: JsonObject, kind: 'http1' | 'http2' = 'http1'): Scenario => ({
  name: `asks: ${name}`,
  hosts: [kind],
  cluster: () => checked(http({ codec_client_type: kind === 'http1' ? 'HTTP1' : 'HTTP2', ...fields }), kind === 'http2' ? HTTP2 : {}),
  run: async (stage) => [await firstCheck(stage), await stage.flags()],
});

/** Whether hosts in this mood are healthy after their first check. */
const judges = (name: string, mood: Mood, fields: JsonObject, want: string, kind: 'http1' | 'http2' | 'tcp' = 'http1'): Scenario => ({
  name: `judges: ${name}`,
  hosts: [kind],
  begin: all(mood),
  cluster: () => checked(fields, kind === 'http2' ? HTTP2 : {}),
  async run(stage) {
    await stage.until(async () => (await stage.stat('health_check.success')) + (await stage.stat('health_check.failure')) > 0);
    return stage.flags();
  },
  expects: [want],
});

const ILL = '/failed_active_hc';
const LATE = '/failed_active_hc/active_hc_timeout';
const grpc = (fields: JsonObject = {}): JsonObject => ({ grpc_health_check: fields });

const JUDGEMENTS: Scenario[] = [
  judges('200', {}, http(), 'healthy'),
  judges('201', { status: 201 }, http(), ILL),
  judges(
    'an expected status',
    { status: 418 },
    http({
      expected_statuses: [
        { start: 200, end: 201 },
        { start: 418, end: 419 },
      ],
    }),
    'healthy',
  ),
  judges('past the end of what is expected', { status: 419 }, http({ expected_statuses: [{ start: 418, end: 419 }] }), ILL),
  judges('a body as expected', { body: 'all is well' }, http({ receive: [hex('all'), hex('well')] }), 'healthy'),
  judges('a body in another order', { body: 'well, all' }, http({ receive: [hex('all'), hex('well')] }), ILL),
  judges(
    'a body too long to be looked through',
    { body: `${'x'.repeat(30)}well` },
    http({ receive: [hex('well')], response_buffer_size: 32 }),
    ILL,
  ),
  judges('a body of any length', { body: `${'x'.repeat(3000)}well` }, http({ receive: [hex('well')], response_buffer_size: 0 }), 'healthy'),
  judges(
    'the right service',
    { fields: { 'x-envoy-upstream-healthchecked-cluster': 'shop-1' } },
    http({ service_name_matcher: { prefix: 'shop' } }),
    'healthy',
  ),
  judges(
    'another service',
    { fields: { 'x-envoy-upstream-healthchecked-cluster': 'bank' } },
    http({ service_name_matcher: { prefix: 'shop' } }),
    ILL,
  ),
  judges('no service', {}, http({ service_name_matcher: { prefix: 'shop' } }), ILL),
  judges('degraded', { fields: { 'x-envoy-degraded': '1' } }, http(), '/degraded_active_hc'),
  judges('silence', { isSilent: true }, http({}, { timeout: '0.3s' }), LATE),
  judges('a reset', { resets: true }, http(), ILL),
  judges('HTTP/2', {}, http({ codec_client_type: 'HTTP2' }), 'healthy', 'http2'),
  judges('a reset of HTTP/2', { resets: true }, http({ codec_client_type: 'HTTP2' }), ILL, 'http2'),
  judges('gRPC: serving', {}, grpc(), 'healthy', 'http2'),
  judges('gRPC: not serving', { serving: 2 }, grpc(), ILL, 'http2'),
  judges('gRPC: unknown', { serving: 0 }, grpc(), ILL, 'http2'),
  judges('gRPC: a status', { grpcStatus: '12' }, grpc(), ILL, 'http2'),
  judges('gRPC: HTTP 503', { status: 503 }, grpc(), ILL, 'http2'),
  judges('gRPC: silence', { isSilent: true }, { ...grpc(), timeout: '0.3s' }, LATE, 'http2'),
  judges('TCP: a connection', {}, { tcp_health_check: {} }, 'healthy', 'tcp'),
  judges('TCP: an answer', { body: 'a PONG b' }, { tcp_health_check: { send: hex('PING'), receive: [hex('PONG')] } }, 'healthy', 'tcp'),
  judges(
    'TCP: another answer',
    { body: 'PUNG' },
    { tcp_health_check: { send: hex('PING'), receive: [hex('PONG')] }, timeout: '0.3s' },
    LATE,
    'tcp',
  ),
  judges('TCP: a reset', { resets: true }, { tcp_health_check: { send: hex('PING'), receive: [hex('PONG')] } }, ILL, 'tcp'),
];

const REQUESTS: Scenario[] = [
  asks('what is asked where nothing is said', {}),
  asks('host, path and fields', {
    host: 'check.test',
    path: '/hc/deep?x=1',
    request_headers_to_add: [header('x-check', '100%%'), header('user-agent', 'me', 'OVERWRITE_IF_EXISTS_OR_ADD')],
    request_headers_to_remove: ['x-none'],
  }),
  asks('without a user agent', { request_headers_to_remove: ['user-agent'] }),
  asks('HEAD', { method: 'HEAD' }),
  asks('a body', { method: 'POST', send: hex('how are you?') }),
  asks('HTTP/2', { host: 'check.test' }, 'http2'),
  {
    name: 'asks: gRPC',
    hosts: ['http2'],
    cluster: () =>
      checked(grpc({ service_name: 'shop.Cart', authority: 'cart.test', initial_metadata: [header('x-check', 'yes')] }), HTTP2),
    run: firstCheck,
  },
  {
    name: 'asks: bytes, with PROXY protocol version 1',
    hosts: ['tcp'],
    begin: all({ body: 'PONG' }),
    cluster: () => checked({ tcp_health_check: { send: hex('PING'), receive: [hex('PONG')], proxy_protocol_config: {} } }),
    async run(stage) {
      await stage.until(() => stage.host(0).seenChecks.some(({ method }) => method === 'data'));
      return stage
        .host(0)
        .seenChecks.find(({ method }) => method === 'data')
        ?.body.replaceAll(/\d{4,}/g, 'port');
    },
    expects: 'PROXY TCP4 127.0.0.1 127.0.0.1 port port\r\nPING',
  },
  {
    name: 'asks: bytes, with PROXY protocol version 2',
    hosts: ['tcp'],
    begin: all({ body: 'PONG' }),
    cluster: () => checked({ tcp_health_check: { send: hex('PING'), receive: [hex('PONG')], proxy_protocol_config: { version: 'V2' } } }),
    async run(stage) {
      await stage.until(() => stage.host(0).seenChecks.some(({ method }) => method === 'data'));
      return stage.host(0).seenChecks.find(({ method }) => method === 'data')?.body;
    },
  },
  {
    name: 'asks: at the port and for the name that the endpoint says',
    hosts: ['http1', 'http1'],
    cluster: (_world, [one, two]) =>
      checked(
        http({ host: 'check.test' }),
        endpoints('c', [at(one, { health_check_config: { port_value: two ?? 0, hostname: 'own.test' } })]),
      ),
    run: async (stage) => [await firstCheck(stage, 1), stage.host(0).seenChecks.length, (await stage.flags())[0]],
  },
  {
    name: 'asks: at the address that the endpoint says',
    hosts: ['http1', 'http1'],
    cluster: (_world, [one, two]) => checked(http(), endpoints('c', [at(one, { health_check_config: { address: address(two ?? 0) } })])),
    run: async (stage) => [await firstCheck(stage, 1), stage.host(0).seenChecks.length, (await stage.flags())[0]],
  },
  {
    name: 'asks: not where the endpoint says so',
    hosts: ['http1', 'http1'],
    begin: all({ status: 500 }),
    cluster: (_world, [one, two]) =>
      checked(http(), endpoints('c', [at(one, { health_check_config: { disable_active_health_check: true } }), at(two)])),
    async run(stage) {
      await stage.until(() => stage.host(1).seenChecks.length > 1);
      return [await stage.flags(), stage.host(0).seenChecks.length];
    },
    expects: [['healthy', ILL], 0],
  },
  ...[true, false].map((reuse_connection): Scenario => ({
    name: `asks: on ${reuse_connection ? 'one connection' : 'a connection each'}`,
    hosts: ['http1'],
    cluster: () => checked(http({}, { reuse_connection })),
    async run(stage) {
      await stage.until(() => stage.host(0).seenChecks.length > 2);
      return stage
        .host(0)
        .seenChecks.slice(0, 3)
        .map(({ connection }) => connection);
    },
    expects: reuse_connection ? [1, 1, 1] : [1, 2, 3],
  })),
];

const logTo = (world: World, file: string): JsonObject => ({ event_log_path: `${world.folder}/${file}` });

/** Events up to the first of a kind, that included. */
async function eventsUntil(stage: Stage, file: string, kind: string): Promise<unknown> {
  let found: Record<string, unknown>[] = [];
  await stage.until(async () => {
    found = await stage.events(file);
    return found.some((event) => kind in event);
  });
  return found.slice(0, found.findIndex((event) => kind in event) + 1);
}

const turns = (name: string, mood: Mood, fields: JsonObject, kind = 'eject_unhealthy_event'): Scenario => ({
  name: `events: ${name}`,
  hosts: ['http1'],
  cluster: (world) =>
    checked(
      http(fields, {
        always_log_health_check_failures: true,
        ...logTo(world, 'health.log'),
        ...(mood.isSilent ? { timeout: '2s' } : {}),
      }),
    ),
  async run(stage) {
    await stage.untilFlags('healthy');
    stage.host(0).checks = mood;
    return eventsUntil(stage, 'health.log', kind);
  },
});

const EVENTS: Scenario[] = [
  turns('a status that says no', { status: 503 }, {}),
  turns('a retriable status, by the threshold', { status: 503 }, { retriable_statuses: [{ start: 503, end: 504 }] }),
  turns('resets, by the threshold', { resets: true }, {}),
  turns('timeouts, by the threshold', { isSilent: true }, {}),
  turns('degraded', { fields: { 'x-envoy-degraded': '' } }, {}, 'degraded_healthy_host'),
  {
    name: 'events: recovery, by the threshold',
    hosts: ['http1'],
    begin: all({ status: 500 }),
    cluster: (world) => checked(http({}, { always_log_health_check_success: true, ...logTo(world, 'health.log') })),
    async run(stage) {
      await stage.untilFlags(ILL);
      stage.host(0).checks = {};
      return eventsUntil(stage, 'health.log', 'add_healthy_event');
    },
  },
  {
    name: 'events: to the file of a sink, with what is known of the endpoint',
    hosts: ['http1'],
    cluster(world, [port]) {
      const typed_config = type('envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink', {
        event_log_path: `${world.folder}/sink.log`,
      });
      const metadata = { filter_metadata: { 'envoy.lb': { canary: true } } };
      return checked(
        { ...http(), event_logger: [{ name: 'envoy.health_check.event_sinks.file', typed_config }] },
        endpoints('c', [at(port, {}, { metadata })], { locality: { region: 'r', zone: 'z', sub_zone: 's' } }),
      );
    },
    run: (stage) => eventsUntil(stage, 'sink.log', 'add_healthy_event'),
  },
];

const ROUND = { lb_policy: 'ROUND_ROBIN' };
const NO_PANIC = { common_lb_config: { healthy_panic_threshold: { value: 0 }, ...AT_ONCE } };
const sorted = (texts: readonly string[]): string[] => [...new Set(texts)].toSorted();

const CHOICES: Scenario[] = [
  {
    name: 'traffic: leaves a host that fails, and comes back',
    hosts: ['http1', 'http1', 'http1'],
    cluster: () => checked(http(), { ...ROUND, ...NO_PANIC }),
    async run(stage) {
      const before = sorted(await stage.answers(9));
      stage.host(1).checks = { status: 500 };
      await stage.untilFlags('healthy', ILL, 'healthy');
      const without = sorted(await stage.answers(9));
      stage.host(1).checks = {};
      await stage.untilFlags('healthy', 'healthy', 'healthy');
      // a worker of Envoy's hears of it a little later
      await stage.until(async () => (await stage.answers(3)).includes('1'));
      return [before, without, sorted(await stage.answers(9))];
    },
    expects: [
      ['0', '1', '2'],
      ['0', '2'],
      ['0', '1', '2'],
    ],
  },
  {
    name: 'traffic: none where all fail and there is no panic',
    hosts: ['http1', 'http1'],
    begin: all({ status: 500 }),
    cluster: () => checked(http(), NO_PANIC),
    run: async (stage) => [await stage.answers(3), await stage.stat('membership_healthy')],
    expects: [['503', '503', '503'], 0],
  },
  {
    name: 'traffic: to all where all fail, which is panic',
    hosts: ['http1', 'http1'],
    begin: all({ status: 500 }),
    cluster: () => checked(http(), ROUND),
    run: async (stage) => [sorted(await stage.answers(6)), (await stage.stat('lb_healthy_panic')) > 0],
    expects: [['0', '1'], true],
  },
  {
    name: 'traffic: to the next priority while the first fails',
    hosts: ['http1', 'http1'],
    cluster: (_world, [one, two]) => ({
      ...checked(http()),
      load_assignment: {
        cluster_name: 'c',
        endpoints: [{ lb_endpoints: [at(one)] }, { priority: 1, lb_endpoints: [at(two)] }],
      },
    }),
    async run(stage) {
      const before = sorted(await stage.answers(4));
      stage.host(0).checks = { resets: true };
      await stage.untilFlags(ILL, 'healthy');
      const during = sorted(await stage.answers(4));
      stage.host(0).checks = {};
      await stage.untilFlags('healthy', 'healthy');
      await stage.until(async () => (await stage.answers(1)).includes('0'));
      return [before, during, sorted(await stage.answers(4))];
    },
    expects: [['0'], ['1'], ['0']],
  },
  {
    name: 'traffic: not to degraded hosts while enough are well',
    hosts: ['http1', 'http1', 'http1', 'http1'],
    cluster: () => checked(http(), ROUND),
    async run(stage) {
      stage.host(3).checks = { fields: { 'x-envoy-degraded': 'yes' } };
      await stage.untilFlags('healthy', 'healthy', 'healthy', '/degraded_active_hc');
      const without = sorted(await stage.answers(12));
      const counts = [
        await stage.stat('membership_degraded'),
        await stage.stat('membership_healthy'),
        await stage.stat('health_check.degraded'),
      ];
      for (const index of [0, 1, 2]) stage.host(index).checks = { status: 500 };
      await stage.untilFlags(ILL, ILL, ILL, '/degraded_active_hc');
      return [without, counts];
    },
    expects: [
      ['0', '1', '2'],
      [1, 3, 1],
    ],
  },
  {
    name: 'traffic: a response can take its host out at once',
    hosts: ['http1', 'http1'],
    cluster: (world) =>
      checked(http({}, { interval: '30s', no_traffic_interval: '0.1s', ...logTo(world, 'health.log') }), { ...ROUND, ...NO_PANIC }),
    async run(stage) {
      stage.host(0).traffic = { fields: { 'x-envoy-immediate-health-check-fail': 'true' } };
      await stage.until(async () => {
        await stage.answers(1);
        return (await stage.flags())[0] === `${ILL}/excluded_via_immediate_hc_fail`;
      });
      await stage.until(async () => (await stage.stat('membership_excluded')) > 0);
      const hasFailed = (await stage.stat('health_check.passive_failure')) > 0;
      return [
        sorted(await stage.answers(4)),
        hasFailed,
        await stage.stat('membership_excluded'),
        await eventsUntil(stage, 'health.log', 'eject_unhealthy_event'),
      ];
    },
  },
  {
    name: 'traffic: a check that asks to be left alone is not counted',
    hosts: ['http1', 'http1'],
    cluster: () => checked(http(), ROUND),
    async run(stage) {
      stage.host(0).checks = { status: 503, fields: { 'x-envoy-immediate-health-check-fail': 'true' } };
      await stage.untilFlags(`${ILL}/excluded_via_immediate_hc_fail`, 'healthy');
      const out = [await stage.stat('membership_excluded'), await stage.stat('health_check.healthy')];
      stage.host(0).checks = {};
      await stage.untilFlags('healthy', 'healthy');
      return [out, await stage.stat('membership_excluded')];
    },
    expects: [[1, 1], 0],
  },
  {
    name: 'traffic: what the assignment says counts besides',
    hosts: ['http1', 'http1', 'http1', 'http1', 'http1'],
    begin: (hosts) => {
      for (const host of hosts.slice(3)) host.checks = { status: 500 };
    },
    cluster: (_world, ports) =>
      checked(http(), {
        ...ROUND,
        ...endpoints(
          'c',
          ['HEALTHY', 'UNHEALTHY', 'DRAINING', 'DEGRADED', 'TIMEOUT'].map((health_status, i) => at(ports[i], {}, { health_status })),
        ),
      }),
    run: async (stage) => [await stage.flags(), await stage.stat('membership_healthy'), await stage.stat('membership_excluded')],
  },
  {
    name: 'traffic: checks slow down when traffic begins, as is said',
    hosts: ['http1'],
    cluster: () => checked(http({}, { interval: '60s', no_traffic_interval: '0.05s' })),
    async run(stage) {
      await stage.until(() => stage.host(0).seenChecks.length > 3);
      await stage.answers(1);
      const count = (): number => stage.host(0).seenChecks.length;
      await stage.until(async () => {
        const before = count();
        await stage.wait(500);
        return count() === before;
      });
      return true;
    },
    expects: true,
  },
  {
    name: 'traffic: checks are rare without traffic, as is said',
    hosts: ['http1'],
    cluster: () => checked(http({}, { interval: '0.05s', no_traffic_interval: '60s' })),
    async run(stage) {
      await stage.wait(400);
      return stage.host(0).seenChecks.length;
    },
    expects: 1,
  },
  {
    name: 'traffic: edges have intervals of their own',
    hosts: ['http1'],
    cluster: () => checked(http({}, { interval: '0.1s', unhealthy_edge_interval: '60s' })),
    async run(stage) {
      await stage.answers(1);
      stage.host(0).checks = { resets: true };
      await stage.until(async () => (await stage.stat('health_check.failure')) > 0);
      await stage.wait(300);
      return [await stage.stat('health_check.failure'), await stage.flags()];
    },
    expects: [1, ['healthy']],
  },
  {
    name: 'statistics',
    hosts: ['http1', 'http1'],
    begin: ([, ill]) => {
      if (ill !== undefined) ill.checks = { resets: true };
    },
    cluster: () => checked(http({ service_name_matcher: { exact: '' } }, { no_traffic_interval: '60s' })),
    async run(stage) {
      await stage.until(async () => (await stage.stat('health_check.failure')) > 0);
      const names = ['attempt', 'success', 'failure', 'network_failure', 'passive_failure', 'verify_cluster', 'healthy', 'degraded'];
      return Promise.all(names.map(async (name) => `${name} ${await stage.stat(`health_check.${name}`)}`));
    },
  },
];

const TRANSPORTS: Scenario[] = [
  {
    name: 'transports: TLS of the cluster',
    hosts: [],
    cluster: (world) =>
      checked(http({ path: '/' }), { transport_socket: upstreamTls(world), ...endpoints('c', [at(world.ports.originTlsH1)]) }),
    async run(stage) {
      await stage.until(async () => (await stage.stat('health_check.success')) > 0);
      return [await stage.stat('membership_healthy'), await stage.stat('health_check.failure')];
    },
    expects: [1, 0],
  },
  {
    name: 'transports: one that checks choose by criteria, with ALPN of their own',
    hosts: [],
    cluster: (world) =>
      checked(
        {
          ...http({ path: '/', codec_client_type: 'HTTP2' }),
          transport_socket_match_criteria: { tls: true },
          tls_options: { alpn_protocols: ['h2'] },
        },
        {
          transport_socket_matches: [{ name: 'tls', match: { tls: true }, transport_socket: upstreamTls(world) }],
          ...HTTP2,
          ...endpoints('c', [at(world.ports.originTls)]),
        },
      ),
    async run(stage) {
      await stage.until(async () => (await stage.stat('health_check.success')) > 0);
      return [await stage.stat('membership_healthy'), await stage.stat('health_check.failure')];
    },
    expects: [1, 0],
  },
  {
    name: 'transports: a peer that speaks no TLS',
    hosts: ['http1'],
    cluster: (world) => checked(http(), { transport_socket: upstreamTls(world) }),
    async run(stage) {
      await stage.until(async () => (await stage.stat('health_check.failure')) > 0);
      return [await stage.flags(), (await stage.stat('health_check.network_failure')) > 0];
    },
    expects: [[ILL], true],
  },
];

compareScenarios('health checks', [...REQUESTS, ...JUDGEMENTS, ...EVENTS, ...CHOICES, ...TRANSPORTS]);
