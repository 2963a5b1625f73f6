import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MessageInitShape, create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { OutlierDetectionSchema } from '../../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { headersOf } from '../../wire/http/headers.ts';
import { createStats } from '../telemetry/registry.ts';
import type { Outcome } from './cluster.ts';
import type { ClusterHost } from './host.ts';
import { OutlierDetector } from './outlier.ts';
import { outlierLine } from './outlier-events.ts';
import { readOutlierSettings } from './outlier-settings.ts';
import { fakeHost, seededRandom } from './testing/fake-hosts.ts';

type Init = MessageInitShape<typeof OutlierDetectionSchema>;

function seconds(value: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(value), nanos: 0 };
}

/** A detector over `count` hosts under a clock that only moves when told. */
function setUp(config: Init, count = 4, random = () => 0, events: string[] = []) {
  const hosts = Array.from({ length: count }, (_, i) => fakeHost(`10.0.0.${i}:80`));
  const stats = createStats();
  let nowMs = 1000;
  const detector = new OutlierDetector(readOutlierSettings(create(OutlierDetectionSchema, config), 'outlier_detection'), {
    clock: { monotonicMs: () => nowMs, wallMs: () => 0 },
    random,
    stats,
    hosts: () => hosts,
    onChange() {},
    onEvent: (host, event) => events.push(outlierLine('c', host, event, { wallMs: 0, monotonicMs: nowMs })),
  });
  const hostAt = (i: number): ClusterHost => {
    const host = hosts[i];
    assert.ok(host);
    return host;
  };
  return {
    detector,
    hostAt,
    report: (i: number, outcome: Outcome, times = 1) => {
      for (let n = 0; n < times; n++) detector.report(hostAt(i), outcome);
    },
    advance: (ms: number) => {
      nowMs += ms;
      detector.tick();
    },
    ejected: () => hosts.map((host, i) => (host.isEjected ? i : -1)).filter((i) => i >= 0),
    stat: (name: string) => stats.counter(`outlier_detection.${name}`).value,
    active: () => stats.gauge('outlier_detection.ejections_active').value,
  };
}

const status = (code: number): Outcome => ({ kind: 'status', status: code });
const refused: Outcome = { kind: 'local-origin-failure', cause: 'connect-failure' };
const ALL = { maxEjectionPercent: 100 };

test('five 5xx in a row eject, four and a success do not', () => {
  const t = setUp(ALL);
  t.report(0, status(500), 4);
  t.report(0, status(200));
  t.report(0, status(500), 4);
  assert.deepEqual(t.ejected(), []);
  t.report(0, status(500));
  assert.deepEqual(t.ejected(), [0]);
  assert.equal(t.stat('ejections_enforced_consecutive_5xx'), 1);
  assert.equal(t.active(), 1);
});

test('failures to connect count as 5xx unless they are split off', () => {
  const t = setUp({ ...ALL, consecutive5xx: 3 });
  t.report(0, refused, 3);
  assert.deepEqual(t.ejected(), [0]);

  const split = setUp({ ...ALL, consecutive5xx: 3, consecutiveLocalOriginFailure: 2, splitExternalLocalOriginErrors: true });
  split.report(0, refused);
  split.report(0, status(500));
  split.report(0, refused);
  assert.deepEqual(split.ejected(), [], 'an answer of any status shows that the host can be reached');
  split.report(0, refused);
  assert.deepEqual(split.ejected(), [0]);
  assert.equal(split.stat('ejections_enforced_consecutive_local_origin_failure'), 1);
});

test('gateway failures are detected, and enforced only where that is asked for', () => {
  const lax = setUp({ ...ALL, consecutive5xx: 100, consecutiveGatewayFailure: 2 });
  lax.report(0, status(503), 2);
  assert.deepEqual([lax.ejected(), lax.stat('ejections_detected_consecutive_gateway_failure')], [[], 1]);

  const strict = setUp({ ...ALL, consecutive5xx: 100, consecutiveGatewayFailure: 2, enforcingConsecutiveGatewayFailure: 100 });
  strict.report(0, status(502));
  strict.report(0, status(500));
  strict.report(0, status(504));
  assert.deepEqual(strict.ejected(), [], 'a 500 in between is no gateway failure');
  strict.report(0, status(503));
  assert.deepEqual(strict.ejected(), [0]);
});

