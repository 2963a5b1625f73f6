/** Where nodes and edges of a graph are drawn, in units of the drawing. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A box by its upper left corner. */
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/** A namespace's frame. */
export interface Group extends Box {
  readonly name: string;
}

export interface Layout {
  /** `cards` with figures in them, edges with labels; or `chips`, where there are too many for that. */
  readonly style: 'cards' | 'chips';
  /** `level` edges leave and arrive level; `smooth` ones go through all of their points. */
  readonly line: 'level' | 'smooth';
  readonly nodes: ReadonlyMap<string, Box>;
  /** Points of each edge, from its source to its target. */
  readonly edges: ReadonlyMap<string, readonly Point[]>;
  readonly groups: readonly Group[];
  readonly width: number;
  readonly height: number;
}

export const CARD_WIDTH = 190;
const CARD_HEIGHT = 50;
const VERSION_HEIGHT = 19;

/** How high a card is that lists so many versions. */
export function cardHeight(versions: number): number {
  return CARD_HEIGHT + (versions === 0 ? 0 : versions * VERSION_HEIGHT + 6);
}

/** The upper edge of a card's line for a version. */
export function versionTop(index: number): number {
  return CARD_HEIGHT + index * VERSION_HEIGHT;
}

/** An edge as an SVG path. */
export function pathOf(points: readonly Point[], line: Layout['line']): string {
  const [from, to] = [points[0], points.at(-1)];
  if (from === undefined || to === undefined) return '';
  return line === 'level' ? levelPath(from, to) : smoothPath(points);
}

/** Where an edge's label stands. */
export function labelPoint(points: readonly Point[]): Point | undefined {
  const [from, to] = [points[0], points.at(-1)];
  if (from === undefined || to === undefined || points.length > 2) return points[Math.floor(points.length / 2)];
  return { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
}

/** A smooth line through points (Catmull-Rom as cubic Béziers). */
function smoothPath(points: readonly Point[]): string {
  const [first] = points;
  if (first === undefined) return '';
  const at = (index: number): Point => points[Math.min(Math.max(index, 0), points.length - 1)] ?? first;
  const parts = [`M${round(first.x)} ${round(first.y)}`];
  for (let i = 0; i < points.length - 1; i += 1) {
    const [before, from, to, after] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    const c1 = { x: from.x + (to.x - before.x) / 6, y: from.y + (to.y - before.y) / 6 };
    const c2 = { x: to.x - (after.x - from.x) / 6, y: to.y - (after.y - from.y) / 6 };
    parts.push(`C${round(c1.x)} ${round(c1.y)} ${round(c2.x)} ${round(c2.y)} ${round(to.x)} ${round(to.y)}`);
  }
  return parts.join('');
}

/** An S from one point to another that leaves and arrives level. */
function levelPath(from: Point, to: Point): string {
  const bend = Math.max(28, Math.abs(to.x - from.x) / 2);
  return `M${round(from.x)} ${round(from.y)}C${round(from.x + bend)} ${round(from.y)} ${round(to.x - bend)} ${round(to.y)} ${round(to.x)} ${round(to.y)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
