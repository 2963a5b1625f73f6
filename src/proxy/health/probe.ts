/** One kind of active health check: how a host is asked, and what an answer means. */
import type { Clock } from '../../core/clock.ts';
import type { Cluster, Host } from '../cluster/cluster.ts';
import type { CheckResult } from './check-state.ts';

/** What a probe asks. */
export interface ProbeTarget {
  /** Where to connect, and by which transport socket; not necessarily where traffic goes. */
  readonly host: Host;
  /** `health_check_config.hostname` of the endpoint; '' without. */
  readonly hostname: string;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly reusesConnection: boolean;
  readonly alpn: readonly string[];
  /** A comparison of a service's name with `service_name_matcher` has been made. */
  onVerified(): void;
}

/** Asks one host, one check at a time. */
export interface Probe {
  /**
   * Begins a check. `onResult` of its maker is called once for it, maybe during the call, unless `cancel` comes first;
   * and unasked where the host shows that it is gone.
   */
  start(): void;
  /** The check under way took too long: it comes to nothing, and so does its connection. */
  cancel(): void;
  /** Lets go of everything. */
  close(): void;
}

/** A probe's maker: a kind with its configuration. */
export interface ProbeKind {
  /** As events name it. */
  readonly type: 'HTTP' | 'TCP' | 'GRPC';
  create(target: ProbeTarget, onResult: (result: CheckResult) => void): Probe;
}

/** The authority that checks ask for: the endpoint's, else the configured one, else the cluster's name. */
export function authorityOf({ hostname, cluster }: ProbeTarget, configured: string): string {
  return hostname || configured || cluster.name;
}

/** A check that failed. */
export function failed(
  type: Extract<CheckResult, { kind: 'failed' }>['type'],
  more: { readonly isRetriable?: boolean; readonly isExcluding?: boolean; readonly status?: number } = {},
): CheckResult {
  return { kind: 'failed', type, isRetriable: false, isExcluding: false, status: 0, ...more };
}
