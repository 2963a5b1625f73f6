import { ConfigError } from '../../core/errors.ts';
import type { OutlierDetection } from '../../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { durationMs, positiveDurationMs } from '../config/durations.ts';
import type { MeasureTimes } from './outlier-state.ts';

/** Ejection after so many failures in a row; carried out in so many per cent of the cases. */
interface Consecutive {
  readonly threshold: number;
  readonly enforcingPercent: number;
}

/** Detection by comparing or judging the outcomes of one interval. */
interface ByRate {
  readonly minimumHosts: number;
  readonly requestVolume: number;
  readonly enforcingPercent: number;
  readonly enforcingLocalOriginPercent: number;
}

/** Envoy's OutlierDetection, defaults filled in. */
export interface OutlierSettings extends MeasureTimes {
  readonly maxEjectionPercent: number;
  readonly alwaysEjectsOne: boolean;
  /** `detect_degraded_hosts`: hosts whose responses say so are used as a last resort. */
  readonly detectsDegraded: boolean;
  /** An active check that passes ends an ejection. */
  readonly endsByActiveCheck: boolean;
  readonly consecutive5xx: Consecutive;
  readonly consecutiveGatewayFailures: Consecutive;
  readonly consecutiveLocalOriginFailures: Consecutive;
  /** True: failures to connect are counted apart from answers. */
  readonly isSplit: boolean;
  readonly successRate: ByRate & { readonly deviations: number };
  readonly failurePercentage: ByRate & { readonly thresholdPercent: number };
}

const DEFAULT_INTERVAL_MS = 10_000;
const DEFAULT_BASE_EJECTION_MS = 30_000;
const DEFAULT_MAX_EJECTION_MS = 300_000;

const PERCENTAGES = [
  ['maxEjectionPercent', 'max_ejection_percent'],
  ['enforcingConsecutive5xx', 'enforcing_consecutive_5xx'],
  ['enforcingSuccessRate', 'enforcing_success_rate'],
  ['enforcingConsecutiveGatewayFailure', 'enforcing_consecutive_gateway_failure'],
  ['enforcingConsecutiveLocalOriginFailure', 'enforcing_consecutive_local_origin_failure'],
  ['enforcingLocalOriginSuccessRate', 'enforcing_local_origin_success_rate'],
  ['failurePercentageThreshold', 'failure_percentage_threshold'],
  ['enforcingFailurePercentage', 'enforcing_failure_percentage'],
  ['enforcingFailurePercentageLocalOrigin', 'enforcing_failure_percentage_local_origin'],
] as const;

function readMaxEjection({ maxEjectionTime }: OutlierDetection, baseEjectionMs: number, path: string): number {
  if (maxEjectionTime === undefined) return Math.max(baseEjectionMs, DEFAULT_MAX_EJECTION_MS);
  const maxMs = positiveDurationMs(maxEjectionTime, 0, `${path}.max_ejection_time`);
  if (maxMs < baseEjectionMs) throw new ConfigError(`${path}.max_ejection_time`, 'is below base_ejection_time');
  return maxMs;
}

/** Reads `outlier_detection`; `path` is its own. The defaults are Envoy's. */
export function readOutlierSettings(config: OutlierDetection, path: string): OutlierSettings {
  for (const [field, name] of PERCENTAGES) {
    const value = config[field];
    if (value !== undefined && value > 100) throw new ConfigError(`${path}.${name}`, `${value} is above 100`);
  }
  const baseEjectionMs = positiveDurationMs(config.baseEjectionTime, DEFAULT_BASE_EJECTION_MS, `${path}.base_ejection_time`);
  return {
    intervalMs: positiveDurationMs(config.interval, DEFAULT_INTERVAL_MS, `${path}.interval`),
    baseEjectionMs,
    maxEjectionMs: readMaxEjection(config, baseEjectionMs, path),
    jitterMs: durationMs(config.maxEjectionTimeJitter, 0),
    maxEjectionPercent: config.maxEjectionPercent ?? 10,
    alwaysEjectsOne: config.alwaysEjectOneHost ?? false,
    detectsDegraded: config.detectDegradedHosts ?? false,
    endsByActiveCheck: config.successfulActiveHealthCheckUnejectHost ?? true,
    consecutive5xx: { threshold: config.consecutive5xx ?? 5, enforcingPercent: config.enforcingConsecutive5xx ?? 100 },
    consecutiveGatewayFailures: {
      threshold: config.consecutiveGatewayFailure ?? 5,
      enforcingPercent: config.enforcingConsecutiveGatewayFailure ?? 0,
    },
    consecutiveLocalOriginFailures: {
      threshold: config.consecutiveLocalOriginFailure ?? 5,
      enforcingPercent: config.enforcingConsecutiveLocalOriginFailure ?? 100,
    },
    isSplit: config.splitExternalLocalOriginErrors,
    successRate: {
      minimumHosts: config.successRateMinimumHosts ?? 5,
      requestVolume: config.successRateRequestVolume ?? 100,
      enforcingPercent: config.enforcingSuccessRate ?? 100,
      enforcingLocalOriginPercent: config.enforcingLocalOriginSuccessRate ?? 100,
      deviations: (config.successRateStdevFactor ?? 1900) / 1000,
    },
    failurePercentage: {
      minimumHosts: config.failurePercentageMinimumHosts ?? 5,
      requestVolume: config.failurePercentageRequestVolume ?? 50,
      enforcingPercent: config.enforcingFailurePercentage ?? 0,
      enforcingLocalOriginPercent: config.enforcingFailurePercentageLocalOrigin ?? 0,
      thresholdPercent: config.failurePercentageThreshold ?? 85,
    },
  };
}
