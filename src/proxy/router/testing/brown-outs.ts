/** The brown-outs that documentation and tests speak of, and the budgets that they are seen with. */
import { create } from '@bufbuild/protobuf';
import { CircuitBreakersSchema } from '../../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { retryBit } from '../retry-policy.ts';
import type { RetryPolicy } from '../route.ts';
import { type BrownOut, type BrownOutResult, type HostMood, type Load, runBrownOut } from './brown-out.ts';

const six = (mood: HostMood): readonly HostMood[] => Array.from({ length: 6 }, () => mood);
const WELL: HostMood = { latencyMs: 20, failing: 0 };
const others = (count: number, mood: HostMood): readonly HostMood[] => six(WELL).map((well, i) => (i < count ? mood : well));

/** Six hosts that answer in about 20 ms when they are well. */
const TROUBLES = [
  ['one of six is down', others(1, { latencyMs: 1, failing: 1, isDown: true })],
  ['three of six are down', others(3, { latencyMs: 1, failing: 1, isDown: true })],
  ['one of six says 503 at once', others(1, { latencyMs: 2, failing: 1 })],
  ['all fail half of the time', six({ latencyMs: 20, failing: 0.5 })],
  ['all fail', six({ latencyMs: 20, failing: 1 })],
  ['all are slow and fail half of the time', six({ latencyMs: 1000, failing: 0.5 })],
  ['all are slow and fail', six({ latencyMs: 1000, failing: 1 })],
  ['all have more than they can take', six({ latencyMs: 100, failing: 0, capacity: 12 })],
] as const;

const LOADS = [
  ['1,000 requests a second', { kind: 'open', perSecond: 1000 }],
  ['100 requests a second', { kind: 'open', perSecond: 100 }],
  ['200 clients that wait', { kind: 'closed', clients: 200, pauseMs: 50 }],
] as const satisfies readonly (readonly [string, Load])[];

/** Two retries, as where nothing is said, of all that fails. */
export const POLICY: RetryPolicy = {
  maxRetries: 2,
  retryOn: retryBit('5xx'),
  retriableStatusCodes: new Set(),
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  baseIntervalMs: 25,
  maxIntervalMs: 250,
  hostSelectionAttempts: 5,
  avoidsPreviousHosts: true,
};

const NO_CAP = 0xffff_ffff;

/** Ways to bound retries, the last one being what our control plane gives our proxy. */
export const BUDGETS = [
  ['no budget', {}],
  ['20 % of what is under way', { retryBudget: { budgetPercent: { value: 20 } } }],
  ['by rate', { rate: { ratio: 0.15, minPerSecond: 3, burst: 30 } }],
] as const;

export interface BrownOutRow {
  readonly load: string;
  readonly trouble: string;
  /** In the order of `BUDGETS`. */
  readonly results: readonly BrownOutResult[];
}

function setupOf(hosts: readonly HostMood[], load: Load, budget: (typeof BUDGETS)[number][1]): BrownOut {
  const { retryBudget } = { retryBudget: undefined, ...budget };
  const thresholds = [{ maxRequests: NO_CAP, maxRetries: NO_CAP, ...(retryBudget && { retryBudget }) }];
  const breakers = create(CircuitBreakersSchema, { thresholds });
  return { hosts, load, policy: POLICY, breakers, seconds: 20, seed: 1, ...('rate' in budget ? { rate: budget.rate } : {}) };
}

/** Runs all of them: 20 s of each, some seconds of ours. */
export function runBrownOuts(): readonly BrownOutRow[] {
  return LOADS.flatMap(([load, by]) =>
    TROUBLES.map(([trouble, hosts]) => ({
      load,
      trouble,
      results: BUDGETS.map(([, budget]) => runBrownOut(setupOf(hosts, by, budget))),
    })),
  );
}
