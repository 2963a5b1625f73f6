import { ConfigError } from '../../core/errors.ts';
import type { Trigger } from '../../xds/gen/envoy/config/overload/v3/overload_pb.ts';

/** How much of an action a resource's pressure asks for: 0 none, 1 all of it. */
export type TriggerRule = (pressure: number) => number;

function checkShare(value: number, path: string): void {
  if (!(value >= 0 && value <= 1)) throw new ConfigError(path, `${value} is not between 0 and 1`);
}

/** Reads one trigger of an action. Throws ConfigError. Source: Envoy, `ThresholdTriggerImpl`, `ScaledTriggerImpl`. */
export function readTrigger({ triggerOneof }: Trigger, path: string): TriggerRule {
  if (triggerOneof.case === 'threshold') {
    const { value } = triggerOneof.value;
    checkShare(value, `${path}.threshold.value`);
    return (pressure) => (pressure >= value ? 1 : 0);
  }
  if (triggerOneof.case === undefined) throw new ConfigError(path, 'has neither threshold nor scaled');
  const { scalingThreshold: from, saturationThreshold: to } = triggerOneof.value;
  checkShare(from, `${path}.scaled.scaling_threshold`);
  checkShare(to, `${path}.scaled.saturation_threshold`);
  if (from >= to) throw new ConfigError(`${path}.scaled`, 'scaling_threshold must be less than saturation_threshold');
  return (pressure) => (pressure <= from ? 0 : pressure >= to ? 1 : (pressure - from) / (to - from));
}
