/** When a host that keeps failing gets nothing for a while: Linkerd's failure accrual, as a Service asks for it. */
export interface FailureAccrual {
  /** Failures in a row that trip. */
  readonly maxFailures: number;
  readonly minPenaltyMs: number;
  readonly maxPenaltyMs: number;
  /** The share of a penalty that chance adds at most. */
  readonly jitterRatio: number;
  /** `unified`: too small a share of successes trips, too. */
  readonly successRate: { readonly threshold: number; readonly windowMs: number; readonly minRequests: number } | undefined;
}