test('ejections last base time times their number, and no longer than the maximum', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1, baseEjectionTime: seconds(30), maxEjectionTime: seconds(70) });
  for (const lengthMs of [30_000, 60_000, 70_000, 70_000]) {
    t.report(0, status(500));
    assert.deepEqual(t.ejected(), [0]);
    t.advance(lengthMs - 1);
    assert.deepEqual(t.ejected(), [0], `still out after ${lengthMs - 1} ms`);
    t.advance(1);
    assert.deepEqual(t.ejected(), [], `back after ${lengthMs} ms`);
  }
});

test('a host that behaves is forgiven, one interval at a time', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1 });
  t.report(0, status(500));
  t.advance(30_000);
  t.advance(10_000);
  t.report(0, status(500));
  t.advance(30_000);
  assert.deepEqual(t.ejected(), [], 'the second ejection is as long as the first');
});

test('no more than the allowed share is ejected', () => {
  const t = setUp({ consecutive5xx: 1, maxEjectionPercent: 50 }, 4);
  for (const i of [0, 1, 2]) t.report(i, status(500));
  assert.deepEqual(t.ejected(), [0, 1]);
  assert.equal(t.stat('ejections_overflow'), 1);
  const few = setUp({ consecutive5xx: 1 }, 9);
  few.report(0, status(500));
  assert.deepEqual(few.ejected(), [], 'one of nine is above 10 per cent');
  const one = setUp({ consecutive5xx: 1, alwaysEjectOneHost: true }, 2);
  one.report(0, status(500));
  one.report(1, status(500));
  assert.deepEqual(one.ejected(), [0]);
});

test('the enforcing percentage decides by chance', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1, enforcingConsecutive5xx: 30 }, 4, () => 0.31);
  t.report(0, status(500));
  assert.deepEqual([t.ejected(), t.stat('ejections_detected_consecutive_5xx')], [[], 1]);
  const lucky = setUp({ ...ALL, consecutive5xx: 1, enforcingConsecutive5xx: 30 }, 4, () => 0.29);
  lucky.report(0, status(500));
  assert.deepEqual(lucky.ejected(), [0]);
});

test('jitter makes an ejection longer', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1, maxEjectionTimeJitter: seconds(10) }, 4, () => 0.5);
  t.report(0, status(500));
  t.advance(34_999);
  assert.deepEqual(t.ejected(), [0]);
  t.advance(1);
  assert.deepEqual(t.ejected(), []);
});

test('a host far below the others is ejected by its success rate', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1000 }, 10);
  for (let i = 0; i < 10; i++) {
    t.report(i, status(200), i === 3 ? 50 : 99);
    t.report(i, status(500), i === 3 ? 50 : 1);
  }
  t.advance(10_000);
  assert.deepEqual(t.ejected(), [3]);
  assert.equal(t.stat('ejections_enforced_success_rate'), 1);
});

test('success rates are not compared for few hosts or few requests, nor where they are not enforced', () => {
  for (const [config, count, volume] of [
    [ALL, 4, 200],
    [ALL, 10, 90],
    [{ ...ALL, enforcingSuccessRate: 0 }, 10, 200],
  ] as const) {
    const t = setUp({ ...config, consecutive5xx: 1000 }, count);
    for (let i = 0; i < count; i++) t.report(i, status(i === 0 ? 500 : 200), volume);
    t.advance(10_000);
    assert.deepEqual(t.ejected(), []);
  }
});

test('a failure percentage ejects where it is enforced', () => {
  const t = setUp(
    { ...ALL, consecutive5xx: 1000, enforcingSuccessRate: 0, enforcingFailurePercentage: 100, failurePercentageThreshold: 40 },
    5,
  );
  for (let i = 0; i < 5; i++) {
    t.report(i, status(200), i < 2 ? 30 : 100);
    t.report(i, status(500), i < 2 ? 20 : 0);
  }
  t.advance(10_000);
  assert.deepEqual(t.ejected(), [0, 1]);
});

test('a host that leaves while ejected no longer counts', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1 });
  t.report(0, status(500));
  t.detector.forget(t.hostAt(0));
  assert.equal(t.active(), 0);
});

test('an active check that passes ends an ejection, unless that is turned off', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1 });
  t.report(0, status(500));
  t.detector.onPassed(t.hostAt(0));
  assert.deepEqual([t.ejected(), t.active()], [[], 0]);
  const off = setUp({ ...ALL, consecutive5xx: 1, successfulActiveHealthCheckUnejectHost: false });
  off.report(0, status(500));
  off.detector.onPassed(off.hostAt(0));
  assert.deepEqual(off.ejected(), [0]);
});

