/**
 * Requests of the proxy's own, beside a client's: mirrors, external authorization, key sets. They go through a
 * cluster's balancer, pools and limits like any other, and their answers are read whole.
 */
import type { Clock } from '../../core/clock.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { ClusterManager } from '../cluster/cluster.ts';

export interface SideRequest {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  /** Without `content-length`, which is the body's. */
  readonly headers: HeaderBlock;
  readonly body: readonly Uint8Array[];
  readonly timeoutMs: number;
  /** Bytes of an answer's body beyond which it counts as failed; 0: the body is dropped. */
  readonly maxBodyBytes: number;
}

export type SideResult =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: HeaderBlock;
      readonly body: Uint8Array;
      readonly trailers: HeaderBlock | undefined;
    }
  /** No answer: what happened, in the words of `reset.ts` (`no cluster`, `no healthy upstream`, `timeout` besides). */
  | { readonly kind: 'failure'; readonly reason: string };

/** What a side request needs of the proxy. */
export interface SideScope {
  readonly clusters: ClusterManager;
  readonly clock: Clock;
}

/** Sends a request to a cluster; `onResult` is called once, never during the call. The result cancels it. */
export type SendAside = (clusterName: string, request: SideRequest, scope: SideScope, onResult: (result: SideResult) => void) => () => void;
