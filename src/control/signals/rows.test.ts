import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SignalGrouping } from '../../model/signals.ts';
import { Cells, LATENCY_BOUNDS, STEP_MS } from './cells.ts';
import { Feed } from './feed.ts';
import { readMetrics } from './metric-bytes.ts';
import { signalRows, signalSeries } from './rows.ts';
import { metricMessage, type SentSeries } from './testing/metric-message.ts';

const CLIENT = { source_workload: 'web', source_workload_namespace: 'shop', source_principal: 'spiffe://cluster.local/ns/shop/sa/web' };
const SERVER = {
  destination_workload: 'pay',
  destination_workload_namespace: 'bank',
  destination_principal: 'spiffe://cluster.local/ns/bank/sa/pay',
  destination_service: 'pay.bank.svc.cluster.local',
};
const ENDS = { ...CLIENT, ...SERVER };
const NOBODY = { source_workload: 'unknown', source_workload_namespace: 'unknown', source_principal: 'unknown' };

function requests(value: number, labels: Readonly<Record<string, string>>): SentSeries {
  return {
    name: 'istio_requests_total',
    value,
    labels: { reporter: 'destination', ...ENDS, request_protocol: 'http', response_code: '200', response_flags: '-', ...labels },
  };
}

function mesh(clock = { nowMs: 1_000_000 }, isGateway = false) {
  const cells = new Cells({ monotonicMs: () => clock.nowMs, wallMs: () => clock.nowMs + 5 });
  const counts = { series: 0, lost: 0 };
  const feed = new Feed(cells, counts, { tellsDenials: true, isGateway });
  return {
    cells,
    clock,
    counts,
    push: (...series: readonly SentSeries[]) =>
      readMetrics(metricMessage(series), {
        node() {},
        counter: (...args) => feed.counter(...args),
        histogram: (...args) => feed.histogram(...args),
      }),
    rows: (by: SignalGrouping, windowMs = 60_000) => signalRows(cells, { by }, windowMs, clock.nowMs),
  };
}

/** Counts in a window, which rates are told of: the first push is five seconds' worth. */
function countOf(rate: number | undefined): number {
  return Math.round((rate ?? 0) * 5);
}

test('a request that both proxies tell of counts once', () => {
  const { push, rows } = mesh();
  push(
    requests(10, { connection_security_policy: 'mutual_tls' }),
    requests(10, { reporter: 'source', connection_security_policy: 'unknown' }),
  );
  for (const by of ['edge', 'workload', 'service'] as const) {
    const [row, ...others] = rows(by);
    assert.equal(others.length, 0, by);
    assert.equal(countOf(row?.requestsPerSecond), 10, by);
    assert.equal(row?.mutualTlsRatio, 1);
    assert.equal(row?.failureRatio, 0);
  }
  assert.deepEqual(
    rows('edge').map(({ source, destination, service, sourcePrincipal, destinationPrincipal }) => ({
      source,
      destination,
      service,
      sourcePrincipal,
      destinationPrincipal,
    })),
    [
      {
        source: 'shop/web',
        destination: 'bank/pay',
        service: SERVER.destination_service,
        sourcePrincipal: CLIENT.source_principal,
        destinationPrincipal: SERVER.destination_principal,
      },
    ],
  );
});

test('the caller tells of requests to where there is no proxy, and of those that went nowhere', () => {
  const { push, rows } = mesh();
  const lone = { ...SERVER, destination_workload: 'mainframe', destination_principal: 'unknown' };
  push(
    requests(4, { reporter: 'source', ...lone }),
    requests(10, {}),
    requests(13, { reporter: 'source' }),
    requests(3, { reporter: 'source', response_code: '503', response_flags: 'URX,UF' }),
  );
  const byDestination = new Map(rows('workload').map((row) => [row.destination, row]));
  assert.equal(countOf(byDestination.get('bank/mainframe')?.requestsPerSecond), 4);
  assert.equal(countOf(byDestination.get('bank/pay')?.requestsPerSecond), 13);
  assert.equal(byDestination.get('bank/pay')?.failureRatio, 3 / 13);
});

