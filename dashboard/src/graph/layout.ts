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

/** Where an edge's label stands: in the middle of its points, beside no card. */
export function labelPoint(points: readonly Point[]): Point | undefined {
  const [a, b] = [points[(points.length - 1) >> 1], points[points.length >> 1]];
  return a === undefined || b === undefined ? undefined : { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** How far an edge goes on level where it has no way to the side. */
const BEND = 28;

/** An edge as an SVG path: through its points, level at each of them. */
export function pathOf(points: readonly Point[]): string {
  const parts = points.map(({ x, y }, index) => {
    const before = points[index - 1];
    if (before === undefined) return `M${round(x)} ${round(y)}`;
    const half = (x - before.x) / 2;
    const bend = Math.abs(half) < BEND && points.length === 2 ? BEND : half;
    return `C${round(before.x + bend)} ${round(before.y)} ${round(x - bend)} ${round(y)} ${round(x)} ${round(y)}`;
  });
  return parts.join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
