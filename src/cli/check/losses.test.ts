import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLosses } from './losses.ts';

const row = (name: string, value: number) => ({ name, value });

test('what a proxy has lost of its telemetry is a warning, by its kind', () => {
  const [finding, ...more] = checkLosses('web-0.shop', [
    row('access_log_file.dropped', 565),
    row('access_logs.grpc_access_log.logs_dropped', 0),
    row('tracing.opentelemetry.spans_dropped', 2),
    row('tracing.opentelemetry.spans_lost', 3),
    row('stats_sinks.0.lost', 1),
    row('stats_sinks.1.lost', 1),
  ]);
  assert.deepEqual([finding?.result, finding?.name, more], ['warning', 'telemetry of web-0.shop', []]);
  assert.equal(finding?.detail, 'lost since the proxy began: 565 lines of access logs to files, 5 spans by OTLP, 2 messages of metrics');
});

test('nothing lost, nothing said; flows beyond their rate are no loss', () => {
  assert.deepEqual(checkLosses('web-0.shop', [row('flows.lost', 9), row('tracing.zipkin.spans_lost', 0)]), []);
});

test('loggers by OTLP count by their own prefixes, together', () => {
  const [finding] = checkLosses('web-0.shop', [
    row('access_logs.open_telemetry_access_log.logs_dropped', 1),
    row('access_logs.open_telemetry_access_log.audit.logs_dropped', 2),
  ]);
  assert.equal(finding?.detail, 'lost since the proxy began: 3 records of access logs by OTLP');
});
