import type { Counter, Gauge, StatsScope } from '../telemetry/stats.ts';

/** Counters of HTTP/2 connections, by Envoy's names. Source: Envoy, "HTTP/2 codec statistics". */
const COUNTERS = [
  'dropped_headers_with_underscores',
  'goaway_sent',
  'header_overflow',
  'inbound_empty_frames_flood',
  'inbound_priority_frames_flood',
  'inbound_window_update_frames_flood',
  'keepalive_timeout',
  'outbound_control_flood',
  'outbound_flood',
  'requests_rejected_with_underscores_in_headers',
  'rx_messaging_error',
  'rx_reset',
  'trailers',
  'tx_flush_timeout',
  'tx_reset',
] as const;

export type Http2Stats = Readonly<Record<(typeof COUNTERS)[number], Counter>> & { readonly streams_active: Gauge };

/** Declares the statistics below `http2.` of a scope. */
export function createHttp2Stats(parent: StatsScope): Http2Stats {
  const scope = parent.scope('http2');
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, scope.counter(name)])) as Record<(typeof COUNTERS)[number], Counter>;
  return { ...counters, streams_active: scope.gauge('streams_active') };
}

/** What counts a breach or a limit that was passed, by the code of its error. */
const BY_CODE: Readonly<Record<string, (typeof COUNTERS)[number]>> = {
  'http2.head_too_large': 'header_overflow',
  'http2.too_many_headers': 'header_overflow',
  'http2.header_flood': 'header_overflow',
  'http2.empty_frame_flood': 'inbound_empty_frames_flood',
  'http2.priority_flood': 'inbound_priority_frames_flood',
  'http2.window_update_flood': 'inbound_window_update_frames_flood',
  'http2.outbound_flood': 'outbound_flood',
  'http2.outbound_control_flood': 'outbound_control_flood',
};

/** Envoy's words for what went wrong with a request, by the code of its error; what is left is `http2.violation.of.messaging.rule`. */
const DETAILS: Readonly<Record<string, string>> = {
  'http2.head_too_large': 'http2.header_list_size_too_large',
  'http2.too_many_headers': 'http2.too_many_headers',
  'http2.body_length': 'http2.remote_reset',
  'http2.empty_frame_flood': 'http2.inbound_empty_frames_flood',
  'http2.priority_flood': 'http2.inbound_priority_frames_flood',
  'http2.window_update_flood': 'http2.inbound_window_update_frames_flood',
};

const INVALID_FIELD: ReadonlySet<string> = new Set(
  (
    'header_name header_value connection_field te pseudo_unknown pseudo_duplicate pseudo_late pseudo_empty method path scheme authority status ' +
    'content_length extended_connect connect'
  )
    .split(' ')
    .map((code) => `http2.${code}`),
);

/** %RESPONSE_CODE_DETAILS% of a request that breaks HTTP/2. */
export function http2Details(code: string): string {
  return DETAILS[code] ?? (INVALID_FIELD.has(code) ? 'http2.invalid.header.field' : 'http2.violation.of.messaging.rule');
}

/** Counts what ended a connection. */
export function countBreach(stats: Http2Stats, code: string): void {
  stats[BY_CODE[code] ?? 'rx_messaging_error'].value++;
}