test('what a caller asks of others is one row, whoever tells of it', () => {
  const { push, rows } = mesh();
  const other = { destination_workload: 'ledger', destination_service: 'ledger.bank.svc.cluster.local' };
  push(
    requests(10, {}),
    requests(10, { reporter: 'source' }),
    requests(4, { reporter: 'source', ...other, response_code: '503' }),
    requests(2, { reporter: 'source', ...other, response_code: '503', response_flags: 'UF' }),
  );
  const [row, ...others] = rows('caller');
  assert.deepEqual([others.length, row?.source, row?.destination, row?.service], [0, rows('edge')[0]?.source, undefined, undefined]);
  assert.equal(countOf(row?.requestsPerSecond), 16);
  assert.equal(row?.failureRatio, 6 / 16);
});

test('what went nowhere went by no plaintext', () => {
  const { push, rows } = mesh();
  const nowhere = { reporter: 'source', response_code: '503', response_flags: 'UF', connection_security_policy: 'unknown' };
  push(requests(9, { connection_security_policy: 'mutual_tls' }), requests(1, { ...nowhere, destination_principal: 'unknown' }));
  assert.deepEqual(
    rows('edge').map(({ mutualTlsRatio, failureRatio }) => [mutualTlsRatio, failureRatio]),
    [[1, 0.1]],
  );
  push(requests(9, { connection_security_policy: 'none' }));
  assert.equal(rows('edge')[0]?.mutualTlsRatio, 0.5);
  push(requests(3, { ...nowhere, destination_workload: 'gone', destination_principal: 'unknown' }));
  assert.equal(rows('edge').find(({ destination }) => destination === 'bank/gone')?.mutualTlsRatio, undefined);
  // answered by the calling proxy, without a flag
  const blocked = { ...nowhere, response_code: '502', response_flags: '-', destination_principal: 'unknown', destination_workload: 'x' };
  push(requests(3, { ...blocked, destination_service_name: 'BlackHoleCluster' }));
  assert.equal(rows('edge').find(({ destination }) => destination === 'bank/x')?.mutualTlsRatio, undefined);
  // by a route that answers or redirects: no cluster is known, nor anybody of it
  const nobody = ['workload', 'workload_namespace', 'principal', 'cluster', 'service_namespace'].map((name) => [
    `destination_${name}`,
    'unknown',
  ]);
  const answered = { ...blocked, response_code: '301', ...Object.fromEntries(nobody), destination_service: 'pay' };
  push(requests(3, answered));
  const ofNobody = () => rows('edge').find(({ destination }) => destination === 'unknown/unknown');
  assert.deepEqual([ofNobody()?.service, ofNobody()?.mutualTlsRatio], ['pay', undefined]);
  // what is let through goes as it is
  push(requests(3, { ...answered, response_code: '200', destination_service_name: 'PassthroughCluster' }));
  assert.equal(ofNobody()?.mutualTlsRatio, 0);
});

test('of what a proxy counts together beyond its cap nobody knows whether it was over mTLS', () => {
  const { push, rows } = mesh();
  const { name, labels } = requests(7, {});
  push({ name, value: 7, labels: Object.fromEntries(Object.keys(labels).map((label) => [label, 'overflow'])) });
  const [row, ...more] = rows('edge');
  assert.deepEqual(more, []);
  assert.deepEqual([row?.source, row?.destination, row?.service], ['overflow/overflow', 'overflow/overflow', 'overflow']);
  assert.deepEqual([row?.mutualTlsRatio, row?.sourcePrincipal, row?.destinationPrincipal], [undefined, undefined, undefined]);
  // unknown among what is known does not count
  push(requests(3, { connection_security_policy: 'mutual_tls' }));
  assert.equal(rows('service').find(({ service }) => service !== 'overflow')?.mutualTlsRatio, 1);
});

test('what a gateway counts together is untold too, and what a Telemetry has taken tags from', () => {
  const { name, labels } = requests(7, {});
  const together = Object.fromEntries(Object.keys(labels).map((label) => [label, 'overflow']));
  const { source_workload: _, ...without } = together;
  for (const [isGateway, sent] of [
    [true, together],
    [false, without],
  ] as const) {
    const { push, rows } = mesh(undefined, isGateway);
    push({ name, value: 7, labels: sent });
    for (const by of ['workload', 'service', 'edge', 'caller'] as const)
      assert.deepEqual([...new Set(rows(by).map(({ mutualTlsRatio }) => mutualTlsRatio))], [undefined], `${by} ${isGateway}`);
  }
});

