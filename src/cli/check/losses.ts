/** Telemetry that proxies have lost: a collector that is down, slow or refuses, a disk that is full. Traffic does not tell. */
import { type JsonObject, textOf } from '../json.ts';
import { type Finding, warning } from './finding.ts';

/** Statistics that count losses, and what of. */
const LOSSES: readonly (readonly [name: RegExp, what: string])[] = [
  [/^access_log_file\.dropped$/, 'lines of access logs to files'],
  [/^access_logs\.grpc_access_log\.logs_dropped$/, 'entries of access logs by gRPC'],
  // a logger may have a `stat_prefix` of its own
  [/^access_logs\.open_telemetry_access_log\.(?:.+\.)?logs_dropped$/, 'records of access logs by OTLP'],
  [/^tracing\.opentelemetry\.spans_(?:dropped|lost)$/, 'spans by OTLP'],
  [/^tracing\.zipkin\.spans_(?:dropped|lost)$/, 'spans to Zipkin'],
  [/^stats_sinks\.\d+\.lost$/, 'messages of metrics'],
];

/** What asks a proxy's admin interface for them. */
export const LOSSES_CALL = `/stats?format=json&filter=${encodeURIComponent('(dropped|lost)$')}`;

/**
 * A warning where a proxy has lost some.
 *
 * @param stats rows of its `GET /stats?format=json`
 */
export function checkLosses(proxy: string, stats: readonly JsonObject[]): Finding[] {
  const lost = LOSSES.flatMap(([name, what]) => {
    const count = stats.filter((row) => name.test(textOf(row['name']))).reduce((sum, row) => sum + (Number(row['value']) || 0), 0);
    return count === 0 ? [] : [`${count} ${what}`];
  });
  if (lost.length === 0) return [];
  return [
    warning(
      `telemetry of ${proxy}`,
      `lost since the proxy began: ${lost.join(', ')}`,
      "where extensionProviders of MeshConfig sends it: is the collector there, does it take it, has the disk room; the proxy's log",
    ),
  ];
}
