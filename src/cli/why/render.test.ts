import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Diagnosis } from './diagnose.ts';
import { renderDiagnosis } from './render.ts';

const DETAILS = 'upstream_reset_before_response_started{remote_connection_failure,delayed_connect_error:_Connection_refused}';

const diagnosis: Diagnosis = {
  paragraph: `The network failed: shop/web's proxy could not connect to shop/payments (${DETAILS}), which nobody listens for.`,
  evidence: [
    {
      proxy: 'frontend-0.shop',
      side: 'client',
      startMs: 0,
      durationMs: 12,
      what: 'GET payments.shop.svc.cluster.local:9090/charge',
      status: 503,
      grpcStatus: 0,
      flags: ['UF', 'URX'],
      details: DETAILS,
      cluster: '',
      host: '10.0.0.7:9090',
      source: '',
      destination: '',
      service: '',
    },
  ],
};

for (const width of [40, 80, 120]) {
  test(`what proxies said fits ${width} columns, and nothing of it is left out`, () => {
    const text = renderDiagnosis(diagnosis, Math.min(width, 100), false, width);
    for (const line of text.split('\n')) assert.ok(line.length <= width, `${line.length}: ${line}`);
    const whole = text.replaceAll(/\s+/g, '');
    assert.equal(whole.split(DETAILS).length, 3);
    assert.match(text, / {2}frontend-0\.shop \(client\)\s+GET/);
  });
}

test('a pipe has room for a whole line', () => {
  assert.match(
    renderDiagnosis(diagnosis, 100, false, Infinity),
    /^ {2}\S+ {2}frontend-0.*\{remote_.*_refused\} -> 10\.0\.0\.7:9090 in 12 ms$/m,
  );
});