test('a host that calls itself degraded is used last for the base time, longer the next time', () => {
  const t = setUp({ ...ALL, consecutive5xx: 1, detectDegradedHosts: true, baseEjectionTime: seconds(20) });
  const host = t.hostAt(1);
  t.detector.watch(host);
  const answer = (code: number): void =>
    host.onHead?.({ status: code, headers: headersOf([['x-envoy-degraded', 'true']]), contentLength: 0 });
  answer(500);
  assert.equal(host.isDegraded, false, 'only of a response that is well otherwise');
  for (const lengthMs of [20_000, 40_000]) {
    answer(200);
    assert.deepEqual([host.isDegraded, host.isHealthy, host.healthFlags], [true, true, ['degraded_outlier_detection']]);
    t.advance(lengthMs - 1);
    assert.equal(host.isDegraded, true);
    t.advance(1);
    assert.equal(host.isDegraded, false, `over after ${lengthMs} ms`);
  }
  assert.equal(t.stat('ejections_detected_degradation'), 2);
});

/** What may happen to a cluster. */
const STEP = fc.oneof(
  fc.record({ kind: fc.constant('fail' as const), host: fc.nat(9), code: fc.constantFrom(500, 503, 0) }),
  fc.record({ kind: fc.constant('succeed' as const), host: fc.nat(9) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(60_000) }),
  fc.record({ kind: fc.constant('check' as const), host: fc.nat(9) }),
);

test('whatever happens, no more hosts are out than max_ejection_percent allows', () => {
  fc.assert(
    fc.property(
      fc.array(STEP, { maxLength: 300 }),
      fc.nat(100),
      fc.integer({ min: 1, max: 10 }),
      fc.nat(),
      (steps, percent, count, seed) => {
        const config = { consecutive5xx: 2, consecutiveGatewayFailure: 1, enforcingConsecutiveGatewayFailure: 50 };
        const rates = { successRateMinimumHosts: 1, successRateRequestVolume: 1, failurePercentageMinimumHosts: 1 };
        const shares = { failurePercentageRequestVolume: 1, enforcingFailurePercentage: 100, failurePercentageThreshold: 30 };
        const t = setUp({ ...config, ...rates, ...shares, maxEjectionPercent: percent }, count, seededRandom(seed));
        for (const step of steps) {
          if (step.kind === 'wait') t.advance(step.ms);
          else if (step.kind === 'check') t.detector.onPassed(t.hostAt(step.host % count));
          else if (step.kind === 'succeed') t.report(step.host % count, status(200));
          else t.report(step.host % count, step.code === 0 ? refused : status(step.code));
          assert.ok(100 * t.ejected().length <= percent * count, `${t.ejected().length} of ${count} at ${percent} %`);
          assert.equal(t.active(), t.ejected().length);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('events say what happened, why, and how often before', () => {
  const events: string[] = [];
  const t = setUp({ ...ALL, consecutive5xx: 1000, successRateRequestVolume: 10 }, 6, () => 0, events);
  for (let i = 0; i < 6; i++) t.report(i, status(i === 2 ? 500 : 200), 10);
  t.advance(10_000);
  t.advance(30_000);
  const [ejected, released, ...more] = events.map((line): unknown => JSON.parse(line));
  const common = { timestamp: '1970-01-01T00:00:00.000Z', cluster_name: 'c', upstream_url: '10.0.0.2:80', num_ejections: 1 };
  const rates = { host_success_rate: 0, cluster_average_success_rate: 83, cluster_success_rate_ejection_threshold: 12 };
  assert.deepEqual(ejected, { type: 'SUCCESS_RATE', action: 'EJECT', enforced: true, eject_success_rate_event: rates, ...common });
  const end = { type: 'CONSECUTIVE_5XX', action: 'UNEJECT', enforced: false, secs_since_last_action: '30' };
  assert.deepEqual(released, { ...end, ...common });
  assert.deepEqual(more, []);
});

for (const [name, config, path] of [
  ['a percentage above 100', { maxEjectionPercent: 101 }, 'od.max_ejection_percent'],
  ['a maximum below the base', { baseEjectionTime: seconds(2), maxEjectionTime: seconds(1) }, 'od.max_ejection_time'],
  ['an interval of 0', { interval: seconds(0) }, 'od.interval'],
] satisfies [string, Init, string][]) {
  test(`readOutlierSettings() refuses ${name}`, () => {
    assert.throws(
      () => readOutlierSettings(create(OutlierDetectionSchema, config), 'od'),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}
