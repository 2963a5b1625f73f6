/**
 * Prometheus' text exposition (format 0.0.4) of a registry. Envoy's dotted names become `envoy_` metrics with their
 * tags as labels. Labelled metrics stand as they are.
 */
import type { Histogram, Labels } from './stats.ts';
import type { Stat, StatKind, StatsReader } from './registry.ts';
import { taggedName } from './tagged-name.ts';

interface Sample {
  readonly name: string;
  readonly labels: Labels;
}

function sampleOf(stat: Stat): Sample {
  if (stat.labels !== undefined) return { name: sanitize(stat.name), labels: stat.labels };
  const { name, tags } = taggedName(stat);
  return { name: sanitize(`envoy_${name}`), labels: tags };
}

function sanitize(name: string): string {
  const clean = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_');
  return /^\d/.test(clean) ? `_${clean}` : clean;
}

function escapeValue(value: string): string {
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}

/** `{a="1",b="2"}`, or nothing for no labels. */
export function formatLabels(labels: Labels, extra = ''): string {
  let text = '';
  for (const [name, value] of Object.entries(labels)) text += `${text === '' ? '' : ','}${sanitize(name)}="${escapeValue(value)}"`;
  if (extra !== '') text += text === '' ? extra : `,${extra}`;
  return text === '' ? '' : `{${text}}`;
}

function histogramLines({ name, labels }: Sample, histogram: Histogram): string {
  let lines = '';
  let below = 0;
  for (const [i, bound] of histogram.bounds.entries()) {
    below += histogram.counts[i] ?? 0;
    lines += `${name}_bucket${formatLabels(labels, `le="${bound}"`)} ${below}\n`;
  }
  lines += `${name}_bucket${formatLabels(labels, 'le="+Inf"')} ${histogram.count}\n`;
  return `${lines}${name}_sum${formatLabels(labels)} ${histogram.sum}\n${name}_count${formatLabels(labels)} ${histogram.count}\n`;
}

function linesOf(sample: Sample, { value }: Stat): string {
  if (value.kind === 'histogram') return histogramLines(sample, value.histogram);
  return `${sample.name}${formatLabels(sample.labels)} ${value.kind === 'counter' ? value.counter.value : value.gauge.value}\n`;
}

/** The whole registry as text; `keep` leaves statistics out. Metrics are in the order of their names. */
export function renderPrometheus(registry: StatsReader, keep: (stat: Stat) => boolean = () => true): string {
  const families = new Map<string, { readonly kind: StatKind; lines: string[] }>();
  registry.forEach((stat) => {
    if (!keep(stat)) return;
    const sample = sampleOf(stat);
    let family = families.get(sample.name);
    if (family === undefined) families.set(sample.name, (family = { kind: stat.value.kind, lines: [] }));
    if (family.kind === stat.value.kind) family.lines.push(linesOf(sample, stat));
  });
  let text = '';
  for (const [name, { kind, lines }] of [...families].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    text += `# TYPE ${name} ${kind}\n${lines.toSorted().join('')}`;
  }
  return text;
}
