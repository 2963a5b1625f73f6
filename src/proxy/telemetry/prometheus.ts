/**
 * A registry as Prometheus reads it: the text exposition format 0.0.4, and OpenMetrics 1.0, which has exemplars. Envoy's
 * dotted names become `envoy_` metrics with their tags as labels. Labelled metrics stand as they are. Names of series are
 * the same in both formats, so that dashboards do not depend on what a scraper asks for.
 *
 * It is written in pieces: a scrape of a large registry must not hold the event loop.
 */
import { METRICS } from './metric-help.ts';
import type { Stat, StatKind, StatsReader } from './registry.ts';
import type { Exemplar, Histogram, Labels } from './stats.ts';
import { taggedName } from './tagged-name.ts';

export type ExpositionFormat = 'text' | 'openmetrics';

/** Characters after which a piece ends. */
const PIECE_CHARS = 64 * 1024;

interface Series {
  /** `a="1",b="2"` */
  readonly labels: string;
  readonly stat: Stat;
}

interface Family {
  readonly kind: StatKind;
  readonly stats: Stat[];
}

/** What is no character of a metric's name. */
const FOREIGN = /[^a-zA-Z0-9_:]/;
const ALL_FOREIGN = /[^a-zA-Z0-9_:]/g;

function sanitize(name: string): string {
  const clean = FOREIGN.test(name) ? name.replaceAll(ALL_FOREIGN, '_') : name;
  return /^\d/.test(clean) ? `_${clean}` : clean;
}

/** Labels' names have no colon, and `le` is a bucket's own: any other would have Prometheus drop the whole scrape. */
function labelName(name: string): string {
  if (name === 'le') return '_le';
  const clean = sanitize(name).replaceAll(':', '_');
  return clean === '' ? '_' : clean;
}

function escapeValue(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}

function labelText(labels: Labels): string {
  let text = '';
  let isCleaned = false;
  for (const name of Object.keys(labels)) {
    let clean = labelName(name);
    isCleaned ||= clean !== name;
    // what comes to a name that is there already must not be it
    while (isCleaned && `,${text}`.includes(`,${clean}="`)) clean += '_';
    text += `${text === '' ? '' : ','}${clean}="${escapeValue(labels[name] ?? '')}"`;
  }
  return text;
}

/** `{a="1",b="2"}`, or nothing for no labels. */
export function formatLabels(labels: Labels): string {
  const text = labelText(labels);
  return text === '' ? '' : `{${text}}`;
}

/** A number as OpenMetrics wants it where it is a bucket's bound: `1.0`. */
function boundText(bound: number, format: ExpositionFormat): string {
  return format === 'openmetrics' && Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

/** ` # {trace_id="…"} 12.5 1700000000.123`; nothing without an exemplar. */
function exemplarText(exemplar: Exemplar | undefined): string {
  return exemplar === undefined ? '' : ` # {trace_id="${exemplar.traceId}"} ${exemplar.value} ${exemplar.atMs / 1000}`;
}

function histogramLines(name: string, labels: string, histogram: Histogram, format: ExpositionFormat): string {
  const { bounds, counts, exemplars } = histogram;
  const before = `${name}_bucket{${labels}${labels === '' ? '' : ','}le="`;
  const exemplar = (i: number): string => (format === 'text' ? '' : exemplarText(exemplars?.[i]));
  let lines = '';
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    below += counts[i] ?? 0;
    lines += `${before}${boundText(bounds[i] ?? 0, format)}"} ${below}${exemplar(i)}\n`;
  }
  const own = labels === '' ? '' : `{${labels}}`;
  return `${lines}${before}+Inf"} ${histogram.count}${exemplar(bounds.length)}\n${name}_sum${own} ${histogram.sum}\n${name}_count${own} ${histogram.count}\n`;
}

