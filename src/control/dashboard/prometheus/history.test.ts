import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { portOf } from '../../../net/testing/port-of.ts';
import { historyFrom } from './history.ts';
import { readQuestion } from './question.ts';
import { seriesQueries } from './queries.ts';

test('queries name the row, and escape what a name may hold', () => {
  const { requestsPerSecond, failureRatio, p95Ms } = seriesQueries({ service: 'a"b\\c' }, 30_000);
  assert.match(requestsPerSecond, /sum\(rate\(istio_requests_total\{reporter="destination",destination_service="a\\"b\\\\c"\}\[120s\]\)\)/);
  assert.match(failureRatio, /response_code=~"5\.\.\|0"/);
  assert.match(p95Ms, /^histogram_quantile\(0\.95, sum by \(le\) \(/);
  const edge = seriesQueries({ source: 'a/b', destination: 'c/d' }, 600_000).requestsPerSecond;
  assert.match(
    edge,
    /source_workload_namespace="a",source_workload="b",destination_workload_namespace="c",destination_workload="d"\}\[600s\]/,
  );
  const { deniedRatio } = seriesQueries({ service: 'pay.shop.svc.cluster.local' }, 1);
  // what a called proxy refuses has the host as the caller wrote it
  assert.ok(deniedRatio.includes('"pay[.]shop[.]svc[.]cluster[.]local|pay([.]shop)?([.]svc)?(:[0-9]+)?"'), deniedRatio);
});

test('questions are read, and others refused', () => {
  assert.deepEqual(readQuestion(new URLSearchParams('by=edge&key=a/b>c/d&step=30s&window=6h')), {
    by: 'edge',
    text: 'a/b>c/d',
    key: { source: 'a/b', destination: 'c/d' },
    stepMs: 30_000,
    windowMs: 21_600_000,
  });
  for (const query of [
    '',
    'by=x&key=a',
    'by=edge',
    'by=service&key=a&step=1',
    'by=service&key=a&window=0s',
    'by=service&key=a&step=15m&window=10s',
    'by=route&key=a>b',
  ])
    assert.throws(() => readQuestion(new URLSearchParams(query)), { status: 400 }, query);
});

/** A Prometheus that answers every query with two samples, or with an error. */
async function fakePrometheus(t: { after(fn: () => void): void }, status: number): Promise<string> {
  const server = http.createServer((request, response) => {
    request.resume();
    const ok = {
      status: 'success',
      data: {
        result: [
          {
            values: [
              [1000, '2'],
              [1020, 'NaN'],
            ],
          },
        ],
      },
    };
    response.writeHead(status).end(JSON.stringify(status === 200 ? ok : { status: 'error', error: 'parse error' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${portOf(server)}/prefix`;
}

const QUESTION = { by: 'service', text: 'h', key: { service: 'h' }, stepMs: 10_000, windowMs: 40_000 } as const;

test('samples are laid on steps', async (t) => {
  const series = await historyFrom(await fakePrometheus(t, 200), QUESTION, 1_025_000);
  assert.equal(series.endMs, 1_020_000);
  assert.deepEqual(series.requestsPerSecond, [0, 2, 0, 0]);
  assert.deepEqual(series.p50Ms, [null, 2, null, null]);
  assert.equal(series.key, 'h');
});

test('a Prometheus that refuses, or is not there, is an answer of its own', async (t) => {
  await assert.rejects(historyFrom(await fakePrometheus(t, 400), QUESTION, 0), { status: 502, message: /parse error/ });
  await assert.rejects(historyFrom('http://127.0.0.1:9', QUESTION, 0), { status: 502, message: /does not answer: (?!fetch failed)/ });
  await assert.rejects(historyFrom('http://127.0.0.1:9', { ...QUESTION, windowMs: 86_400_000 }, 0), { status: 400 });
});
