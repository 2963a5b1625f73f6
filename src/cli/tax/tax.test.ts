import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow } from '../../model/flow.ts';
import { flowOf } from '../../model/testing/flow.ts';
import { costRow, readingOf } from './cost.ts';
import { latencyRows } from './latency.ts';

const flow = (id: string, reporter: Flow['reporter'], durationMs: number, upstreamMs: number, more: Partial<Flow> = {}): Flow =>
  flowOf({ id, reporter, durationMs, upstreamMs, ...more });

test('the mesh adds what the caller waited longer than the application took', () => {
  const flows = [
    ...Array.from({ length: 99 }, (_, i) => [flow(`${i}`, 'source', 12, 11), flow(`${i}`, 'destination', 11, 10)]).flat(),
    flow('99', 'source', 60, 59),
    flow('99', 'destination', 51, 10),
  ];
  assert.deepEqual(latencyRows(flows), [
    {
      source: 'shop/web',
      destination: 'shop/payments',
      calls: 100,
      whole: { p50Ms: 12, p99Ms: 60 },
      application: { p50Ms: 10, p99Ms: 10 },
      added: { p50Ms: 2, p99Ms: 50 },
    },
  ]);
});

test('what cannot be judged is left out', () => {
  const cases: readonly (readonly Flow[])[] = [
    [flow('1', 'source', 9, 8)],
    [flow('1', 'source', 9, 8), flow('1', 'destination', 7, 6), flow('1', 'destination', 7, 6)],
    [flow('1', 'source', 9, 8, { bytesSent: 1e6 }), flow('1', 'destination', 7, 6)],
    [flow('1', 'source', 9, 8), flow('1', 'destination', 7, 6, { verdict: 'denied' })],
    [flow('1', 'source', 9, 8, { protocol: 'tcp' }), flow('1', 'destination', 7, 6, { protocol: 'tcp' })],
  ];
  for (const flows of cases) assert.deepEqual(latencyRows(flows), []);
});

test('cost is what two readings differ by', () => {
  const text = (cpu: number, requests: number): string =>
    [
      '# TYPE process_cpu_seconds_total counter',
      `process_cpu_seconds_total ${cpu}`,
      'process_resident_memory_bytes 7e7',
      `istio_requests_total{response_code="200",path="} 5"} ${requests}`,
      `istio_requests_total{response_code="503"} 0`,
      `istio_requests_total_other{a="b"} 1000`,
      `istio_tcp_connections_closed_total{a="b"} 10`,
      ...['inbound', 'outbound'].flatMap((direction) => [
        `tulle_time_in_proxy_milliseconds_bucket{direction="${direction}",le="0.25"} 7`,
        `tulle_time_in_proxy_milliseconds_bucket{direction="${direction}",le="0.5"} ${7 + requests / 2}`,
        `tulle_time_in_proxy_milliseconds_bucket{direction="${direction}",le="+Inf"} ${7 + requests / 2}`,
      ]),
    ].join('\n');
  const before = readingOf(text(1, 100), 0);
  const after = readingOf(text(1.5, 1100), 10_000);
  assert.deepEqual(costRow('web-0.a', before, after), {
    proxy: 'web-0.a',
    perSecond: 100,
    cores: 0.05,
    cpuUs: 500,
    residentBytes: 7e7,
    own: { p50Ms: 0.375, p99Ms: 0.4975 },
  });
  assert.equal(costRow('web-0.a', before, before).own, undefined);
  assert.equal(costRow('web-0.a', before, readingOf(text(1.5, 101), 10_000)).cpuUs, undefined);
});
