import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetrics, quantileOf, totalOf } from './metrics-text.ts';

const TEXT = `# HELP a Some.
a{type="x",why="say \\"no\\""} 2
a 3
h_bucket{le="0.1"} 50
h_bucket{le="1"} 100
h_bucket{le="+Inf"} 100
h_sum 10
nonsense
`;

test('samples, sums and quantiles', () => {
  const samples = parseMetrics(TEXT);
  assert.equal(totalOf(samples, 'a'), 5);
  assert.equal(samples[0]?.labels['type'], 'x');
  assert.equal(quantileOf(samples, 'h', 0.5), 0.1);
  assert.equal(quantileOf(samples, 'h', 0.75), 0.55);
  assert.equal(quantileOf(samples, 'none', 0.5), undefined);
});