function linesOf(name: string, { labels, stat: { value } }: Series, format: ExpositionFormat): string {
  if (value.kind === 'histogram') return histogramLines(name, labels, value.histogram, format);
  const number = value.kind === 'counter' ? value.counter.value : value.gauge.value;
  return labels === '' ? `${name} ${number}\n` : `${name}{${labels}} ${number}\n`;
}

function familiesOf(registry: StatsReader, keep: (stat: Stat) => boolean): Map<string, Family> {
  const families = new Map<string, Family>();
  registry.forEach((stat) => {
    if (!keep(stat)) return;
    const name = sanitize(stat.labels === undefined ? `envoy_${taggedName(stat).name}` : stat.name);
    let family = families.get(name);
    if (family === undefined) families.set(name, (family = { kind: stat.value.kind, stats: [] }));
    if (family.kind === stat.value.kind) family.stats.push(stat);
  });
  return families;
}

/** The series of a family in the order of their labels. `known` are texts of labels that several families have. */
function seriesOf({ stats }: Family, known: Map<Labels, string>): Series[] {
  const series = stats.map((stat) => {
    const labels = stat.labels ?? taggedName(stat).tags;
    let text = known.get(labels);
    if (text === undefined) known.set(labels, (text = labelText(labels)));
    return { labels: text, stat };
  });
  return series.toSorted((a, b) => (a.labels < b.labels ? -1 : 1));
}

const TOTAL = '_total';

/**
 * Name and type under which OpenMetrics knows a family. Its counters have names that end in `_total`, which the family's
 * own name lacks; others of Envoy's, and those that would be two families of one name, have no type, and keep theirs.
 */
function declared(name: string, kind: StatKind, families: ReadonlyMap<string, Family>): readonly [name: string, type: string] {
  if (kind !== 'counter') return [name, kind];
  const bare = name.slice(0, -TOTAL.length);
  return name.endsWith(TOTAL) && !families.has(bare) ? [bare, kind] : [name, 'unknown'];
}

function head(name: string, kind: StatKind, format: ExpositionFormat, families: ReadonlyMap<string, Family>): string {
  const [own, type] = format === 'text' ? [name, kind] : declared(name, kind, families);
  const help = METRICS.get(name)?.help;
  return `${help === undefined ? '' : `# HELP ${own} ${help}\n`}# TYPE ${own} ${type}\n`;
}

/** The whole registry, piece by piece; `keep` leaves statistics out. Metrics are in the order of their names. */
export function* renderMetrics(
  registry: StatsReader,
  format: ExpositionFormat,
  keep: (stat: Stat) => boolean = () => true,
): Generator<string> {
  const families = familiesOf(registry, keep);
  const texts = new Map<Labels, string>();
  let piece = '';
  for (const [name, family] of [...families].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    piece += head(name, family.kind, format, families);
    for (const one of seriesOf(family, texts)) {
      piece += linesOf(name, one, format);
      if (piece.length < PIECE_CHARS) continue;
      yield piece;
      piece = '';
    }
  }
  yield format === 'openmetrics' ? `${piece}# EOF\n` : piece;
}

/** The same as one text, in format 0.0.4. */
export function renderPrometheus(registry: StatsReader, keep?: (stat: Stat) => boolean): string {
  return [...renderMetrics(registry, 'text', keep)].join('');
}

/** `q` of what a client accepts; 0 where it does not. */
function quality(accept: string, type: string): number {
  let best = 0;
  for (const range of accept.split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (name !== type) continue;
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    best = Math.max(best, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  return best;
}

/** What a scraper with this `accept` is given: OpenMetrics where it would rather have it than text. */
export function formatFor(accept: string): ExpositionFormat {
  const open = quality(accept, 'application/openmetrics-text');
  return open > 0 && open >= quality(accept, 'text/plain') ? 'openmetrics' : 'text';
}

export const CONTENT_TYPES = {
  text: 'text/plain; version=0.0.4',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const satisfies Record<ExpositionFormat, string>;
