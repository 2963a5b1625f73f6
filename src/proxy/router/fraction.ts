import type { RuntimeFractionalPercent } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { FractionalPercent_DenominatorType as Denominator } from '../../xds/gen/envoy/type/v3/percent_pb.ts';

const DENOMINATORS: Readonly<Record<number, number>> = {
  [Denominator.HUNDRED]: 100,
  [Denominator.TEN_THOUSAND]: 10_000,
  [Denominator.MILLION]: 1_000_000,
};

/** A share in [0, 1], 1 where none is set. We have no runtime, so that the default decides. */
export function fractionOf(fraction: RuntimeFractionalPercent | undefined): number {
  const percent = fraction?.defaultValue;
  return percent === undefined ? 1 : Math.min(1, percent.numerator / (DENOMINATORS[percent.denominator] ?? 100));
}
