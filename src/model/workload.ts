import type { Provenance } from './provenance.ts';
import type { ProxySettings } from './proxy-settings.ts';
import type { Locality, Protocol } from './service.ts';

/** A port that a workload serves. */
export interface WorkloadPort {
  readonly name: string;
  /** The port the process listens on. */
  readonly number: number;
  readonly protocol: Protocol;
}

/** How it is found out whether a workload is ready. */
export interface ReadinessProbe {
  readonly check:
    | { readonly kind: 'http'; readonly path: string; readonly port: number }
    | { readonly kind: 'tcp'; readonly port: number }
    | { readonly kind: 'exec'; readonly command: readonly string[] };
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** A loopback port in explicit mode that stands for a service's port. */
export interface ExplicitUpstream {
  /** Service host, short names resolved in the workload's namespace. */
  readonly host: string;
  readonly port: number;
  readonly localPort: number;
}

/** Our `Workload` resource: what a pod (or Deployment) says where there is no Kubernetes. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly ports: readonly WorkloadPort[];
  readonly replicas: number;
  /** Program and arguments; empty for a gateway, which is a proxy alone. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute, or relative to the folder of the file that declares it. */
  readonly workingDir: string;
  readonly readiness: ReadinessProbe | undefined;
  readonly upstreams: readonly ExplicitUpstream[];
  readonly locality: Locality;
  /** `sidecar`, or `router` for a gateway. */
  readonly role: 'sidecar' | 'router';
  /** False: runs in the mesh's network without a proxy. */
  readonly isMeshed: boolean;
  /** Settings of its proxy; absent where nothing is said. */
  readonly proxy?: ProxySettings;
  readonly origin: Provenance;
}

/** A running copy of a workload, as its proxy registered it. */
export interface WorkloadInstance {
  /** `payments-v1-0`: unique in its namespace. */
  readonly id: string;
  readonly workload: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly address: string;
  /** The application's ports; `listen` is where peers reach it when that differs (explicit mode). */
  readonly ports: readonly (WorkloadPort & { readonly listen: number })[];
  readonly locality: Locality;
  readonly isReady: boolean;
  readonly isMeshed: boolean;
  /** True for a gateway's, whose ports are as Gateways open them; absent for all others. */
  readonly isGateway?: true;
  /** Where its proxy takes TCP connections as tunnels (HBONE); absent where it takes none. */
  readonly hbonePort?: number;
}
