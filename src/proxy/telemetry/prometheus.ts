/**
 * Prometheus' text exposition (format 0.0.4) of a registry. Envoy's dotted names become `envoy_` metrics, and what is a
 * name inside them (a cluster's, a listener's, a status) becomes a label, as Envoy's well-known tags do. Labelled metrics
 * stand as they are.
 */
import type { Histogram, Labels } from './stats.ts';
import type { Stat, StatKind, StatsReader } from './registry.ts';

interface Sample {
  readonly name: string;
  readonly labels: Labels;
}

/** First words of names that are followed by a name, and the label that it becomes. */
const TAGS = new Map([
  ['cluster', 'envoy_cluster_name'],
  ['http', 'envoy_http_conn_manager_prefix'],
  ['listener', 'envoy_listener_address'],
  ['tcp', 'envoy_tcp_prefix'],
  ['vhost', 'envoy_virtual_host'],
]);

/** A status or a class of statuses at a name's end: `upstream_rq_503`, `downstream_rq_5xx`. */
const STATUS = /^(.*_rq)_(?:(\d{3})|(\d)xx)$/;

/** Splits scopes' prefixes such that the first word and the name after it stand alone. */
function partsOf(stat: Stat): readonly string[] {
  const parts: string[] = [];
  const whole = stat.prefixes.length === 0 ? [stat.name] : [...stat.prefixes, stat.leaf];
  for (const text of whole) {
    const dot = text.indexOf('.');
    const word = dot === -1 ? text : text.slice(0, dot);
    if (dot === -1 || !TAGS.has(word)) {
      parts.push(text);
      continue;
    }
    parts.push(word);
    const rest = text.slice(dot + 1);
    // without a scope nothing tells where the name ends but the next dot
    const end = stat.prefixes.length === 0 ? rest.indexOf('.') : -1;
    if (end === -1) parts.push(rest);
    else parts.push(rest.slice(0, end), rest.slice(end + 1));
  }
  return parts;
}

function sampleOf(stat: Stat): Sample {
  if (stat.labels !== undefined) return { name: sanitize(stat.name), labels: stat.labels };
  const labels: Record<string, string> = {};
  const words = ['envoy'];
  const parts = partsOf(stat);
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? '';
    words.push(part);
    const tag = TAGS.get(part);
    const value = parts[i + 1];
    if (tag === undefined || value === undefined || i + 2 >= parts.length) continue;
    labels[tag] = value;
    i++;
  }
  const status = STATUS.exec(words.at(-1) ?? '');
  if (status !== null) {
    const [, base = '', code, klass] = status;
    words[words.length - 1] = code === undefined ? `${base}_xx` : base;
    if (code !== undefined) labels['envoy_response_code'] = code;
    if (klass !== undefined) labels['envoy_response_code_class'] = klass;
  }
  return { name: sanitize(words.join('_')), labels };
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

/** True where somebody has counted something. */
export function isUsed({ value }: Stat): boolean {
  if (value.kind === 'histogram') return value.histogram.count > 0;
  return value.kind === 'counter' ? value.counter.value !== 0 : value.gauge.value !== 0;
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
