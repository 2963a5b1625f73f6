/** How far Tulle's figures are from those to reach. */
import { middle, printColumns, type Sample } from './report.ts';
import { SCENARIOS } from './scenarios.ts';

/** A figure to reach, as a share of the other's: at most, or at least. */
interface Bar {
  readonly what: string;
  readonly scenario: string;
  readonly figure: string;
  readonly bar: number;
  /** What would be better still. */
  readonly stretch?: number;
  readonly isLeast?: true;
  /** Reckoned above the same figure of the origin without a proxy. */
  readonly isAdded?: true;
  /** Compared with this figure of Tulle's own, not with Envoy's. */
  readonly against?: string;
  /** Compared with nothing: the bar is a figure itself. */
  readonly isAbsolute?: true;
}

/** What became of a bar: figures are middle ones over the rounds. */
export interface Reached {
  readonly figure: string;
  readonly tulle: number;
  /** Envoy's, or the other one of Tulle's; undefined where the bar is absolute. */
  readonly other?: number;
  readonly isOwn?: true;
  /** Tulle's as a share of the other, or as it is. */
  readonly value: number;
  readonly toReach: string;
  readonly reached: 'yes' | 'stretch' | 'NO';
}

const bar = (scenario: string, what: string, figure: string, share: number, more: Partial<Bar> = {}): Bar => {
  const title = SCENARIOS.find(({ name }) => name === scenario)?.title ?? scenario;
  return { what: `${title}: ${what}`, scenario, figure, bar: share, ...more };
};
const UNIQUE = { against: 'cpu us' } as const;
const ADDED = { isAdded: true } as const;
const ABSOLUTE = { isAbsolute: true } as const;
const PER_CONNECTION = 'connection us';

const BARS: readonly Bar[] = [
  bar('http', 'CPU us/request', 'cpu us', 0.65),
  bar('mtls', 'CPU us/request', 'cpu us', 0.65),
  bar('mtls-h2', 'CPU us/request', 'cpu us', 0.6),
  bar('grpc', 'CPU us/request', 'cpu us', 0.8),
  bar('http', 'unique requests', 'unique cpu us', 1.1, UNIQUE),
  bar('mtls', 'unique requests', 'unique cpu us', 1.1, UNIQUE),
  bar('mtls-h2', 'unique requests', 'unique cpu us', 1.1, UNIQUE),
  bar('mtls', 'p99 added at 1,000/s, ms', 'p99 @1000', 1, ADDED),
  bar('mtls-h2', 'p99 added at 1,000/s, ms', 'p99 @1000', 1, ADDED),
  bar('mtls', 'p99.9 at 2,000/s, ms', 'p99.9 @2000', 1),
  bar('mtls-h2', 'p99.9 at 2,000/s, ms', 'p99.9 @2000', 1),
  bar('http', 'RSS after the run, MiB', 'end rss', 1.15),
  bar('mtls', 'RSS after the run, MiB', 'end rss', 1.15),
  bar('mtls-h2', 'RSS after the run, MiB', 'end rss', 1.15),
  bar('start', 'ms', 'start ms', 1),
  bar('bulk', 'MiB a CPU second', 'MiB/cpu s', 0.7, { isLeast: true }),
  bar('bulk-mtls-h2', 'MiB a CPU second', 'MiB/cpu s', 0.7, { isLeast: true }),
  bar('tcp-connections', 'CPU us each', PER_CONNECTION, 1.2, { stretch: 1 }),
  bar('tcp-bulk', 'CPU us/MiB', 'MiB us', 1.2, { stretch: 1 }),
  bar('tcp-mtls-connections', 'CPU us each', PER_CONNECTION, 0.4),
  bar('tcp-mtls-bulk', 'CPU us/MiB', 'MiB us', 1.6, { stretch: 1.2 }),
  bar('workers', 'CPU us/request beside one', 'cpu us', 1.1, { against: 'one cpu us' }),
  bar('telemetry', 'CPU a request, times that of none', 'times silent', 1.15, ABSOLUTE),
  bar('telemetry', 'scrape of 1,000 series, ms', 'scrape ms', 50, ABSOLUTE),
  bar('idle', 'RSS, MiB', 'held rss', 150, ABSOLUTE),
];

/** One figure of a peer, by round; where `isAdded`, less what the origin alone takes. */
function byRound(samples: readonly Sample[], { scenario, figure, isAdded }: Bar, peer: string, named = figure): Map<number, number> {
  const of = (who: string): readonly Sample[] => samples.filter((sample) => sample.scenario === scenario && sample.peer === who);
  const floor = isAdded === true ? middle(of('origin').map(({ figures }) => figures[named] ?? NaN)) : 0;
  return new Map(of(peer).map(({ round, figures }) => [round, (figures[named] ?? NaN) - floor]));
}

function judge({ bar: share, stretch, isLeast }: Bar, value: number): Pick<Reached, 'toReach' | 'reached'> {
  const isWithin = (limit: number): boolean => (isLeast === true ? value >= limit : value <= limit);
  const toReach = `${isLeast === true ? '>=' : '<='} ${share}${stretch === undefined ? '' : ` (${stretch})`}`;
  const isStretched = stretch !== undefined && isWithin(stretch);
  return { toReach, reached: isStretched ? 'stretch' : isWithin(share) ? 'yes' : 'NO' };
}

function reachedBy(samples: readonly Sample[], wanted: Bar): Reached[] {
  const { what: figure, against } = wanted;
  const tulle = byRound(samples, wanted, 'tulle');
  const figures = { figure, tulle: middle([...tulle.values()]) };
  if (wanted.isAbsolute === true) {
    if (!Number.isFinite(figures.tulle)) return [];
    return [{ ...figures, value: figures.tulle, ...judge(wanted, figures.tulle) }];
  }
  const other = against === undefined ? byRound(samples, wanted, 'envoy') : byRound(samples, wanted, 'tulle', against);
  const ratios = [...tulle].map(([round, value]) => value / (other.get(round) ?? NaN)).filter((value) => Number.isFinite(value));
  const value = middle(ratios);
  if (!Number.isFinite(value)) return [];
  const own = against === undefined ? {} : ({ isOwn: true } as const);
  return [{ ...figures, other: middle([...other.values()]), ...own, value, ...judge(wanted, value) }];
}

/**
 * Each figure to reach for which there are samples. A ratio is the middle of those of the rounds: what is compared ran
 * one after the other then, so that less of the machine's drift is in it than in a ratio of medians.
 */
export const judgeBars = (samples: readonly Sample[]): Reached[] => BARS.flatMap((wanted) => reachedBy(samples, wanted));

/** Prints each figure to reach beside what was reached. */
export function printBars(bars: readonly Reached[]): void {
  const lines = bars.map(({ figure, tulle, other, isOwn, value, toReach, reached }) => [
    figure,
    tulle.toFixed(tulle < 10 ? 2 : 1),
    other === undefined ? '' : `${other.toFixed(1)}${isOwn === true ? '*' : ''}`,
    other === undefined ? '' : value.toFixed(2),
    toReach,
    reached,
  ]);
  if (lines.length === 0) return;
  printColumns([['figure', 'tulle', 'envoy', 'ratio', 'to reach', 'reached'], ...lines], 1);
  if (bars.some(({ isOwn }) => isOwn)) console.log("* Tulle's own: the same requests again and again, one worker");
}
