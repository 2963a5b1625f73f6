/**
 * What statistics have come to between one flush and the next: what all sinks are told. Every flush is an interval of its
 * own whether or not a sink could send it, as in Envoy: what a sink loses it does not tell later as if it had just happened.
 */
import { type CountedElsewhere, isUsed, labelKey, type Stat, type StatKind, type StatsReader } from '../telemetry/registry.ts';
import type { Histogram, Labels } from '../telemetry/stats.ts';
import { taggedName } from '../telemetry/tagged-name.ts';

/** A histogram's observations: since the last flush, or since the start. */
export type Observed = Pick<Histogram, 'counts' | 'sum' | 'count'>;

/** One statistic at one flush. */
export interface Point {
  readonly kind: StatKind;
  /** Dotted, and complete. */
  readonly name: string;
  /** Without the names in it, which are in `tags`. Of labelled metrics the same as `name`. */
  readonly taggedName: string;
  readonly tags: Labels;
  readonly isLabelled: boolean;
  /** A counter's or a gauge's. */
  value: number;
  /** A counter's, since the last flush. */
  delta: number;
  readonly bounds: readonly number[];
  /** Of histograms, since the last flush and altogether. */
  recent: Observed;
  all: Observed;
}

interface Kept {
  readonly point: Point;
  flush: number;
  isUsed: boolean;
}

const NOTHING: Observed = { counts: new Float64Array(0), sum: 0, count: 0 };

function keyOf({ name, labels, value }: Pick<Stat, 'name' | 'labels' | 'value'>): string {
  return `${value.kind} ${name}${labels === undefined ? '' : `\n${labelKey(labels)}`}`;
}

function pointOf(stat: Stat): Point {
  const { labels, name, value } = stat;
  const tagged = labels === undefined ? taggedName(stat) : { name, tags: labels };
  return {
    kind: value.kind,
    name,
    taggedName: tagged.name,
    tags: tagged.tags,
    isLabelled: labels !== undefined,
    value: 0,
    delta: 0,
    bounds: value.kind === 'histogram' ? value.histogram.bounds : [],
    recent: NOTHING,
    all: NOTHING,
  };
}

/** What came since `before`; everything where there is less than that: it has begun again. */
function since(before: Observed, now: Observed): Observed {
  if (now.count < before.count) return now;
  return {
    counts: now.counts.map((count, i) => count - (before.counts[i] ?? 0)),
    sum: now.sum - before.sum,
    count: now.count - before.count,
  };
}

function update(point: Point, { value }: Stat): void {
  if (value.kind === 'gauge') point.value = value.gauge.value;
  else if (value.kind === 'counter') {
    const now = value.counter.value;
    point.delta = now < point.value ? now : now - point.value;
    point.value = now;
  } else {
    const { counts, sum, count } = value.histogram;
    // nothing new: nothing is copied
    if (count === point.all.count) {
      point.recent = NOTHING;
      return;
    }
    const now = { counts: counts.slice(), sum, count };
    point.recent = since(point.all, now);
    point.all = now;
  }
}

/** How long the point of a statistic that is gone is kept, in flushes. */
const KEPT_FLUSHES = 12;

export class Interval {
  readonly #kept = new Map<string, Kept>();
  readonly #byLabels = new WeakMap<Labels, Map<string, Kept>>();
  #flush = 0;

  /** Points of everything that was ever used, each the same object at every flush. */
  next(reader: StatsReader, which: 'all' | 'labelled'): readonly Point[] {
    const flush = ++this.#flush;
    const points: Point[] = [];
    reader.forEach((stat) => {
      const kept = this.#keptOf(stat);
      kept.flush = flush;
      update(kept.point, stat);
      kept.isUsed ||= isUsed(stat);
      if (kept.isUsed) points.push(kept.point);
    }, which);
    if (flush % KEPT_FLUSHES === 0) {
      for (const [key, kept] of this.#kept) if (kept.flush <= flush - KEPT_FLUSHES) this.#kept.delete(key);
    }
    return points;
  }

  /** What another process has counted, and told of, is ours from now on: it is not news. */
  absorbed(counters: readonly CountedElsewhere[]): void {
    for (const { prefixes, leaf, labels, value } of counters) {
      const counter = { kind: 'counter', counter: { value } } as const;
      const name = labels === undefined ? [...prefixes, leaf].join('.') : leaf;
      this.#keptOf({ name, prefixes, leaf, labels, value: counter }).point.value += value;
    }
  }

  #keptOf(stat: Stat): Kept {
    // most labels are the same object at each flush: they need not be put together to know them
    const known = stat.labels && this.#byLabels.get(stat.labels)?.get(stat.name);
    if (known !== undefined && known.point.kind === stat.value.kind) return known;
    const key = keyOf(stat);
    let kept = this.#kept.get(key);
    if (kept === undefined) this.#kept.set(key, (kept = { point: pointOf(stat), flush: this.#flush, isUsed: false }));
    if (stat.labels !== undefined) {
      const names = this.#byLabels.get(stat.labels) ?? new Map<string, Kept>();
      this.#byLabels.set(stat.labels, names.set(stat.name, kept));
    }
    return kept;
  }
}
