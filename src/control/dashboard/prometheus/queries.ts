/** PromQL for golden signals over time, by Istio's metrics: what a SignalSeries holds, from a Prometheus that has more past. */
import { GRPC_FAULTS } from '../../../core/grpc-status.ts';
import type { SignalKey } from '../../../model/signals.ts';
import { UNSENT } from '../../signals/sort-labels.ts';

/** A query of PromQL for each part of a SignalSeries. */
export interface SeriesQueries {
  readonly requestsPerSecond: string;
  readonly connectionsPerSecond: string;
  readonly failureRatio: string;
  readonly deniedRatio: string;
  readonly bytesPerSecond: string;
  readonly p50Ms: string;
  readonly p95Ms: string;
  readonly p99Ms: string;
}

/** A regular expression for them. */
const FAULTS = [...GRPC_FAULTS].join('|');
/** A rate needs two scrapes, which are a minute apart at most by Prometheus's default. */
const RATE_WINDOW_S_MIN = 120;

/** A label's matcher, with what a string of PromQL escapes. */
function matcher(label: string, value: string): string {
  return `${label}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`;
}

function workloadMatchers(end: 'source' | 'destination', key: string): string[] {
  const [namespace = '', name = ''] = key.split('/');
  return [matcher(`${end}_workload_namespace`, namespace), matcher(`${end}_workload`, name)];
}

/** A Service of a cluster, `name.namespace.svc.<domain>`. */
const SERVICE = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc\./;

/** A called proxy that refuses what comes need not know the service, and says what the caller wrote: `payments.shop:8080`. */
function calledMatchers(service: string): string[] {
  const [, name, namespace] = SERVICE.exec(service) ?? [];
  if (name === undefined || namespace === undefined) return [matcher('destination_service', service)];
  const written = `${service.replaceAll('.', '[.]')}|${name}([.]${namespace})?([.]svc)?(:[0-9]+)?`;
  return [matcher('destination_workload_namespace', namespace), `destination_service=~"${written}"`];
}

function matchersOf(reporter: 'source' | 'destination', { source, destination, service }: SignalKey): string {
  return [
    matcher('reporter', reporter),
    ...(source === undefined ? [] : workloadMatchers('source', source)),
    ...(destination === undefined ? [] : workloadMatchers('destination', destination)),
    ...(service === undefined ? [] : reporter === 'source' ? [matcher('destination_service', service)] : calledMatchers(service)),
  ].join(',');
}

/** Requests that went nowhere, and others. */
const FLAGS = `"(.*,)?(${[...UNSENT].join('|')})(,.*)?"`;
const CALLED = 'destination_workload,destination_workload_namespace';
const REQUESTS = 'istio_requests_total';
const CONNECTIONS = 'istio_tcp_connections_opened_total';

/**
 * Queries for one row's series with a value each `stepMs`. What counts is what counts in the control plane's own rows: the
 * called proxy's word where there is one, the calling one's else, and the calling one's of what went nowhere.
 */
export function seriesQueries(key: SignalKey, stepMs: number): SeriesQueries {
  const [called, calling] = [matchersOf('destination', key), matchersOf('source', key)];
  const window = `${Math.max(RATE_WINDOW_S_MIN, Math.ceil(stepMs / 1000))}s`;
  const rate = (metric: string, labels: string): string => `rate(${metric}{${labels}}[${window}])`;
  const told = (by: string): string => `sum by (${CALLED}) (${rate(by, called)})`;
  const added = (terms: readonly string[]): string => terms.map((term) => `(${term} or vector(0))`).join(' + ');
  /** `by`: the metric by which a called proxy is known to tell. */
  const total = (metric: string, by: string, more = ''): string =>
    added([
      `sum(${rate(metric, `${called}${more}`)})`,
      `sum(sum by (${CALLED}) (${rate(metric, `${calling},response_flags!~${FLAGS}${more}`)}) unless ${told(by)})`,
      `sum(${rate(metric, `${calling},response_flags=~${FLAGS}${more}`)})`,
    ]);
  const requests = `(${total(REQUESTS, REQUESTS)})`;
  const failed = [',response_code=~"5..|0"', `,response_code!~"5..|0",grpc_response_status=~"${FAULTS}"`].map((more) =>
    total(REQUESTS, REQUESTS, more),
  );
  const bucket = 'istio_request_duration_milliseconds_bucket';
  const buckets = (labels: string): string => `sum by (le,${CALLED}) (${rate(bucket, labels)})`;
  const quantile = (share: number): string =>
    `histogram_quantile(${share}, sum by (le) (${buckets(called)} or (${buckets(calling)} unless on (${CALLED}) ${told(REQUESTS)})))`;
  const denied = added([called, calling].map((labels) => `sum(${rate('tulle_denied_total', labels)})`));
  const bytes = [
    ...['istio_request_bytes_sum', 'istio_response_bytes_sum'].map((name) => total(name, REQUESTS)),
    ...['istio_tcp_sent_bytes_total', 'istio_tcp_received_bytes_total'].map((name) => total(name, CONNECTIONS)),
  ];
  return {
    requestsPerSecond: requests,
    connectionsPerSecond: total(CONNECTIONS, CONNECTIONS),
    failureRatio: `(${failed.join(' + ')}) / ${requests}`,
    deniedRatio: `(${denied}) / ${requests}`,
    bytesPerSecond: bytes.join(' + '),
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
  };
}