test('callers that the called proxy does not know are known by their own word', () => {
  const { push, rows } = mesh();
  push(requests(10, NOBODY), requests(10, { reporter: 'source' }));
  assert.deepEqual(
    rows('edge').map(({ source }) => source),
    ['shop/web'],
  );
  assert.equal(countOf(rows('service')[0]?.requestsPerSecond), 10);
  push(requests(10, NOBODY));
  assert.deepEqual(
    rows('edge').map(({ source }) => source),
    ['unknown/unknown', 'shop/web'],
  );
});

test('failures and denials', () => {
  const cases = [
    { labels: { response_code: '200' }, failures: 0 },
    { labels: { response_code: '404' }, failures: 0 },
    { labels: { response_code: '503' }, failures: 1 },
    { labels: { response_code: '0', response_flags: 'DC' }, failures: 1 },
    { labels: { request_protocol: 'grpc', grpc_response_status: '14' }, failures: 1 },
    { labels: { request_protocol: 'grpc', grpc_response_status: '5' }, failures: 0 },
    { labels: { request_protocol: 'grpc', grpc_response_status: '0' }, failures: 0 },
  ];
  for (const { labels, failures } of cases) {
    const { push, rows } = mesh();
    push(requests(5, labels));
    assert.equal(rows('service')[0]?.failureRatio, failures, JSON.stringify(labels));
  }
  const { push, rows } = mesh();
  const denied = requests(2, { response_code: '403' });
  push(requests(8, {}), denied, { ...denied, name: 'tulle_denied_total' });
  assert.equal(rows('service')[0]?.deniedRatio, 0.2);
});

test('a service that the called proxy does not know is what the caller wrote', () => {
  const { push, rows } = mesh();
  const hosts = [
    'pay',
    'pay.bank',
    'pay.bank:8080',
    'pay.bank.svc',
    'pay.bank.svc.cluster.local',
    'pay.shop',
    'pay.example.com',
    '10.0.0.1:80',
  ];
  push(...hosts.map((host) => requests(1, { destination_service: host })));
  assert.deepEqual(
    new Set(rows('service').map(({ service }) => service)),
    new Set(['pay.bank.svc.cluster.local', 'pay.shop', 'pay.example.com', '10.0.0.1:80']),
  );
});

test('latency is interpolated in the buckets of all proxies together', () => {
  const { push, rows } = mesh();
  const buckets = LATENCY_BOUNDS.map((bound) => [bound, bound < 5 ? 0 : bound < 100 ? 50 : 100] as const);
  const duration = { name: 'istio_request_duration_milliseconds', histogram: { count: 100, sum: 0, buckets } };
  push(requests(100, {}), { ...duration, labels: requests(0, {}).labels });
  const [row] = rows('service');
  assert.deepEqual([row?.p50Ms, row?.p95Ms, row?.p99Ms], [5, 95, 99]);
  // other bounds go to the bucket that has theirs
  push({ ...duration, labels: requests(0, {}).labels, histogram: { count: 100, sum: 0, buckets: [[4, 100]] } });
  assert.equal(rows('service')[0]?.p50Ms, 1 + 4 * (100 / 150));
});

test('bytes and connections of TCP', () => {
  const { push, rows } = mesh();
  const labels = { reporter: 'destination', ...ENDS, request_protocol: 'tcp', response_flags: '-', connection_security_policy: 'none' };
  push(
    { name: 'istio_tcp_connections_opened_total', labels, value: 5 },
    { name: 'istio_tcp_sent_bytes_total', labels, value: 500 },
    { name: 'istio_tcp_received_bytes_total', labels, value: 50 },
  );
  assert.deepEqual(rows('workload'), [
    {
      destination: 'bank/pay',
      protocol: 'tcp',
      requestsPerSecond: 0,
      failureRatio: 0,
      deniedRatio: 0,
      mutualTlsRatio: 0,
      connectionsPerSecond: 1,
      bytesSentPerSecond: 100,
      bytesReceivedPerSecond: 10,
    },
  ]);
});

test('what is over leaves the window, and after a quarter of an hour the memory', () => {
  const { push, rows, clock, cells } = mesh();
  push(requests(10, {}));
  clock.nowMs += 50_000;
  assert.equal(rows('service').length, 1);
  clock.nowMs += 30_000;
  assert.equal(rows('service').length, 0);
  assert.equal(rows('service', 900_000).length, 1);
  clock.nowMs += 900_000;
  cells.sweep();
  assert.equal(cells.size, 0);
  // the series is known still, its cell is not
  push(requests(10, {}));
  assert.equal(rows('service').length, 1);
});

