/** What fractions of the configuration are fractions of. Source: Envoy, envoy.type.v3.FractionalPercent. */
import { FractionalPercent_DenominatorType as Denominator, type FractionalPercent } from '../../xds/gen/envoy/type/v3/percent_pb.ts';

const PARTS = new Map<unknown, number>([
  [Denominator.HUNDRED, 100],
  [Denominator.TEN_THOUSAND, 10_000],
  [Denominator.MILLION, 1_000_000],
  ['HUNDRED', 100],
  ['TEN_THOUSAND', 10_000],
  ['MILLION', 1_000_000],
]);

/** How many parts the whole has, by the number or the name of a denominator; undefined where it is none. */
export function knownPartsOf(denominator: unknown): number | undefined {
  return PARTS.get(denominator);
}

/** How many parts the whole has that a fraction is of; what is not known is a hundred. */
export function partsOf(fraction: FractionalPercent | undefined): number {
  return knownPartsOf(fraction?.denominator) ?? 100;
}
