/**
 * A box for each namespace, services in it in order of name: for graphs that nobody can follow line by line, where one
 * looks for what is wrong and where something is. Boxes stand in columns, callers rather left, called rather right.
 */
import type { Graph, GraphNode } from '../model/graph.ts';
import type { Box, Group, Layout, Point } from './layout.ts';

const CHIP = { width: 156, height: 24 } as const;
const GAP = { x: 8, y: 6 };
const PAD = 12;
const TITLE = 24;
const BETWEEN = 72;
const MARGIN = 24;
/** Width to height that fits most windows. */
const ASPECT = 1.75;

interface Pile {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly columns: number;
  readonly width: number;
  readonly height: number;
}

function pileOf(name: string, nodes: readonly GraphNode[]): Pile {
  const columns = nodes.length > 24 ? 3 : nodes.length > 5 ? 2 : 1;
  const rows = Math.ceil(nodes.length / columns);
  return {
    name,
    nodes: nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    columns,
    width: 2 * PAD + columns * CHIP.width + (columns - 1) * GAP.x,
    height: TITLE + PAD + rows * (CHIP.height + GAP.y) - GAP.y + PAD,
  };
}

/** Calls that leave a namespace less those that come, as a share: 1 only calls, -1 is only called. */
function leanings({ nodes, edges }: Graph): ReadonlyMap<string, number> {
  const namespaceOf = new Map(nodes.map(({ id, namespace }) => [id, namespace]));
  const counts = new Map<string, { out: number; in: number }>();
  for (const { from, to } of edges) {
    const [a = '', b = ''] = [namespaceOf.get(from), namespaceOf.get(to)];
    if (a === b) continue;
    const [ca, cb] = [counts.get(a) ?? { out: 0, in: 0 }, counts.get(b) ?? { out: 0, in: 0 }];
    counts.set(a, { ...ca, out: ca.out + 1 });
    counts.set(b, { ...cb, in: cb.in + 1 });
  }
  return new Map([...counts].map(([name, { out, in: into }]) => [name, (out - into) / (out + into)]));
}

/** Piles in columns of about the same height. */
function columnsOf(piles: readonly Pile[], count: number): Pile[][] {
  const total = piles.reduce((sum, { height }) => sum + height + BETWEEN, 0);
  const columns: Pile[][] = [];
  let filled = 0;
  for (const pile of piles) {
    const index = Math.min(count - 1, Math.floor(((filled + pile.height / 2) / total) * count));
    filled += pile.height + BETWEEN;
    (columns[index] ??= []).push(pile);
  }
  return columns.filter((column) => column !== undefined);
}

function sizeOf(columns: readonly (readonly Pile[])[]): { readonly width: number; readonly height: number } {
  const widths = columns.map((column) => Math.max(...column.map(({ width }) => width)));
  const heights = columns.map((column) => column.reduce((sum, { height }) => sum + height + BETWEEN, -BETWEEN));
  return {
    width: widths.reduce((sum, width) => sum + width + BETWEEN, -BETWEEN) + 2 * MARGIN,
    height: Math.max(0, ...heights) + 2 * MARGIN,
  };
}

/** The number of columns that comes nearest to the shape of a window. */
function bestColumns(piles: readonly Pile[]): Pile[][] {
  const choices = piles.map((_, index) => columnsOf(piles, index + 1));
  const badness = (columns: Pile[][]): number => {
    const { width, height } = sizeOf(columns);
    return Math.abs(Math.log(width / height / ASPECT));
  };
  return choices.toSorted((a, b) => badness(a) - badness(b))[0] ?? [];
}

function placeChips({ nodes, columns }: Pile, { x, y }: Point, boxes: Map<string, Box>): void {
  const rows = Math.ceil(nodes.length / columns);
  for (const [index, { id }] of nodes.entries()) {
    const column = Math.floor(index / rows);
    boxes.set(id, {
      x: x + PAD + column * (CHIP.width + GAP.x),
      y: y + TITLE + PAD + (index % rows) * (CHIP.height + GAP.y),
      ...CHIP,
    });
  }
}

/** From the side of one box to the side of another that is nearer. */
export function between(from: Box, to: Box): readonly [Point, Point] {
  const isRightwards = from.x + from.width / 2 <= to.x + to.width / 2;
  return [
    { x: isRightwards ? from.x + from.width : from.x, y: from.y + from.height / 2 },
    { x: isRightwards ? to.x : to.x + to.width, y: to.y + to.height / 2 },
  ];
}

/** Lays a graph out; linear in its size. */
export function boxedLayout(graph: Graph): Layout {
  const leaning = leanings(graph);
  const names = [...new Set(graph.nodes.map(({ namespace }) => namespace))];
  const order = names.toSorted((a, b) => (leaning.get(b) ?? 0) - (leaning.get(a) ?? 0) || (a < b ? -1 : 1));
  const columns = bestColumns(
    order.map((name) =>
      pileOf(
        name,
        graph.nodes.filter(({ namespace }) => namespace === name),
      ),
    ),
  );
  const size = sizeOf(columns);
  const boxes = new Map<string, Box>();
  const groups: Group[] = [];
  let x = MARGIN;
  for (const column of columns) {
    const height = column.reduce((sum, pile) => sum + pile.height + BETWEEN, -BETWEEN);
    let y = MARGIN + (size.height - 2 * MARGIN - height) / 2;
    for (const pile of column) {
      groups.push({ name: pile.name, x, y, width: pile.width, height: pile.height });
      placeChips(pile, { x, y }, boxes);
      y += pile.height + BETWEEN;
    }
    x += Math.max(...column.map(({ width }) => width)) + BETWEEN;
  }
  const edges = new Map(
    graph.edges.flatMap(({ id, from, to }): [string, readonly Point[]][] => {
      const [a, b] = [boxes.get(from), boxes.get(to)];
      return a === undefined || b === undefined ? [] : [[id, between(a, b)]];
    }),
  );
  return { style: 'chips', nodes: boxes, edges, groups, ...size };
}
