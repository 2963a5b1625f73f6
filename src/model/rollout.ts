/** How a new version of the mesh goes to proxies: to some first, to all where nothing speaks against it. */

/** Who gets the version in one step, beside those of the steps before. */
export type RolloutStep =
  | { readonly kind: 'percent'; readonly percent: number }
  /** Proxies whose workload has the label `istio.io/rev` with this value. */
  | { readonly kind: 'revision'; readonly revision: string };

/** How a version comes to all proxies. */
export interface RolloutPolicy {
  /** In order; after the last one everybody gets the version. Not empty. */
  readonly steps: readonly RolloutStep[];
  /** How long a step is watched once every proxy of it has acknowledged the version. */
  readonly intervalMs: number;
  /** How long proxies may take to acknowledge. */
  readonly ackTimeoutMs: number;
  /** Share of requests (0 to 1) that may fail beyond those that failed before. */
  readonly errorRateMax: number;
  /** With fewer requests than this a step's error rate is not judged. */
  readonly requestsMin: number;
}

/** What a rollout goes by that says nothing else. */
export const defaultRolloutPolicy: RolloutPolicy = {
  steps: [
    { kind: 'percent', percent: 10 },
    { kind: 'percent', percent: 50 },
  ],
  intervalMs: 60_000,
  ackTimeoutMs: 30_000,
  errorRateMax: 0.05,
  requestsMin: 20,
};

/** The label of a workload that names its revision, as Istio has it. */
export const REVISION_LABEL = 'istio.io/rev';

/** `10 %` or `revision canary`. */
export function stepText(step: RolloutStep): string {
  return step.kind === 'percent' ? `${step.percent} %` : `revision ${step.revision}`;
}
