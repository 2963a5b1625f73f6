/** Answers of the admin API (src/control/admin), as far as pages show them. */
import type { Place } from './policies.ts';

export interface Destination {
  readonly host: string;
  readonly subset: string;
  readonly port?: number;
  readonly weight: number;
}

/** A rule of `/api/routes`. */
export interface Rule {
  readonly protocol: string;
  readonly name: string;
  readonly action: string;
  readonly matches: readonly string[];
  readonly destinations: readonly Destination[];
  readonly status?: number;
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly fault?: string;
  readonly mirrors?: readonly { readonly host: string; readonly subset: string; readonly percent: number }[];
  readonly file: string;
  readonly line: number;
}

export interface RouteSet {
  readonly name: string;
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly rules: readonly Rule[];
  readonly origin: Place;
}

interface TypeState {
  readonly status: string;
  readonly sent: string;
  readonly acked: string;
  readonly resources: number;
  readonly nack?: { readonly message: string; readonly resources: readonly string[] };
}

/** A row of `/api/proxies`. */
export interface Proxy {
  readonly id: string;
  readonly namespace: string;
  readonly workload: string;
  readonly instance: string;
  readonly version: string;
  readonly meshVersion: number;
  readonly variant: string;
  readonly isTrusted: boolean;
  readonly connectedSince: string;
  readonly types: Readonly<Record<string, TypeState>>;
}

/** A row of `/api/instances`. */
export interface Instance {
  readonly id: string;
  readonly workload: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly address: string;
  readonly locality: string;
  readonly isReady: boolean;
  readonly isMeshed: boolean;
}

export interface Certificate {
  readonly identity: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface Certificates {
  readonly rootExpiresAt: string;
  readonly certificates: readonly Certificate[];
}

/** What `tulle analyze -o json` and `/api/diagnostics` list. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'info';
  readonly code: string;
  readonly message: string;
  /** How to mend it. */
  readonly hint?: string;
  readonly file: string;
  readonly line: number;
  readonly resource?: string;
  readonly field?: string;
}

interface Version {
  readonly number: number;
  readonly createdAt: string;
  readonly cause: string;
  readonly by: string;
  readonly message: string;
  readonly state: string;
  readonly reason: string;
  readonly changes: readonly object[];
  readonly refused: number;
}

interface Rollout {
  readonly version: number;
  readonly rollout?: {
    readonly version: number;
    readonly step: number;
    readonly proxies?: number;
    readonly requests?: number;
    readonly failed?: number;
  };
  readonly held?: { readonly kind: string; readonly since: string; readonly by: string; readonly reason: string };
}

export interface History extends Rollout {
  readonly versions: readonly Version[];
}

/** The worst of a proxy's types: what was refused, what waits, or neither. */
export function syncOf({ types }: Proxy): 'synced' | 'waiting' | 'refused' {
  const states = Object.values(types).map(({ status }) => status);
  return states.includes('ERROR') ? 'refused' : states.includes('STALE') ? 'waiting' : 'synced';
}
