/** The slope of a line through samples, and how sure it is. */

/** One value, and when it was. */
export interface Point {
  readonly hours: number;
  readonly value: number;
}

/** What a value grows by in an hour; with 95 % confidence it is `plusMinus` around that. */
export interface Slope {
  readonly perHour: number;
  readonly plusMinus: number;
}

/** A garbage collector makes samples that are near each other alike: means of as many neighbours as make this many blocks. */
const BLOCKS = 15;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function blocksOf(points: readonly Point[]): Point[] {
  const size = Math.max(1, Math.floor(points.length / BLOCKS));
  return Array.from({ length: Math.floor(points.length / size) }, (_, i) => {
    const block = points.slice(i * size, (i + 1) * size);
    return { hours: mean(block.map(({ hours }) => hours)), value: mean(block.map(({ value }) => value)) };
  });
}

/** Student's t for 95 % with these degrees of freedom. Source: Abramowitz and Stegun, 26.7.5, its first terms: within 2 % from 4 on. */
const student = (freedom: number): number => 1.96 + 2.372 / freedom + 2.823 / freedom ** 2;

/** The line of least squares through at least three points. */
export function slopeOf(points: readonly Point[]): Slope {
  const blocks = blocksOf(points);
  const x = mean(blocks.map(({ hours }) => hours));
  const y = mean(blocks.map(({ value }) => value));
  const spread = blocks.reduce((sum, { hours }) => sum + (hours - x) ** 2, 0);
  const perHour = blocks.reduce((sum, { hours, value }) => sum + (hours - x) * (value - y), 0) / spread;
  const squares = blocks.reduce((sum, { hours, value }) => sum + (value - y - perHour * (hours - x)) ** 2, 0);
  const freedom = blocks.length - 2;
  return { perHour, plusMinus: student(freedom) * Math.sqrt(squares / freedom / spread) };
}
