/** Failure accrual as a cluster's: metadata for our proxy, and the nearest that Envoy's outlier detection comes to it. */
import { create, type JsonObject } from '@bufbuild/protobuf';
import type { FailureAccrual } from '../../model/failure-accrual.ts';
import { type OutlierDetection, OutlierDetectionSchema } from '../../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { duration } from './any.ts';

/** The namespace of cluster metadata that our proxy reads it from. */
export const ACCRUAL_NAMESPACE = 'tulle.failure_accrual';

/** What our proxy does; it leaves outlier detection alone then. */
export function accrualMetadata(accrual: FailureAccrual): JsonObject {
  const { maxFailures, minPenaltyMs, maxPenaltyMs, jitterRatio, successRate } = accrual;
  return {
    mode: successRate === undefined ? 'consecutive' : 'unified',
    max_failures: maxFailures,
    min_penalty_ms: minPenaltyMs,
    max_penalty_ms: maxPenaltyMs,
    jitter_ratio: jitterRatio,
    ...(successRate && {
      success_rate_threshold: successRate.threshold,
      success_rate_window_ms: successRate.windowMs,
      success_rate_min_requests: successRate.minRequests,
    }),
  };
}

/**
 * What a stock Envoy does: as many 5xx in a row eject, for the shortest penalty first, up to the longest one. It lets all
 * requests back at once where Linkerd lets one, lengthens ejections step by step where Linkerd doubles them, and judges
 * shares of successes once an interval.
 */
export function accrualOutliers({ maxFailures, minPenaltyMs, maxPenaltyMs, jitterRatio, successRate }: FailureAccrual): OutlierDetection {
  return create(OutlierDetectionSchema, {
    consecutive5xx: maxFailures,
    interval: duration(Math.min(minPenaltyMs, successRate?.windowMs ?? Infinity)),
    baseEjectionTime: duration(minPenaltyMs),
    maxEjectionTime: duration(maxPenaltyMs),
    maxEjectionTimeJitter: duration(minPenaltyMs * jitterRatio),
    maxEjectionPercent: 100,
    enforcingSuccessRate: 0,
    ...(successRate && {
      enforcingFailurePercentage: 100,
      failurePercentageThreshold: Math.min(100, Math.floor(100 - 100 * successRate.threshold) + 1),
      failurePercentageMinimumHosts: 1,
      failurePercentageRequestVolume: successRate.minRequests,
    }),
  });
}
