import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';

export type MtlsMode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/** What a workload accepts: a PeerAuthentication. */
export interface PeerAuthentication {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: the whole namespace, or the mesh in the root namespace. */
  readonly selector: LabelSelector | undefined;
  readonly mode: MtlsMode;
  /** By workload port. */
  readonly ports: ReadonlyMap<number, MtlsMode>;
  readonly createdAt: number;
  readonly origin: Provenance;
}

/** Values and their negation, each as written (`prefix*`, `*suffix`, `*`, exact); undefined: not given. */
export interface Values {
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

export interface AuthorizationSource {
  readonly principals: Values;
  readonly requestPrincipals: Values;
  readonly namespaces: Values;
  readonly serviceAccounts: Values;
  readonly ipBlocks: Values;
  readonly remoteIpBlocks: Values;
}

export interface AuthorizationOperation {
  readonly hosts: Values;
  readonly ports: Values;
  readonly methods: Values;
  readonly paths: Values;
}

export interface AuthorizationCondition extends Values {
  readonly key: string;
  readonly origin: Provenance;
}

export interface AuthorizationRule {
  /** Any of them; empty: any source. */
  readonly from: readonly AuthorizationSource[];
  /** Any of them; empty: any operation. */
  readonly to: readonly AuthorizationOperation[];
  /** All of them. */
  readonly when: readonly AuthorizationCondition[];
  readonly origin: Provenance;
}

/** Who may call what: an AuthorizationPolicy. */
export interface AuthorizationPolicy {
  readonly name: string;
  readonly namespace: string;
  readonly selector: LabelSelector | undefined;
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT';
  /** Decided and reported, not enforced (annotation `istio.io/dry-run`). */
  readonly isDryRun: boolean;
  readonly rules: readonly AuthorizationRule[];
  readonly createdAt: number;
  readonly origin: Provenance;
}
