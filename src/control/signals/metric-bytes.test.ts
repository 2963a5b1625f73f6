import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../core/errors.ts';
import { type MetricVisitor, readLabels, readMetrics } from './metric-bytes.ts';
import { metricMessage, type SentSeries } from './testing/metric-message.ts';

const PLAIN = { noNullPrototype: true };
const labels = fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' }), { maxKeys: 5, noNullPrototype: true });
const counter = fc.record({ name: fc.string(), labels, value: fc.double({ noNaN: true }) }, PLAIN);
const buckets = fc.array(fc.tuple(fc.double({ noNaN: true }), fc.nat()), { maxLength: 4 });
const histogram = fc.record(
  {
    name: fc.string(),
    labels,
    histogram: fc.record({ count: fc.maxSafeNat(), sum: fc.double({ noNaN: true }), buckets }, PLAIN),
  },
  PLAIN,
);

const silent: MetricVisitor = { node() {}, counter() {}, histogram() {} };

test('reads what is written', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(counter, histogram), { maxLength: 5 }), fc.option(fc.uint8Array()), (series, node) => {
      const read: SentSeries[] = [];
      let readNode: Uint8Array | undefined;
      readMetrics(metricMessage(series, node ?? undefined), {
        node: (bytes) => (readNode = bytes),
        counter: (text, value) => read.push({ name: text.name, labels: Object.fromEntries(readLabels(text)), value }),
        histogram: (text, count, sum, bounds, upTo) =>
          read.push({
            name: text.name,
            labels: Object.fromEntries(readLabels(text)),
            histogram: { count, sum, buckets: bounds.map((bound, i) => [bound, upTo[i] ?? 0] as const) },
          }),
      });
      assert.deepEqual(read, series);
      assert.deepEqual(readNode && [...readNode], node === null ? undefined : [...node]);
    }),
  );
});

test('bytes that are no message are refused, never more', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readMetrics(Buffer.from(bytes), { ...silent, counter: (series) => readLabels(series) });
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('a message that is cut off is refused', () => {
  const whole = metricMessage([{ name: 'x', labels: { a: 'b' }, value: 1 }]);
  for (let length = 1; length < whole.length; length++)
    assert.throws(() => readMetrics(whole.subarray(0, length), silent), ProtocolError, String(length));
});

test('labels of one series are the same text, wherever they stand', () => {
  const seen: string[] = [];
  const visitor = { ...silent, counter: ({ labels: text }: { readonly labels: string }) => void seen.push(text) };
  const series = { name: 'x', labels: { a: '1', b: '2' }, value: 1 };
  readMetrics(metricMessage([series, { ...series, value: 2 }]), visitor);
  readMetrics(metricMessage([series], new Uint8Array(3)), visitor);
  assert.equal(new Set(seen).size, 1);
  assert.equal(seen.length, 3);
});
