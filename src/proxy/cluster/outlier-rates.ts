/** Judging hosts by their share of successes in one interval. Source: Envoy, "Outlier detection". */
import type { Tally } from './outlier-state.ts';

/** The rates of an interval, in per cent. */
interface Rates {
  readonly average: number;
  readonly threshold: number;
}

/** Per cent of attempts that succeeded. */
export function successRate({ successes, total }: Tally): number {
  return (100 * successes) / total;
}

/** The average of `rates` and the rate below which a host stands out: so many standard deviations under it. */
function ratesOf(rates: readonly number[], deviations: number): Rates {
  const average = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - average) ** 2, 0) / rates.length;
  return { average, threshold: average - deviations * Math.sqrt(variance) };
}

interface Volume {
  readonly minimumHosts: number;
  readonly requestVolume: number;
}

function heard<H>(hosts: readonly H[], tallyOf: (host: H) => Tally, { minimumHosts, requestVolume }: Volume): readonly H[] {
  const enough = hosts.filter((host) => tallyOf(host).total > 0 && tallyOf(host).total >= requestVolume);
  return enough.length >= minimumHosts ? enough : [];
}

/** Hosts whose share of successes is far below that of the others, and what it was compared with. */
export function belowOthers<H>(
  hosts: readonly H[],
  tallyOf: (host: H) => Tally,
  settings: Volume & { readonly deviations: number },
): { readonly hosts: readonly H[]; readonly rates: Rates | undefined } {
  const busy = heard(hosts, tallyOf, settings);
  if (busy.length === 0) return { hosts: [], rates: undefined };
  const rates = ratesOf(
    busy.map((host) => successRate(tallyOf(host))),
    settings.deviations,
  );
  return { hosts: busy.filter((host) => successRate(tallyOf(host)) < rates.threshold), rates };
}

/** Hosts whose share of failures reaches `thresholdPercent`. */
export function failingOften<H>(
  hosts: readonly H[],
  tallyOf: (host: H) => Tally,
  settings: Volume & { readonly thresholdPercent: number },
): readonly H[] {
  return heard(hosts, tallyOf, settings).filter((host) => 100 - successRate(tallyOf(host)) >= settings.thresholdPercent);
}
