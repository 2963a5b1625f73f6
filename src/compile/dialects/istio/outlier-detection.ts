import type { OutlierDetection } from '../../../model/traffic-policy.ts';
import { bool, defaulted, deprecated, duration, int, object, optional, unsupported, type Infer } from '../../schema/schema.ts';

const count = int(0, 2 ** 32 - 1);

/** When an endpoint that fails is left out for a while. */
export const outlierDetectionSchema = object({
  consecutive5xxErrors: optional(count, 'Answers of 5xx in a row that eject; 5 where absent, 0 never.'),
  consecutiveErrors: deprecated(
    count,
    'Errors in a row that eject.',
    'Istio has taken it away; it is read as consecutive5xxErrors, so write that',
  ),
  consecutiveGatewayErrors: optional(count, 'Answers of 502, 503, 504 in a row that eject; never where absent.'),
  splitExternalLocalOriginErrors: defaulted(bool, false, 'Whether failures to connect are counted apart.'),
  consecutiveLocalOriginFailures: optional(count, 'Failures to connect in a row that eject, where they are counted apart; 5 where absent.'),
  interval: defaulted(duration(1), 10_000, 'Pause between looks at the endpoints.'),
  baseEjectionTime: defaulted(duration(1), 30_000, 'Length of the first ejection; each further one is longer by as much.'),
  maxEjectionPercent: defaulted(int(0, 100), 10, 'Share of the endpoints that may be ejected at a time.'),
  minHealthPercent: defaulted(int(0, 100), 0, 'Share of healthy endpoints below which ejection is off.'),
  outlierDetectionHttpErrorCodes: unsupported('warning', 'Statuses that count as errors; istiod does not pass them on either, 5xx count.'),
});

/** The detection in the model. */
export function lowerOutlierDetection(written: Infer<typeof outlierDetectionSchema> | undefined): OutlierDetection | undefined {
  if (written === undefined) return undefined;
  return {
    consecutive5xxErrors: written.consecutive5xxErrors ?? written.consecutiveErrors,
    consecutiveGatewayErrors: written.consecutiveGatewayErrors,
    splitExternalLocalOriginErrors: written.splitExternalLocalOriginErrors,
    consecutiveLocalOriginFailures: written.consecutiveLocalOriginFailures,
    intervalMs: written.interval,
    baseEjectionTimeMs: written.baseEjectionTime,
    maxEjectionPercent: written.maxEjectionPercent,
    minHealthPercent: written.minHealthPercent,
  };
}
