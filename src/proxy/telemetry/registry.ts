/**
 * The statistics of a proxy. Scopes are prefixes of one flat name space: asking for a name again gives the same object,
 * whoever asks, so that a cluster that is built anew goes on counting where the former one stood.
 *
 * A prefix is kept until as many handles to it were dropped as were given out: the new version of a cluster takes its
 * handle before the old one drops its own.
 */
import { OVERFLOW } from '../../core/label-words.ts';
import type { Counter, Gauge, Histogram, Labels, StatsScope } from './stats.ts';

/** Envoy's default buckets, in milliseconds for times; Istio's metrics use them for bytes too. */
export const DEFAULT_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
];

/** Series of one labelled metric above which further label sets are counted together. */
const MAX_SERIES = 10_000;

export type StatKind = 'counter' | 'gauge' | 'histogram';

/** One statistic as readers see it. */
export interface Stat {
  /** Full dotted name, or the metric's name for a labelled one. */
  readonly name: string;
  /** The prefixes of the scopes around it, outermost first: what tells a cluster's name from what follows it. */
  readonly prefixes: readonly string[];
  /** Name below the innermost scope. */
  readonly leaf: string;
  /** Undefined for a statistic of Envoy's kind. */
  readonly labels: Labels | undefined;
  readonly value: StatValue;
}

type StatValue =
  | { readonly kind: 'counter'; readonly counter: Counter }
  | { readonly kind: 'gauge'; readonly gauge: Gauge }
  | { readonly kind: 'histogram'; readonly histogram: Histogram };

/** True where somebody has counted something. */
export function isUsed({ value }: Pick<Stat, 'value'>): boolean {
  if (value.kind === 'histogram') return value.histogram.count > 0;
  return value.kind === 'counter' ? value.counter.value !== 0 : value.gauge.value !== 0;
}

/** Whoever reads all statistics. */
export interface StatsReader {
  /** Every statistic, in no order; those with labels alone where the rest is not asked for. */
  forEach(visit: (stat: Stat) => void, which?: 'all' | 'labelled'): void;
}

/** What a counter has counted elsewhere, by its place. */
export interface CountedElsewhere {
  readonly prefixes: readonly string[];
  readonly leaf: string;
  readonly labels?: Labels | undefined;
  readonly value: number;
}

export interface StatsRegistry extends StatsScope, StatsReader {
  /** Adds what was counted elsewhere; a counter that nobody here has declared yet is made, and goes with its scope. */
  absorb(counters: readonly CountedElsewhere[]): void;
}

interface Node {
  readonly prefix: string;
  readonly prefixes: readonly string[];
  readonly stats: Map<string, StatValue>;
  handles: number;
}

interface Family {
  readonly series: Map<string, { readonly labels: Labels; readonly value: StatValue }>;
  overflow: StatValue | undefined;
}

interface State {
  readonly nodes: Map<string, Node>;
  readonly families: Map<string, Family>;
  readonly maxSeries: number;
  readonly onFull: (metric: string) => void;
}

function newHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Float64Array(bounds.length + 1), sum: 0, count: 0 };
}

function newValue(kind: StatKind, bounds: readonly number[]): StatValue {
  if (kind === 'counter') return { kind, counter: { value: 0 } };
  if (kind === 'gauge') return { kind, gauge: { value: 0 } };
  return { kind, histogram: newHistogram(bounds) };
}

/** A statistic of `kind` under `name`; a name that is in use for another kind gets one that nobody sees. */
function obtain(node: Node, name: string, kind: StatKind): StatValue {
  const found = node.stats.get(name);
  if (found?.kind === kind) return found;
  const value = newValue(kind, DEFAULT_BOUNDS);
  if (found === undefined) node.stats.set(name, value);
  return value;
}

/** The key of a label set: the same whatever the order of its labels. */
export function labelKey(labels: Labels): string {
  let key = '';
  for (const name of Object.keys(labels).toSorted()) key += `${name}\u0001${labels[name] ?? ''}\u0002`;
  return key;
}

function overflowLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((name) => [name, OVERFLOW]));
}

