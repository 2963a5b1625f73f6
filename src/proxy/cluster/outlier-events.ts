/** Ejections and their ends as lines of JSON. Envoy: data.cluster.v3.OutlierDetectionEvent. */
import type { ClusterHost } from './host.ts';

/** What made a host an outlier: the names of statistics, and the types of events. */
export const CAUSES = {
  consecutive_5xx: 'CONSECUTIVE_5XX',
  consecutive_gateway_failure: 'CONSECUTIVE_GATEWAY_FAILURE',
  consecutive_local_origin_failure: 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE',
  success_rate: 'SUCCESS_RATE',
  local_origin_success_rate: 'SUCCESS_RATE_LOCAL_ORIGIN',
  failure_percentage: 'FAILURE_PERCENTAGE',
  local_origin_failure_percentage: 'FAILURE_PERCENTAGE_LOCAL_ORIGIN',
} as const;

export type Cause = keyof typeof CAUSES;

/** What is told of an ejection besides its cause: shares of successes, in per cent, where it is by them. */
export type Evidence =
  | { readonly kind: 'consecutive' }
  | { readonly kind: 'success-rate'; readonly own: number; readonly average: number; readonly threshold: number }
  | { readonly kind: 'failure-percentage'; readonly own: number };

/** An ejection, carried out or not (`isEnforced`), its end, or what stands for one. */
export type OutlierEvent =
  | { readonly action: 'EJECT'; readonly cause: Cause; readonly evidence: Evidence; readonly isEnforced: boolean }
  | { readonly action: 'UNEJECT' }
  /** The host has called itself degraded. */
  | { readonly action: 'DEGRADE' };

/** Envoy counts in whole per cents. */
function evidenceJson(evidence: Evidence): object {
  switch (evidence.kind) {
    case 'consecutive':
      return { eject_consecutive_event: {} };
    case 'success-rate':
      return {
        eject_success_rate_event: {
          host_success_rate: Math.trunc(evidence.own),
          cluster_average_success_rate: Math.trunc(evidence.average),
          cluster_success_rate_ejection_threshold: Math.max(0, Math.trunc(evidence.threshold)),
        },
      };
    case 'failure-percentage':
      return { eject_failure_percentage_event: { host_success_rate: Math.trunc(evidence.own) } };
  }
}

/** What tells the kinds of events apart. */
function kindJson(event: OutlierEvent): { readonly type: string; readonly action: 'EJECT' | 'UNEJECT'; readonly enforced: boolean } {
  switch (event.action) {
    case 'EJECT':
      return { type: CAUSES[event.cause], action: 'EJECT', enforced: event.isEnforced };
    case 'DEGRADE':
      return { type: 'DEGRADED', action: 'EJECT', enforced: true };
    case 'UNEJECT':
      // Envoy's message has no type that says nothing
      return { type: CAUSES.consecutive_5xx, action: 'UNEJECT', enforced: false };
  }
}

/** Seconds since the action before, of which nothing is said where there was none. */
function sinceLast(lastMs: number | undefined, nowMs: number): object {
  return lastMs === undefined ? {} : { secs_since_last_action: String(Math.floor((nowMs - lastMs) / 1000)) };
}

/** One event as a line with its newline. */
export function outlierLine(
  clusterName: string,
  host: ClusterHost,
  event: OutlierEvent,
  now: { readonly wallMs: number; readonly monotonicMs: number },
): string {
  const { ejection } = host.outlier;
  const { type, action, enforced } = kindJson(event);
  const line = {
    type,
    timestamp: new Date(now.wallMs).toISOString(),
    ...sinceLast(action === 'EJECT' ? ejection.endedMs : ejection.begunMs, now.monotonicMs),
    cluster_name: clusterName,
    upstream_url: host.key,
    action,
    num_ejections: ejection.times,
    enforced,
    ...(action === 'UNEJECT' ? {} : evidenceJson(event.action === 'EJECT' ? event.evidence : { kind: 'consecutive' })),
  };
  return `${JSON.stringify(line)}\n`;
}
