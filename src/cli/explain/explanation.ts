/**
 * What explain tells: the decisions on a request's way in their order, and what becomes of it. This is also the shape of
 * `-o json` (docs/explain.md), so that nothing here is renamed lightly.
 */

/** Where something was written. */
export interface Source {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Path from the resource's root; '' for the whole resource. */
  readonly field: string;
}

export interface Note {
  readonly text: string;
  readonly source?: Source;
}

export type StepKind =
  | 'name'
  | 'listener'
  | 'filter-chain'
  | 'tls'
  | 'filter'
  | 'policy'
  | 'token'
  | 'telemetry'
  | 'virtual-host'
  | 'route'
  | 'fault'
  | 'cluster'
  | 'timeout'
  | 'retries'
  | 'rewrite'
  | 'mirror'
  | 'endpoints'
  | 'application';

/** Whose proxy decides. */
export type Side = 'client' | 'gateway' | 'server';

/** One decision. */
export interface Step {
  readonly side: Side;
  readonly kind: StepKind;
  readonly text: string;
  readonly source?: Source;
  readonly notes: readonly Note[];
}

/** What becomes of the request. */
export interface Verdict {
  /** `delivered`: an application gets it. `answered`: a proxy answers. `closed`: the connection ends without an answer. */
  readonly outcome: 'delivered' | 'answered' | 'closed';
  /** What the client is answered; 0 where the application decides, or nobody answers. */
  readonly status: number;
  /** Envoy's response flag; '' for none. */
  readonly flag: string;
  readonly text: string;
  /** `namespace/workload` that got it, or whose proxy answered; '' outside the mesh. */
  readonly by: string;
  /** Name of the policy that denied, as in access logs; '' for none. */
  readonly policy: string;
  readonly source?: Source;
}

/** One of several ways that chance decides between. */
export interface Branch {
  /** Of the requests that come here, in [0, 1]. */
  readonly share: number;
  readonly when: string;
  readonly explanation: Explanation;
}

export interface Explanation {
  readonly steps: readonly Step[];
  /** Present where the way is at its end. */
  readonly verdict?: Verdict;
  /** Present where it forks; shares add up to 1. */
  readonly branches?: readonly Branch[];
}

/** A verdict with everything that does not concern it left empty. */
export function verdict(parts: Pick<Verdict, 'outcome' | 'text'> & Partial<Verdict>): Verdict {
  return { status: 0, flag: '', by: '', policy: '', ...parts };
}

/** Collects the steps of one side. */
export class Trail {
  readonly #steps: Step[] = [];
  readonly side: Side;

  constructor(side: Side) {
    this.side = side;
  }

  add(kind: StepKind, text: string, more: { readonly source?: Source | undefined; readonly notes?: readonly Note[] } = {}): void {
    const { source, notes = [] } = more;
    this.#steps.push({ side: this.side, kind, text, ...(source === undefined ? {} : { source }), notes });
  }

  /** The way so far, and its end. */
  end(end: Verdict): Explanation {
    return { steps: this.#steps, verdict: end };
  }

  /** The way so far, and what comes after. */
  leadingTo({ steps, ...end }: Explanation): Explanation {
    return { steps: [...this.#steps, ...steps], ...end };
  }

  /** The way so far, and where it forks; one branch alone is no fork. */
  fork(branches: readonly Branch[]): Explanation {
    const [only] = branches;
    if (only !== undefined && branches.length === 1) return this.leadingTo(only.explanation);
    return { steps: this.#steps, branches };
  }
}

/** Where each end of an explanation comes to, with its share of all requests. */
export function outcomes({ verdict: end, branches = [] }: Explanation, share = 1): { readonly share: number; readonly verdict: Verdict }[] {
  const here = end === undefined ? [] : [{ share, verdict: end }];
  return [...here, ...branches.flatMap((branch) => outcomes(branch.explanation, share * branch.share))];
}

/** Clusters that callers' proxies choose on the way, and gateways', each once. */
export function clustersIn({ steps, branches = [] }: Explanation): string[] {
  const own = steps.filter(({ kind, side }) => kind === 'cluster' && side !== 'server').map(({ text }) => text);
  return [...new Set([...own, ...branches.flatMap(({ explanation }) => clustersIn(explanation))])];
}
