/** Golden signals, as the control plane sums them up from what proxies count (nothing of it is sampled). */
import { OVERFLOW, UNKNOWN } from '../core/label-words.ts';

/** In the place of a workload's `namespace/workload` where no proxy says who it is. */
export const UNKNOWN_WORKLOAD = `${UNKNOWN}/${UNKNOWN}`;
/** The same, of all that proxies count without saying whose it is, for they count too much. */
export const OVERFLOW_WORKLOAD = `${OVERFLOW}/${OVERFLOW}`;

/** What a row is of; absent where it is summed over. */
export interface SignalKey {
  /** `namespace/workload` that calls, or {@link UNKNOWN_WORKLOAD}. */
  readonly source?: string;
  /** `namespace/workload` that is called. */
  readonly destination?: string;
  /** Host of the service that is called. */
  readonly service?: string;
  /** Route's name. */
  readonly route?: string;
}

/**
 * What rows are of: an `edge` is one workload calling another, by one service's name; a `caller` all that a workload asks
 * of others; a `workload` is what it serves, whoever calls (a gateway's is what came to it, by its own word); a `service` what is called by its name; a `route` what its callers' routes took.
 */
export const SIGNAL_GROUPINGS = ['edge', 'caller', 'workload', 'service', 'route'] as const;

/** One of {@link SIGNAL_GROUPINGS}. */
export type SignalGrouping = (typeof SIGNAL_GROUPINGS)[number];

/**
 * The key of a row in `/api/signals/history`: `source>destination` of an edge (all its services and protocols together),
 * `namespace/workload` of who calls or is called, a host, `host>route`.
 */
export function signalKeyText(by: SignalGrouping, { source = '', destination = '', service = '', route = '' }: SignalKey): string {
  switch (by) {
    case 'edge':
      return `${source}>${destination}`;
    case 'caller':
      return source;
    case 'workload':
      return destination;
    case 'service':
      return service;
    case 'route':
      return `${service}>${route}`;
  }
}

/** What happened within a window. */
export interface SignalRow extends SignalKey {
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly requestsPerSecond: number;
  /** Share (0 to 1) of requests that failed: a status of 5xx, a gRPC status that is the server's fault, or none. */
  readonly failureRatio: number;
  /** Share (0 to 1) that a policy denied; of rows by `route` a policy of the calling proxy. */
  readonly deniedRatio: number;
  /** Interpolated in the histogram's buckets; absent without requests. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  /**
   * Share (0 to 1) of requests and connections over mTLS, of those that went anywhere; absent where nobody knows: none did,
   * the row is by `route`, or of what is counted as `overflow` alone.
   */
  readonly mutualTlsRatio?: number;
  /** SPIFFE IDs that were seen at both ends, of rows by `edge`. */
  readonly sourcePrincipal?: string;
  readonly destinationPrincipal?: string;
  readonly connectionsPerSecond: number;
  readonly bytesSentPerSecond: number;
  readonly bytesReceivedPerSecond: number;
}

/** One row over time; each array has a value a step, the last one is the newest. */
export interface SignalSeries extends SignalKey {
  /** As `signalKeyText` makes it. */
  readonly key: string;
  readonly stepMs: number;
  /** End of the last step, ms since 1970. */
  readonly endMs: number;
  readonly requestsPerSecond: readonly number[];
  readonly connectionsPerSecond: readonly number[];
  readonly failureRatio: readonly number[];
  readonly deniedRatio: readonly number[];
  readonly bytesPerSecond: readonly number[];
  readonly p50Ms: readonly (number | null)[];
  readonly p95Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
}
