import type { Counter, StatsScope } from '../telemetry/stats.ts';

/** Counters of HTTP/1.1 connections, by Envoy's names. Source: Envoy, "HTTP/1.x codec statistics". */
export interface Http1Stats {
  readonly dropped_headers_with_underscores: Counter;
  readonly requests_rejected_with_underscores_in_headers: Counter;
}

/** Declares the statistics below `http1.` of a scope. */
export function createHttp1Stats(parent: StatsScope): Http1Stats {
  const scope = parent.scope('http1');
  return {
    dropped_headers_with_underscores: scope.counter('dropped_headers_with_underscores'),
    requests_rejected_with_underscores_in_headers: scope.counter('requests_rejected_with_underscores_in_headers'),
  };
}
