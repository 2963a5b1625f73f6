import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderReport } from './mtls.ts';

const report = {
  namespaces: [
    {
      namespace: 'shop',
      modes: { PERMISSIVE: 12, STRICT: 3 },
      perSecond: 24,
      mutualTlsRatio: 0.871,
      refused: ['legacy/report, which has no proxy'],
      verdict: 'STRICT would refuse legacy/report, which has no proxy and unknown callers (10.0.0.7, 10.0.0.8)',
    },
  ],
  plaintext: [
    {
      source: 'unknown/unknown',
      callers: ['legacy/report', '10.0.0.7', '10.0.0.8'],
      pastServices: [],
      destination: 'shop/recommendations-v2',
      service: 'recommendations.shop.svc.cluster.local',
      protocol: 'http',
      perSecond: 3.14,
      mode: 'PERMISSIVE',
      underStrict: 'refused',
    },
  ],
  refusals: [
    {
      caller: 'legacy/nightly-export-of-all-orders',
      destination: 'shop/payments',
      connections: 12,
      policy: { kind: 'PeerAuthentication', namespace: 'shop', name: 'default', file: 'security.yaml', line: 3, field: '' },
    },
  ],
} as const;

for (const width of [60, 80, 120]) {
  test(`a report fits ${width} columns`, () => {
    const text = renderReport(report, '15m', width, false);
    for (const line of text.split('\n')) assert.ok(line.length <= width, `${line.length}: ${line}`);
    assert.match(text, /^NAMESPACE.* STRICT\nshop .*STRICT would refuse/);
    assert.match(text, /^CALLER +CALLED.* WITH STRICT\nlegacy\/.* shop\/rec.* refused$/m);
    assert.match(text, /^Plaintext that was refused:\nCALLER +CALLED.*\nlegacy\/.* shop\/payments +12/m);
  });
}

test('what was refused is no silence', () => {
  const quiet = { ...report, plaintext: [] };
  assert.match(renderReport(quiet, '15m', 120, false), /^Nobody got through by plaintext/m);
  assert.match(renderReport(quiet, '15m', 120, false), / 12 +shop\/default security\.yaml:3$/m);
  assert.match(renderReport({ ...quiet, refusals: [] }, '15m', 120, false), /^Nobody spoke plaintext .* 15m\.\n$/m);
});
