/** PromQL for golden signals over time, by Istio's metrics: what a SignalSeries holds, from a Prometheus that has more past. */
import { GRPC_FAULTS } from '../../../core/grpc-status.ts';
import type { SignalGrouping, SignalKey } from '../../../model/signals.ts';

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

/** Who counts: the called side knows a workload's requests, the calling side also those that never arrived. */
function reporterOf(by: SignalGrouping): string {
  return by === 'workload' ? 'destination' : 'source';
}

function matchersOf({ source, destination, service }: SignalKey): string[] {
  return [
    ...(source === undefined ? [] : workloadMatchers('source', source)),
    ...(destination === undefined ? [] : workloadMatchers('destination', destination)),
    ...(service === undefined ? [] : [matcher('destination_service', service)]),
  ];
}

/** Queries for one row's series with a value each `stepMs`. */
export function seriesQueries(by: SignalGrouping, key: SignalKey, stepMs: number): SeriesQueries {
  const own = matchersOf(key);
  const labels = [matcher('reporter', reporterOf(by)), ...own].join(',');
  const window = `${Math.max(RATE_WINDOW_S_MIN, Math.ceil(stepMs / 1000))}s`;
  const requests = (more = ''): string => `sum(rate(istio_requests_total{${labels}${more}}[${window}]))`;
  const failed = [requests(',response_code=~"5..|0"'), requests(`,response_code!~"5..|0",grpc_response_status=~"${FAULTS}"`)].map(
    (query) => `(${query} or vector(0))`,
  );
  const quantile = (share: number): string =>
    `histogram_quantile(${share}, sum by (le) (rate(istio_request_duration_milliseconds_bucket{${labels}}[${window}])))`;
  const sums = ['istio_request_bytes_sum', 'istio_response_bytes_sum', 'istio_tcp_sent_bytes_total', 'istio_tcp_received_bytes_total'];
  return {
    requestsPerSecond: requests(),
    connectionsPerSecond: `sum(rate(istio_tcp_connections_opened_total{${labels}}[${window}]))`,
    failureRatio: `(${failed.join(' + ')}) / ${requests()}`,
    // the called side alone knows of what it refused
    deniedRatio: `(sum(rate(tulle_denied_total{${own.join(',')}}[${window}])) or vector(0)) / ${requests()}`,
    bytesPerSecond: sums.map((name) => `(sum(rate(${name}{${labels}}[${window}])) or vector(0))`).join(' + '),
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
  };
}
