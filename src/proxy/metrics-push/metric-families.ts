/**
 * Points as the metrics service has them: io.prometheus.client.MetricFamily, one for each. Written by hand, the labels of
 * a series once: a push is then little more than copying. Source: Envoy, stat_sinks/common/… metrics_service.
 */
import { Buffer } from 'node:buffer';
import { quantileOf } from '../../core/quantile.ts';
import type { Observed, Point } from './interval.ts';
import { ProtoWriter } from '../telemetry/proto-writer.ts';

/** What of Envoy's MetricsServiceConfig decides what is written. */
export interface FamilyOptions {
  readonly reportsDeltas: boolean;
  readonly emitsTags: boolean;
  readonly histograms: 'both' | 'summary' | 'histogram';
}

// io.prometheus.client.MetricType
const SUMMARY = 2;
const TYPES = { counter: 0, gauge: 1, histogram: 4 } as const;
const QUANTILES: readonly number[] = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1];
const NO_LABELS = Buffer.alloc(0);

function labelBytes({ tags }: Point): Buffer {
  const writer = new ProtoWriter();
  const pair = new ProtoWriter();
  for (const [name, value] of Object.entries(tags)) writer.message(1, pair.clear().text(1, name).text(2, value).written);
  return writer.take();
}

/** Writes families; keeps what stays the same of each series. */
export class FamilyWriter {
  readonly #options: FamilyOptions;
  readonly #labels = new WeakMap<Point, Buffer>();
  readonly #family = new ProtoWriter();
  readonly #metric = new ProtoWriter();
  readonly #value = new ProtoWriter();
  readonly #part = new ProtoWriter();

  constructor(options: FamilyOptions) {
    this.#options = options;
  }

  /** The families of `points`; what has not changed is left out where that says the same. */
  write(points: readonly Point[], timestampMs: number): Buffer[] {
    const families: Buffer[] = [];
    const { histograms, reportsDeltas } = this.#options;
    for (const point of points) {
      if (point.kind === 'counter') {
        const value = reportsDeltas ? point.delta : point.value;
        if (value > 0) families.push(this.#familyOf(point, TYPES.counter, 3, this.#value.clear().double(1, value), timestampMs));
      } else if (point.kind === 'gauge') {
        families.push(this.#familyOf(point, TYPES.gauge, 2, this.#value.clear().double(1, point.value), timestampMs));
      } else if (point.recent.count > 0) {
        if (histograms !== 'histogram') families.push(this.#familyOf(point, SUMMARY, 4, this.#summary(point), timestampMs));
        if (histograms !== 'summary') families.push(this.#familyOf(point, TYPES.histogram, 7, this.#histogram(point), timestampMs));
      }
    }
    return families;
  }

  #familyOf(point: Point, type: number, field: number, value: ProtoWriter, timestampMs: number): Buffer {
    const { emitsTags } = this.#options;
    const metric = this.#metric.clear().raw(this.#labelsOf(point));
    // fields in the order of their numbers, the time being the sixth
    if (field < 6) metric.message(field, value.written).integer(6, timestampMs);
    else metric.integer(6, timestampMs).message(field, value.written);
    return this.#family
      .clear()
      .text(1, emitsTags ? point.taggedName : point.name)
      .integer(3, type)
      .message(4, metric.written)
      .take();
  }

  #labelsOf(point: Point): Buffer {
    if (!this.#options.emitsTags && !point.isLabelled) return NO_LABELS;
    let bytes = this.#labels.get(point);
    if (bytes === undefined) this.#labels.set(point, (bytes = labelBytes(point)));
    return bytes;
  }

  #histogram({ bounds, recent }: Point): ProtoWriter {
    const value = this.#value.clear().integer(1, recent.count).double(2, recent.sum);
    let upTo = 0;
    for (let i = 0; i < bounds.length; i++) {
      upTo += recent.counts[i] ?? 0;
      value.message(
        3,
        this.#part
          .clear()
          .integer(1, upTo)
          .double(2, bounds[i] ?? 0).written,
      );
    }
    return value;
  }

  #summary({ bounds, recent }: { readonly bounds: readonly number[]; readonly recent: Observed }): ProtoWriter {
    const value = this.#value.clear().integer(1, recent.count).double(2, recent.sum);
    for (const q of QUANTILES) {
      const at = quantileOf(bounds, recent.counts, q) ?? 0;
      value.message(3, this.#part.clear().double(1, q).double(2, at).written);
    }
    return value;
  }
}
