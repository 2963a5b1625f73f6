import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';
import type { Destination } from './route.ts';
import type { Protocol } from './service.ts';
import type { ConnectionPool } from './traffic-policy.ts';

/** What becomes of calls to hosts that a workload does not see. */
export interface OutboundTrafficPolicy {
  readonly mode: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  /** Where such calls go in place of the address that was called; with ALLOW_ANY only. */
  readonly egressProxy: Destination | undefined;
}

/** Hosts of a namespace that an application may call, or, where excluded, may not. */
export interface EgressHost {
  /** A name, `*` for any, `.` for the namespace of whoever calls. */
  readonly namespace: string;
  /** A host, `*`, or `*.suffix`. */
  readonly host: string;
  readonly isExcluded: boolean;
}

/** Ports and addresses at which an application calls some hosts. */
export interface EgressListener {
  /** Undefined: every port that no other listener has. `number` 0 goes with a Unix socket. */
  readonly port: { readonly number: number; readonly protocol: Protocol | 'http-proxy' } | undefined;
  /** An IP address or `unix:///path`; '' where the protocol decides. */
  readonly bind: string;
  /** True where it is a socket of its own that the application connects to; else it takes intercepted connections. */
  readonly isBound: boolean;
  readonly hosts: readonly EgressHost[];
  readonly origin: Provenance;
}

/** A port that takes calls for the application. */
export interface IngressListener {
  readonly port: { readonly number: number; readonly protocol: Protocol };
  /** An IP address; '' is the proxy's own. */
  readonly bind: string;
  /** True where it is a socket of its own; else it takes intercepted connections. */
  readonly isBound: boolean;
  /**
   * Where the application listens: an IP address (`0.0.0.0` and `::` are the proxy's own) and port, or `unix:///path` with
   * port 0. Undefined: the address that was dialled.
   */
  readonly endpoint: { readonly address: string; readonly port: number } | undefined;
  readonly connectionPool: ConnectionPool | undefined;
  readonly origin: Provenance;
}

/** What the proxies of some workloads see and open, in place of everything: a Sidecar. */
export interface Sidecar {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: every workload of the namespace; in the root namespace of all namespaces that have none. */
  readonly selector: LabelSelector | undefined;
  /** Empty: everything that is exported to the namespace. */
  readonly egress: readonly EgressListener[];
  /** Empty: the ports of the workload's services. */
  readonly ingress: readonly IngressListener[];
  /** Limits before the application, for ports whose listener has none. */
  readonly inboundConnectionPool: ConnectionPool | undefined;
  /** Undefined: the mesh's. */
  readonly outboundTrafficPolicy: OutboundTrafficPolicy | undefined;
  readonly createdAt: number;
  readonly origin: Provenance;
}
