/** The configuration of `istio.stats` (stats.PluginConfig), the same for HTTP and TCP. */
import { ConfigError } from '../../core/errors.ts';
import type { Labels } from './stats.ts';

/** Istio's standard metrics, by their names in configuration. */
const METRICS = [
  'requests_total',
  'request_duration_milliseconds',
  'request_bytes',
  'response_bytes',
  'tcp_connections_opened_total',
  'tcp_connections_closed_total',
  'tcp_sent_bytes_total',
  'tcp_received_bytes_total',
] as const;

export type MetricName = (typeof METRICS)[number];

export interface IstioStatsConfig {
  /** Without a service of the control plane's, the request's host is not taken for one: it may be anybody's text. */
  readonly ignoresHostHeader: boolean;
  /** How often open TCP connections are counted. */
  readonly tcpReportingMs: number;
  readonly dropped: ReadonlySet<MetricName>;
  /** Labels left out, by metric. */
  readonly removedLabels: ReadonlyMap<MetricName, ReadonlySet<string>>;
}

const DEFAULT_TCP_REPORTING_MS = 5000;

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ConfigError(path, 'is not an object');
  return Object.fromEntries(Object.entries(value));
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new ConfigError(path, 'is not a list');
  return value;
}

function refuseOthers(fields: Fields, known: readonly string[], path: string): void {
  for (const name of Object.keys(fields)) if (!known.includes(name)) throw new ConfigError(`${path}.${name}`, 'is not supported by Tulle');
}

/** `5s`, `0.5s` in milliseconds. */
function durationMs(value: unknown, path: string): number {
  if (value === undefined) return DEFAULT_TCP_REPORTING_MS;
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(value) : null;
  if (match === null) throw new ConfigError(path, `${JSON.stringify(value)} is not a duration like "5s"`);
  return Number(match[1]) * 1000;
}

/** Metrics that an override is about: the one it names, or all. */
function metricsOf(name: unknown, path: string): readonly MetricName[] {
  if (name === undefined || name === '') return METRICS;
  const found = METRICS.filter((metric) => metric === name);
  if (found.length === 0) throw new ConfigError(path, `${JSON.stringify(name)} is not one of ${METRICS.join(', ')}`);
  return found;
}

function readOverride(value: unknown, path: string, dropped: Set<MetricName>, removed: Map<MetricName, Set<string>>): void {
  const override = fieldsOf(value, path);
  refuseOthers(override, ['name', 'drop', 'tags_to_remove'], path);
  const tags = listOf(override['tags_to_remove'], `${path}.tags_to_remove`).map(String);
  for (const metric of metricsOf(override['name'], `${path}.name`)) {
    if (override['drop'] === true) dropped.add(metric);
    const labels = removed.get(metric) ?? new Set();
    for (const tag of tags) labels.add(tag);
    removed.set(metric, labels);
  }
}

/** Reads the JSON of a PluginConfig. Labels computed by expressions and metrics of one's own are refused by name. */
export function parseIstioStats(value: unknown, path: string): IstioStatsConfig {
  const config = fieldsOf(value ?? {}, path);
  refuseOthers(config, ['disable_host_header_fallback', 'tcp_reporting_duration', 'metrics'], path);
  const dropped = new Set<MetricName>();
  const removedLabels = new Map<MetricName, Set<string>>();
  for (const [i, item] of listOf(config['metrics'], `${path}.metrics`).entries()) {
    readOverride(item, `${path}.metrics[${i}]`, dropped, removedLabels);
  }
  return {
    ignoresHostHeader: config['disable_host_header_fallback'] === true,
    tcpReportingMs: durationMs(config['tcp_reporting_duration'], `${path}.tcp_reporting_duration`),
    dropped,
    removedLabels,
  };
}

/** Leaves out the labels that the configuration removes from a metric. */
export function labelsFor(metric: MetricName, labels: Labels, { removedLabels }: IstioStatsConfig): Labels {
  const removed = removedLabels.get(metric);
  if (removed === undefined || removed.size === 0) return labels;
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !removed.has(name)));
}
