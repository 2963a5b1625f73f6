/** Outlier detection: what ejects a host, for how long, how many at most, and what is told of it. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Mood } from './framework/changing-hosts.ts';
import { httpOptions } from './framework/pieces.ts';
import { compareScenarios, type Scenario, type Stage } from './framework/scenario.ts';

const HTTP2 = { typed_extension_protocol_options: httpOptions({ explicit_http_config: { http2_protocol_options: {} } }) };

/** Envoy would tell its workers of several changes at once, after a while. */
const AT_ONCE = { update_merge_window: '0s' };

/** Two 5xx in a row eject for a long time; success rates are left alone. */
const outliers = (fields: JsonObject = {}, rest: JsonObject = {}): JsonObject => ({
  lb_policy: 'ROUND_ROBIN',
  common_lb_config: { healthy_panic_threshold: { value: 0 }, ...AT_ONCE },
  outlier_detection: {
    consecutive_5xx: 2,
    interval: '0.1s',
    base_ejection_time: '60s',
    max_ejection_time: '300s',
    max_ejection_percent: 100,
    enforcing_success_rate: 0,
    ...fields,
  },
  ...rest,
});

const OUT = '/failed_outlier_check';

/** Sends `count` requests, and says who is ejected then. */
async function afterAnswers(stage: Stage, count: number): Promise<unknown> {
  await stage.answers(count);
  // ejections are made known to Envoy's main thread, and by it to its workers
  await stage.wait(300);
  return stage.flags();
}

/** What the first host's answers to so many requests make of it. */
const ejects = (name: string, mood: Mood, requests: number, fields: JsonObject, want: string, rest: JsonObject = {}): Scenario => ({
  name: `ejects: ${name}`,
  hosts: [rest === HTTP2 ? 'http2' : 'http1'],
  begin: ([host]) => {
    if (host !== undefined) host.traffic = mood;
  },
  cluster: () => outliers(fields, rest),
  async run(stage) {
    if (want !== OUT) return afterAnswers(stage, requests);
    await stage.answers(requests);
    await stage.untilFlags(OUT);
    return [OUT];
  },
  expects: [want],
});

const GATEWAY = { consecutive_5xx: 100, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 };
const SPLIT = { split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 };
const rate = (fields: JsonObject): JsonObject => ({
  consecutive_5xx: 1000,
  success_rate_minimum_hosts: 1000,
  failure_percentage_minimum_hosts: 1,
  failure_percentage_request_volume: 4,
  enforcing_failure_percentage: 100,
  ...fields,
});

const EJECTIONS: Scenario[] = [
  ejects('two 500', { status: 500 }, 2, {}, OUT),
  ejects('one 500', { status: 500 }, 1, {}, 'healthy'),
  ejects('404', { status: 404 }, 4, {}, 'healthy'),
  ejects('599', { status: 599 }, 2, {}, OUT),
  ejects('resets', { resets: true }, 2, {}, OUT),
  ejects('gateway failures', { status: 502 }, 2, GATEWAY, OUT),
  ejects('gateway failures that are not enforced', { status: 503 }, 4, { ...GATEWAY, enforcing_consecutive_gateway_failure: 0 }, 'healthy'),
  ejects('500, where gateway failures count', { status: 500 }, 4, GATEWAY, 'healthy'),
  ejects('500, where errors are split', { status: 500 }, 2, SPLIT, OUT),
  ejects('resets, where errors are split, which come after a connection', { resets: true }, 6, { ...SPLIT, consecutive_5xx: 0 }, 'healthy'),
  ejects(
    'resets, where errors are split and local ones not enforced',
    { resets: true },
    4,
    { ...SPLIT, enforcing_consecutive_local_origin_failure: 0 },
    'healthy',
  ),
  ejects('not enforced', { status: 500 }, 4, { enforcing_consecutive_5xx: 0 }, 'healthy'),
  ejects('a failed gRPC call', { fields: { 'content-type': 'application/grpc', 'grpc-status': '14' } }, 4, {}, 'healthy', HTTP2),
  {
    name: 'ejects: not where a success comes between',
    hosts: ['http1'],
    cluster: () => outliers(),
    async run(stage) {
      for (const status of [500, 200, 500, 200, 500]) {
        stage.host(0).traffic = { status };
        await stage.answers(1);
      }
      await stage.wait(300);
      return stage.flags();
    },
    expects: ['healthy'],
  },
  {
    name: 'ejects: by the percentage of failures',
    hosts: ['http1', 'http1'],
    begin: ([host]) => {
      if (host !== undefined) host.traffic = { status: 500 };
    },
    cluster: () => outliers(rate({ interval: '1s' })),
    async run(stage) {
      // as many in one interval as are needed
      await stage.until(async () => {
        await stage.answers(24);
        return (await stage.flags())[0] === OUT;
      });
      await stage.untilFlags(OUT, 'healthy');
      return [
        await stage.stat('outlier_detection.ejections_enforced_failure_percentage'),
        await stage.stat('outlier_detection.ejections_total'),
      ];
    },
    expects: [1, 0],
  },
  {
    name: 'ejects: by the success rate of others',
    hosts: ['http1', 'http1', 'http1', 'http1', 'http1'],
    begin: ([host]) => {
      if (host !== undefined) host.traffic = { status: 500 };
    },
    cluster: () =>
      outliers({
        consecutive_5xx: 1000,
        interval: '1s',
        enforcing_success_rate: 100,
        success_rate_minimum_hosts: 5,
        success_rate_request_volume: 4,
      }),
    async run(stage) {
      await stage.until(async () => {
        await stage.answers(60);
        return (await stage.flags())[0] === OUT;
      });
      await stage.untilFlags(OUT, 'healthy', 'healthy', 'healthy', 'healthy');
      await stage.until(async () => (await stage.events('outliers.log')).length > 0);
      return (await stage.events('outliers.log'))[0];
    },
  },
];

