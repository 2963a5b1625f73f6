/** The configuration of `istio.stats` (stats.PluginConfig), the same for HTTP and TCP. */
import { ConfigError } from '../../core/errors.ts';
import { PluginConfigSchema } from '../../xds/gen/stats/config_pb.ts';
import { compileExpression } from './cel/expression.ts';

/** Istio's standard metrics, by their names in configuration. */
const METRICS = [
  'requests_total',
  'request_duration_milliseconds',
  'request_bytes',
  'response_bytes',
  'request_messages_total',
  'response_messages_total',
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
  readonly overrides: readonly MetricOverride[];
  /** `reporter: SERVER_GATEWAY`: whatever the listener's direction, the destination's side reports. */
  readonly isServerGateway: boolean;
}

/** A change of metrics. Source: stats.MetricConfig. */
export interface MetricOverride {
  /** Where it stands. */
  readonly path: string;
  readonly metrics: readonly MetricName[];
  readonly isDropped: boolean;
  readonly removedLabels: ReadonlySet<string>;
  /** Labels whose values are expressions. */
  readonly dimensions: readonly (readonly [label: string, expression: string])[];
  /** The expression that must hold; '' for none. */
  readonly match: string;
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

/** Metrics that an override is about: the one it names, or all. One that nobody counts is none, as in Istio. */
function metricsOf(name: unknown): readonly MetricName[] {
  return name === undefined || name === '' ? METRICS : METRICS.filter((metric) => metric === name);
}

/** Expressions are read once for their mistakes; whoever counts prepares them with what they may name. */
function checkExpression(text: unknown, path: string): string {
  if (typeof text !== 'string') throw new ConfigError(path, 'is no text');
  compileExpression(text, path, { node: { id: '', cluster: '', metadata: {} }, direction: 'unspecified', listenerMetadata: {} });
  return text;
}

const OVERRIDE_FIELDS = ['name', 'drop', 'tags_to_remove', 'dimensions', 'match'];

function readOverride(value: unknown, path: string): MetricOverride {
  const override = fieldsOf(value, path);
  refuseOthers(override, OVERRIDE_FIELDS, path);
  const dimensions = Object.entries(fieldsOf(override['dimensions'] ?? {}, `${path}.dimensions`));
  const match = override['match'] ?? '';
  return {
    path,
    metrics: metricsOf(override['name']),
    isDropped: override['drop'] === true,
    removedLabels: new Set(listOf(override['tags_to_remove'], `${path}.tags_to_remove`).map(String)),
    dimensions: dimensions.map(([label, text]) => [label, checkExpression(text, `${path}.dimensions[${label}]`)] as const),
    match: match === '' ? '' : checkExpression(match, `${path}.match`),
  };
}

const REPORTERS: readonly unknown[] = [undefined, 'UNSPECIFIED', 0, 'SERVER_GATEWAY', 1];

/** Reads the JSON of a PluginConfig. Metrics of one's own, and metrics that are forgotten after a while, are refused by name. */
function parse(value: unknown, path: string): IstioStatsConfig {
  const config = fieldsOf(value ?? {}, path);
  refuseOthers(config, ['disable_host_header_fallback', 'tcp_reporting_duration', 'metrics', 'reporter'], path);
  const { reporter } = config;
  if (!REPORTERS.includes(reporter))
    throw new ConfigError(`${path}.reporter`, `${JSON.stringify(reporter)} is not UNSPECIFIED or SERVER_GATEWAY`);
  return {
    ignoresHostHeader: config['disable_host_header_fallback'] === true,
    tcpReportingMs: durationMs(config['tcp_reporting_duration'], `${path}.tcp_reporting_duration`),
    overrides: listOf(config['metrics'], `${path}.metrics`).map((item, i) => readOverride(item, `${path}.metrics[${i}]`)),
    isServerGateway: reporter === 'SERVER_GATEWAY' || reporter === 1,
  };
}

/** What the filters `istio.stats` of requests and of connections have in common. */
export const ISTIO_STATS = {
  name: 'istio.stats',
  schema: undefined,
  structTypeUrl: 'type.googleapis.com/stats.PluginConfig',
  structSchema: PluginConfigSchema,
  parse,
} as const;
