/** The shape of `tulle explain -o json` (docs/explain.md). */
import type { Place } from './policies.ts';

export interface Source extends Place {
  readonly field: string;
}

export interface Step {
  readonly side: 'client' | 'gateway' | 'server';
  readonly kind: string;
  readonly text: string;
  readonly source?: Source;
  readonly notes: readonly { readonly text: string; readonly source?: Source }[];
}

export interface Verdict {
  readonly outcome: 'delivered' | 'answered' | 'closed';
  readonly status: number;
  readonly flag: string;
  readonly text: string;
  readonly source?: Source;
}

export interface Explanation {
  readonly steps: readonly Step[];
  readonly verdict?: Verdict;
  readonly branches?: readonly { readonly share: number; readonly when: string; readonly explanation: Explanation }[];
}
