import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from './metrics.ts';

test('metrics are written as Prometheus reads them', () => {
  const metrics = new Metrics();
  const pushes = metrics.counter('pushes', 'Pushes.');
  pushes.add({ type: 'CDS' });
  pushes.add({ type: 'CDS' }, 2);
  pushes.add({ type: 'a"b\\c\nd' });
  metrics.gauge('proxies', 'Proxies.', () => 3);
  const times = metrics.histogram('seconds', 'Seconds.', [0.1, 1]);
  for (const seconds of [0.05, 0.5, 5]) times.observe(seconds);
  assert.equal(
    metrics.text(),
    `# HELP pushes Pushes.
# TYPE pushes counter
pushes{type="CDS"} 3
pushes{type="a\\"b\\\\c\\nd"} 1
# HELP proxies Proxies.
# TYPE proxies gauge
proxies 3
# HELP seconds Seconds.
# TYPE seconds histogram
seconds_bucket{le="0.1"} 1
seconds_bucket{le="1"} 2
seconds_bucket{le="+Inf"} 3
seconds_sum 5.55
seconds_count 3
`,
  );
});

test('what is rare has its lines before it happens, so that the first time is seen to happen', () => {
  const metrics = new Metrics();
  const rejections = metrics.counter('rejections', 'Rejections.', [{ type: 'CDS' }, { type: 'LDS' }]);
  const errors = metrics.counter('errors', 'Errors.', [{}]);
  rejections.add({ type: 'LDS' });
  const lines = (): string[] => metrics.text().match(/^[^#].*$/gm) ?? [];
  assert.deepEqual(lines(), ['rejections{type="CDS"} 0', 'rejections{type="LDS"} 1', 'errors 0']);
  errors.add();
  assert.equal(lines().at(-1), 'errors 1');
});