test('what comes to a gateway is what it passes on, and what it refuses itself', () => {
  const { push, rows, cells, clock } = mesh(undefined, true);
  push(
    requests(10, { reporter: 'source' }),
    requests(5, { reporter: 'source', destination_workload: 'web', response_code: '503', response_flags: 'UF' }),
    requests(3, {}),
  );
  const [gateway] = rows('workload').filter(({ destination }) => destination === 'shop/web');
  assert.deepEqual([countOf(gateway?.requestsPerSecond), gateway?.failureRatio, gateway?.protocol], [15, 5 / 15, 'http']);
  // it is no edge, and nothing is counted twice
  assert.ok(rows('edge').every(({ source }) => source === 'shop/web'));
  assert.equal(countOf(rows('service').reduce((sum, row) => sum + row.requestsPerSecond, 0)), 8);
  clock.nowMs += 2 * STEP_MS;
  const options = { keys: new Set(['shop/web']), stepMs: STEP_MS, windowMs: STEP_MS * 2, nowMs: clock.nowMs, wallMs: 0 };
  assert.deepEqual(signalSeries(cells, { by: 'workload' }, options)[0]?.requestsPerSecond, [1.5]);
});

test('rates are of the same time for all rows: what began late in it adds up with the rest', () => {
  const { push, rows, clock } = mesh();
  push(requests(60, {}));
  clock.nowMs += 50_000;
  push(requests(60, { source_workload: 'late' }));
  const rates = rows('edge').map(({ requestsPerSecond }) => requestsPerSecond);
  assert.deepEqual(rates, [60 / 55, 60 / 55]);
  assert.equal(rows('workload')[0]?.requestsPerSecond, 120 / 55);
});

test('history has a value a step, in the order of time', () => {
  const { push, clock, cells } = mesh();
  for (const value of [10, 20, 0, 30]) {
    push(requests(value, { response_code: value === 20 ? '500' : '200' }));
    clock.nowMs += STEP_MS;
  }
  clock.nowMs += 5000;
  const options = { keys: new Set<string>(), stepMs: STEP_MS, windowMs: 4 * STEP_MS, nowMs: clock.nowMs, wallMs: clock.nowMs + 7 };
  const [series, ...others] = signalSeries(cells, { by: 'edge' }, options);
  assert.equal(others.length, 0);
  assert.equal(series?.key, 'shop/web>bank/pay');
  assert.deepEqual(series?.requestsPerSecond, [1, 2, 0, 3]);
  assert.deepEqual(series?.failureRatio, [0, 1, 0, 0]);
  assert.deepEqual(series?.p50Ms, [null, null, null, null]);
  assert.equal(series?.endMs, clock.nowMs + 7 - 5000);
  assert.equal(signalSeries(cells, { by: 'edge' }, { ...options, keys: new Set(['a>b']) }).length, 0);
  // of what was before the beginning nothing is told
  const [all] = signalSeries(cells, { by: 'edge' }, { ...options, windowMs: 900_000 });
  assert.deepEqual(
    [all?.requestsPerSecond, all?.connectionsPerSecond],
    [
      [1, 2, 0, 3],
      [0, 0, 0, 0],
    ],
  );
  const [coarse] = signalSeries(cells, { by: 'service' }, { ...options, stepMs: 2 * STEP_MS });
  assert.deepEqual(coarse?.requestsPerSecond, [1.5, 1.5]);
});

test('without room the cell goes that is silent longest; where none is, what is new is lost and counted', () => {
  const clock = { nowMs: 0 };
  const cells = new Cells({ monotonicMs: () => clock.nowMs, wallMs: () => 0 }, 2);
  const counts = { series: 0, lost: 0 };
  const feed = new Feed(cells, counts, { tellsDenials: true, isGateway: false });
  const push = (workload: string): void =>
    readMetrics(metricMessage([requests(1, { destination_workload: workload })]), {
      node() {},
      counter: (...args) => feed.counter(...args),
      histogram() {},
    });
  push('a');
  push('b');
  push('c');
  assert.deepEqual({ size: cells.size, lost: counts.lost }, { size: 2, lost: 1 });
  clock.nowMs += 130_000;
  push('b');
  push('c');
  assert.deepEqual(
    [...cells.all()].map(({ key }) => key.destination),
    ['bank/b', 'bank/c'],
  );
});