/** The series of a label set, or the one that counts all that came after the cap was reached. */
function obtainSeries(state: State, name: string, labels: Labels, kind: StatKind, bounds: readonly number[]): StatValue {
  let family = state.families.get(name);
  if (family === undefined) state.families.set(name, (family = { series: new Map(), overflow: undefined }));
  const key = labelKey(labels);
  const found = family.series.get(key)?.value;
  if (found?.kind === kind) return found;
  const value = newValue(kind, bounds);
  if (found !== undefined) return value;
  if (family.series.size < state.maxSeries) {
    family.series.set(key, { labels, value });
    return value;
  }
  if (family.overflow?.kind === kind) return family.overflow;
  family.overflow = value;
  state.onFull(name);
  const rest = overflowLabels(labels);
  family.series.set(labelKey(rest), { labels: rest, value });
  return value;
}

function obtainNode(state: State, parent: Node | undefined, name: string): Node {
  const prefix = parent === undefined || parent.prefix === '' ? name : `${parent.prefix}.${name}`;
  let node = state.nodes.get(prefix);
  if (node === undefined) {
    const prefixes = name === '' ? [] : [...(parent?.prefixes ?? []), name];
    state.nodes.set(prefix, (node = { prefix, prefixes, stats: new Map(), handles: 0 }));
  }
  return node;
}

/** The same, with one more handle to it. */
function openNode(state: State, parent: Node | undefined, name: string): Node {
  const node = obtainNode(state, parent, name);
  node.handles++;
  return node;
}

function forget(state: State, node: Node): void {
  const below = `${node.prefix}.`;
  for (const [prefix, other] of state.nodes) if (other === node || prefix.startsWith(below)) state.nodes.delete(prefix);
}

function asCounter(value: StatValue): Counter {
  return value.kind === 'counter' ? value.counter : { value: 0 };
}

function asGauge(value: StatValue): Gauge {
  return value.kind === 'gauge' ? value.gauge : { value: 0 };
}

function asHistogram(value: StatValue): Histogram {
  return value.kind === 'histogram' ? value.histogram : newHistogram(DEFAULT_BOUNDS);
}

function handleOf(state: State, node: Node): StatsScope {
  let isDropped = false;
  return {
    counter: (name) => asCounter(obtain(node, name, 'counter')),
    gauge: (name) => asGauge(obtain(node, name, 'gauge')),
    histogram: (name) => asHistogram(obtain(node, name, 'histogram')),
    scope: (prefix) => handleOf(state, openNode(state, node, prefix)),
    labelledCounter: (name, labels) => asCounter(obtainSeries(state, name, labels, 'counter', [])),
    labelledGauge: (name, labels) => asGauge(obtainSeries(state, name, labels, 'gauge', [])),
    labelledHistogram: (name, labels, bounds) => asHistogram(obtainSeries(state, name, labels, 'histogram', bounds)),
    drop() {
      if (isDropped) return;
      isDropped = true;
      if (--node.handles === 0 && state.nodes.get(node.prefix) === node) forget(state, node);
    },
  };
}

function visitNodes({ nodes }: State, visit: (stat: Stat) => void): void {
  for (const { prefix, prefixes, stats } of nodes.values()) {
    for (const [leaf, value] of stats) {
      visit({ name: prefix === '' ? leaf : `${prefix}.${leaf}`, prefixes, leaf, labels: undefined, value });
    }
  }
}

function visitAll(state: State, visit: (stat: Stat) => void, which: 'all' | 'labelled'): void {
  if (which === 'all') visitNodes(state, visit);
  for (const [name, { series }] of state.families) {
    for (const { labels, value } of series.values()) visit({ name, prefixes: [], leaf: name, labels, value });
  }
}

function absorb(state: State, root: Node, counters: readonly CountedElsewhere[]): void {
  for (const { prefixes, leaf, labels, value } of counters) {
    if (labels !== undefined) {
      asCounter(obtainSeries(state, leaf, labels, 'counter', [])).value += value;
      continue;
    }
    let node = root;
    for (const prefix of prefixes) node = obtainNode(state, node, prefix);
    asCounter(obtain(node, leaf, 'counter')).value += value;
  }
}

/** An empty registry; `maxSeries` bounds the label sets of each labelled metric, `onFull` is told once of each that reaches it. */
export function createStats(maxSeries: number = MAX_SERIES, onFull: State['onFull'] = () => undefined): StatsRegistry {
  const state: State = { nodes: new Map(), families: new Map(), maxSeries, onFull };
  const root = openNode(state, undefined, '');
  return {
    ...handleOf(state, root),
    forEach: (visit, which = 'all') => visitAll(state, visit, which),
    absorb: (counters) => absorb(state, root, counters),
  };
}
