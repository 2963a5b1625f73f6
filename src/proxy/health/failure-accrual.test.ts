import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { headersOf } from '../../wire/http/headers.ts';
import type { Cluster, Outcome } from '../cluster/cluster.ts';
import type { ClusterHost } from '../cluster/host.ts';
import { fakeHost } from '../cluster/testing/fake-hosts.ts';
import { createStats } from '../telemetry/registry.ts';
import { readAccrual } from './accrual-settings.ts';
import { FailureAccrual } from './failure-accrual.ts';

const failure: Outcome = { kind: 'status', status: 500 };
const success: Outcome = { kind: 'status', status: 200 };

/** One host under accrual, by a clock of its own; `attempt` is a request that goes to it and gives what ends it. */
function setUp() {
  const stats = createStats();
  const host = fakeHost('10.0.0.1:80');
  const settings = readAccrual({ 'tulle.failure_accrual': { mode: 'consecutive', max_failures: 2, jitter_ratio: 0 } }, 'c');
  assert.ok(settings);
  const changes: boolean[] = [];
  const unused = new Proxy({}, { get: (_, name) => assert.fail(`${String(name)} is not to be used`) });
  const cluster = { stats } as unknown as Cluster;
  const accrual = new FailureAccrual(settings, {
    cluster,
    transports: unused as never,
    log: unused as never,
    clock: { monotonicMs: () => Date.now(), wallMs: () => Date.now() },
    random: () => 0,
    hosts: () => [host],
    onChange: () => void changes.push(host.isHealthy),
    onPassed: () => undefined,
  });
  accrual.onHosts([host], []);
  const attempt = (): ((outcome: Outcome) => void) => {
    const { turn } = host;
    host.onAttempt?.();
    return (outcome) => accrual.report(host, outcome, turn);
  };
  return { accrual, host, changes, attempt, stat: (name: string) => stats.counter(`failure_accrual.${name}`).value, stats };
}

function trip({ attempt }: { attempt: () => (outcome: Outcome) => void }): void {
  attempt()(failure);
  attempt()(failure);
}

const isTripped = (host: ClusterHost): boolean => host.healthFlags.includes('tripped_failure_accrual');

test('a tripped host gets one request after its penalty, and all again when that goes well', () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
  try {
    const t = setUp();
    const late = t.attempt();
    trip(t);
    assert.deepEqual([t.host.isHealthy, isTripped(t.host), t.stat('trips')], [false, true, 1]);
    late(success);
    assert.equal(t.host.isHealthy, false, 'a request from before says nothing');
    mock.timers.tick(990);
    assert.equal(t.host.isHealthy, false);
    mock.timers.tick(30);
    assert.equal(t.host.isHealthy, true, 'it is offered');
    const probe = t.attempt();
    assert.deepEqual([t.host.isHealthy, t.stat('probes')], [false, 1], 'no other request follows');
    probe(success);
    assert.deepEqual([t.host.isHealthy, t.host.healthFlags, t.stat('recoveries')], [true, [], 1]);
    assert.equal(t.stats.gauge('failure_accrual.tripped').value, 0);
  } finally {
    mock.timers.reset();
  }
});

test('a failed trial costs twice the penalty; one that nobody hears of is repeated', () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
  try {
    const t = setUp();
    trip(t);
    mock.timers.tick(1020);
    t.attempt()(failure);
    assert.equal(t.stat('trips'), 2);
    mock.timers.tick(1900);
    assert.equal(t.host.isHealthy, false);
    mock.timers.tick(130);
    assert.equal(t.host.isHealthy, true);
    const lost = t.attempt();
    assert.equal(t.host.isHealthy, false);
    mock.timers.tick(2030);
    assert.equal(t.host.isHealthy, true, 'offered again');
    const next = t.attempt();
    lost(success);
    assert.equal(t.host.isHealthy, false, 'the lost one comes too late');
    next(success);
    assert.equal(t.host.isHealthy, true);
  } finally {
    mock.timers.reset();
  }
});

test('of gRPC the end counts', () => {
  const t = setUp();
  const head = { status: 200, headers: headersOf([['content-type', 'application/grpc']]), contentLength: -1 };
  for (let i = 0; i < 2; i++) {
    const { turn } = t.host;
    t.host.onAttempt?.();
    t.host.onHead?.(head);
    t.accrual.report(t.host, success, turn);
    assert.equal(t.host.isHealthy, true);
    t.host.onEnd?.(headersOf([['grpc-status', '14']]), turn);
  }
  assert.equal(t.host.isHealthy, false);
  t.accrual.close();
});

test('a host that leaves no longer counts, and nothing happens to it any more', () => {
  const t = setUp();
  trip(t);
  assert.equal(t.stats.gauge('failure_accrual.tripped').value, 1);
  t.accrual.onHosts([], [t.host]);
  assert.equal(t.stats.gauge('failure_accrual.tripped').value, 0);
  const before = t.changes.length;
  t.attempt()(failure);
  assert.equal(t.changes.length, before);
});
