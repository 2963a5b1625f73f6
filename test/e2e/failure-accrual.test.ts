/** Failure accrual and the budget of retries in a running proxy, as metadata of a cluster asks for them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../src/core/testing/eventually.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { createCertificates } from '../differential/framework/certificates.ts';
import { type ChangingHost, startChangingHost } from '../differential/framework/changing-hosts.ts';
import { cluster, retry } from '../differential/framework/pieces.ts';
import { type Proxy, startProxy, TULLE } from '../differential/framework/proxies.ts';

const ACCRUAL = { mode: 'consecutive', max_failures: 2, min_penalty_ms: 200, max_penalty_ms: 60_000, jitter_ratio: 0 };
const METADATA = { metadata: { filter_metadata: { 'tulle.failure_accrual': ACCRUAL } } };
const BUDGET = { metadata: { filter_metadata: { 'tulle.retry_budget': { ratio: 0, min_per_second: 0, burst: 2 } } } };
const PREVIOUS = {
  retry_host_predicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }],
  host_selection_retry_max_attempts: '5',
};

const hosts: ChangingHost[] = [];
let proxy: Proxy;
const closing: (() => Promise<void>)[] = [];

before(async () => {
  hosts.push(...(await Promise.all(['0', '1'].map((name) => startChangingHost('http1', name)))));
  closing.push(...hosts.map((host) => () => host.close()));
  const ports = hosts.map(({ port }) => port);
  const setup = () => ({
    routes: [retry('/accrual', '5xx', PREVIOUS, { cluster: 'accrual' }), retry('/budget', '5xx', {}, { cluster: 'budget' })],
    clusters: [cluster('accrual', ports, { ...METADATA, lb_policy: 'LEAST_REQUEST' }), cluster('budget', ports.slice(0, 1), BUDGET)],
  });
  proxy = await startProxy(TULLE, createCertificates(), setup, undefined);
  closing.push(() => proxy.stop());
});

after(async () => {
  await Promise.all(closing.map((close) => close()));
});

const stat = async (name: string): Promise<number> => (await proxy.stats(`cluster.${name}`))[`cluster.${name}`] ?? -1;
const send = async (path: string): Promise<number> => (await ask({ port: proxy.target('main').port }, path)).status;

test('a host that fails is tripped and tried by single requests; no client sees its failures', { timeout: 180_000 }, async () => {
  const [sick] = hosts;
  assert.ok(sick);
  sick.traffic = { status: 500 };
  await until(async () => {
    assert.equal(await send('/accrual'), 200, 'a retry goes to the other host');
    return (await stat('accrual.failure_accrual.trips')) > 2;
  });
  assert.equal(sick.seenTraffic.length, 2 + (await stat('accrual.failure_accrual.probes')), 'two to trip it, then one for each trial');
  assert.match(await proxy.admin('/clusters'), /health_flags::\/tripped_failure_accrual/);
  sick.traffic = {};
  await until(async () => {
    assert.equal(await send('/accrual'), 200);
    return (await stat('accrual.failure_accrual.recoveries')) === 1;
  });
  assert.equal(await stat('accrual.failure_accrual.tripped'), 0);
});

test('a budget by rate ends retries when it is spent', { timeout: 180_000 }, async () => {
  const [sick] = hosts;
  assert.ok(sick);
  sick.traffic = { status: 503 };
  const before = sick.seenTraffic.length;
  for (let i = 0; i < 6; i++) assert.equal(await send('/budget'), 503);
  assert.equal(sick.seenTraffic.length - before, 6 + 2, 'two retries among six requests');
  assert.equal(await stat('budget.upstream_rq_retry_overflow'), 4);
});
