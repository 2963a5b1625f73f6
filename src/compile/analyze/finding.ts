/** What an analyser says, and what an analyser is. */
import type { Provenance } from '../../model/provenance.ts';
import type { AnalysisCode, FindingCode, Severity } from './codes.ts';
import type { World } from './world.ts';

export interface Finding {
  readonly severity: Severity;
  readonly code: FindingCode;
  /** What was written, and what happens to traffic. */
  readonly message: string;
  /** How to mend it. */
  readonly hint: string;
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  /** `Kind namespace/name`; '' where the document has none. */
  readonly resource: string;
  /** From the resource's root; '' for all of it. */
  readonly field: string;
}

/** What replaces the code's own severity and hint. */
export interface SayOptions {
  readonly severity?: Severity;
  readonly hint?: string;
}

/** Reports a finding at `origin`. */
export type Say = (code: AnalysisCode, origin: Provenance, message: string, options?: SayOptions) => void;

/** One analyser: pure, and never throws for anything a user may write. */
export interface Check {
  readonly name: string;
  /** Kinds that it reads. */
  readonly looksAt: readonly string[];
  /** What it may say. */
  readonly codes: readonly AnalysisCode[];
  readonly run: (world: World, say: Say) => void;
}

/** `Kind namespace/name` taken apart; the namespace is '' for kinds without one. */
export function namesOf(resource: string): Pick<Provenance, 'kind' | 'namespace' | 'name'> {
  const [kind = '', rest = ''] = resource.split(' ', 2);
  const slash = rest.indexOf('/');
  return slash === -1 ? { kind, namespace: '', name: rest } : { kind, namespace: rest.slice(0, slash), name: rest.slice(slash + 1) };
}