const STATS = [
  'ejections_active',
  'ejections_enforced_total',
  'ejections_detected_consecutive_5xx',
  'ejections_enforced_consecutive_5xx',
  'ejections_overflow',
  'ejections_total',
  'ejections_consecutive_5xx',
];

const LIMITS: Scenario[] = [
  ...(
    [
      [50, 4, false],
      [49, 4, false],
      [10, 3, false],
      [10, 3, true],
      [0, 3, true],
      [100, 3, false],
    ] as const
  ).map(([max_ejection_percent, count, always_eject_one_host]): Scenario => ({
    name: `limits: ${max_ejection_percent} % of ${count}${always_eject_one_host ? ', and always one' : ''}`,
    hosts: Array.from({ length: count }, () => 'http1' as const),
    begin: (hosts) => {
      for (const host of hosts) host.traffic = { status: 500 };
    },
    cluster: () => outliers({ max_ejection_percent, always_eject_one_host }),
    async run(stage) {
      for (let i = 0; i < 5 * count; i++) {
        await stage.answers(1);
        await stage.wait(5);
      }
      await stage.wait(300);
      const flags = await stage.flags();
      return [flags.filter((flag) => flag === OUT).length, (await stage.stat('outlier_detection.ejections_overflow')) > 0];
    },
  })),
  {
    name: 'limits: all are out',
    hosts: ['http1', 'http1'],
    begin: (hosts) => {
      for (const host of hosts) host.traffic = { status: 500 };
    },
    cluster: () => outliers(),
    async run(stage) {
      await stage.answers(4);
      await stage.untilFlags(OUT, OUT);
      await stage.wait(300);
      return [
        (await stage.ask()).text,
        ...(await Promise.all(STATS.map(async (name) => `${name} ${await stage.stat(`outlier_detection.${name}`)}`))),
      ];
    },
  },
  {
    name: 'limits: panic goes to those that are out',
    hosts: ['http1', 'http1'],
    begin: (hosts) => {
      for (const host of hosts) host.traffic = { status: 500 };
    },
    cluster: () => outliers({}, { common_lb_config: AT_ONCE }),
    async run(stage) {
      await stage.answers(4);
      await stage.untilFlags(OUT, OUT);
      await stage.wait(300);
      return [...new Set(await stage.answers(6))].toSorted();
    },
    expects: ['0', '1'],
  },
];

/** Ejects the first host, and waits until it is back. */
async function inAndOut(stage: Stage): Promise<void> {
  stage.host(0).traffic = { status: 500 };
  await stage.until(async () => {
    await stage.answers(1);
    return (await stage.flags())[0] === OUT;
  });
  stage.host(0).traffic = {};
  await stage.untilFlags('healthy');
}

const TIMES: Scenario[] = [
  {
    name: 'times: comes back after the base time, and is told of',
    hosts: ['http1'],
    cluster: () => outliers({ base_ejection_time: '2s' }),
    async run(stage) {
      await inAndOut(stage);
      const answer = await stage.answers(1);
      await stage.until(async () => (await stage.events('outliers.log')).length > 1);
      return [answer, await stage.events('outliers.log')];
    },
  },
  ...[true, false].map((successful_active_health_check_uneject_host): Scenario => ({
    name: `times: a passed check ${successful_active_health_check_uneject_host ? 'ends' : 'does not end'} an ejection`,
    hosts: ['http1'],
    cluster: () =>
      outliers(
        { successful_active_health_check_uneject_host },
        {
          health_checks: [
            {
              timeout: '0.5s',
              interval: '0.3s',
              no_traffic_interval: '0.3s',
              unhealthy_threshold: 2,
              healthy_threshold: 1,
              http_health_check: { path: '/hc' },
            },
          ],
        },
      ),
    async run(stage) {
      stage.host(0).traffic = { status: 500 };
      await stage.until(async () => {
        await stage.answers(1);
        return (await stage.stat('outlier_detection.ejections_enforced_total')) > 0;
      });
      await stage.wait(800);
      return stage.flags();
    },
    expects: [successful_active_health_check_uneject_host ? 'healthy' : OUT],
  })),
  {
    name: 'degraded: by a response, for a time, and told of',
    hosts: ['http1', 'http1'],
    cluster: () => outliers({ detect_degraded_hosts: true, base_ejection_time: '3s' }),
    async run(stage) {
      stage.host(0).traffic = { fields: { 'x-envoy-degraded': '1' } };
      await stage.answers(2);
      await stage.untilFlags('/degraded_outlier_detection', 'healthy');
      const counts = [await stage.stat('membership_degraded'), await stage.stat('outlier_detection.ejections_detected_degradation')];
      stage.host(0).traffic = {};
      await stage.untilFlags('healthy', 'healthy');
      await stage.until(async () => (await stage.events('outliers.log')).length > 1);
      return [counts, await stage.events('outliers.log')];
    },
  },
  {
    name: 'degraded: not by a response that fails, nor where it is not asked for',
    hosts: ['http1'],
    cluster: () => outliers({ detect_degraded_hosts: true, consecutive_5xx: 100 }),
    async run(stage) {
      stage.host(0).traffic = { status: 500, fields: { 'x-envoy-degraded': '1' } };
      await stage.answers(2);
      await stage.wait(300);
      return stage.flags();
    },
    expects: ['healthy'],
  },
];

compareScenarios('outliers', [...EJECTIONS, ...LIMITS, ...TIMES], ({ folder }) => ({
  cluster_manager: { outlier_detection: { event_log_path: `${folder}/outliers.log` } },
}));
