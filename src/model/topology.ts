/** The mesh as people look at it: what can be called, what runs, and how requests are split between versions. */
import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';
import type { Protocol } from './service.ts';

/** A workload, with how much of it runs. */
export interface TopologyWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly labels: LabelSelector;
  readonly serviceAccount: string;
  /** `router` for a gateway. */
  readonly role: 'sidecar' | 'router';
  readonly isMeshed: boolean;
  /** Copies that are registered, and those of them that get traffic. */
  readonly instances: number;
  readonly ready: number;
  /** Where it was written; absent where it only runs. */
  readonly origin?: Provenance;
}

/** A service, with what is behind it. */
export interface TopologyService {
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  readonly isExternal: boolean;
  readonly ports: readonly { readonly name: string; readonly number: number; readonly protocol: Protocol }[];
  /** `namespace/name` of the workloads behind it. */
  readonly workloads: readonly string[];
  readonly endpoints: number;
  readonly ready: number;
  readonly origin: Provenance;
}

/** One of several destinations of a rule. */
export interface SplitPart {
  readonly host: string;
  readonly subset: string;
  /** Share of the rule's requests, in percent. */
  readonly percent: number;
  /** `namespace/name` of the workloads that it selects. */
  readonly workloads: readonly string[];
}

/** A rule that divides requests by weight. */
export interface Split {
  /** The host that is called. */
  readonly host: string;
  readonly rule: string;
  /** True where every request that no earlier rule took comes to it. */
  readonly isDefault: boolean;
  readonly parts: readonly SplitPart[];
  readonly origin: Provenance;
}

/** The mesh as the dashboard draws it. */
export interface Topology {
  /** Grows with each mesh that is built. */
  readonly generation: number;
  readonly rootNamespace: string;
  readonly services: readonly TopologyService[];
  readonly workloads: readonly TopologyWorkload[];
  readonly splits: readonly Split[];
}
