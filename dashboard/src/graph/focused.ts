/** One node in the middle, who calls it to the left, whom it calls to the right, further steps further out. */
import type { Graph, GraphEdge, GraphNode } from '../model/graph.ts';
import { HEALTHS } from '../model/health.ts';
import { between } from './boxed.ts';
import { type Box, CARD_WIDTH, cardHeight, type Layout, type Point } from './layout.ts';

const GAP = { x: 150, y: 14, fold: 116 };
/** How far from a card its edge's label stands. */
const LABEL_X = 54;
const MARGIN = 28;
/** Cards in a column, above which it is folded into several. */
const COLUMN_MAX = 18;

/** Steps from a node along edges in one direction. */
function stepsFrom(start: string, edges: readonly GraphEdge[], from: 'from' | 'to', to: 'from' | 'to'): Map<string, number> {
  const steps = new Map([[start, 0]]);
  let border = [start];
  while (border.length > 0) {
    const next: string[] = [];
    for (const edge of edges) {
      if (!border.includes(edge[from]) || steps.has(edge[to])) continue;
      steps.set(edge[to], (steps.get(edge[from]) ?? 0) + 1);
      next.push(edge[to]);
    }
    border = next;
  }
  return steps;
}

/** A column's number for each node: negative for callers, positive for the called, whichever is nearer. */
function columnsOf({ nodes, edges }: Graph, focus: string): Map<string, number> {
  const down = stepsFrom(focus, edges, 'from', 'to');
  const up = stepsFrom(focus, edges, 'to', 'from');
  const columns = nodes.map(({ id }): [string, number] => {
    const [called = Infinity, calling = Infinity] = [down.get(id), up.get(id)];
    if (called === Infinity && calling === Infinity) return [id, 2];
    return [id, called <= calling ? called : -calling];
  });
  return new Map(columns);
}

/** What is in trouble first, then what is asked most. */
function inOrder(nodes: readonly GraphNode[]): GraphNode[] {
  return nodes.toSorted(
    (a, b) =>
      HEALTHS.indexOf(a.health) - HEALTHS.indexOf(b.health) ||
      b.load.requestsPerSecond - a.load.requestsPerSecond ||
      (a.id < b.id ? -1 : 1),
  );
}

function folded(nodes: readonly GraphNode[]): GraphNode[][] {
  const count = Math.ceil(nodes.length / COLUMN_MAX);
  const length = Math.ceil(nodes.length / count);
  return Array.from({ length: count }, (_, index) => nodes.slice(index * length, (index + 1) * length));
}

function heightOf(column: readonly GraphNode[]): number {
  return column.reduce((sum, { versions }) => sum + cardHeight(versions.length) + GAP.y, -GAP.y);
}

/** Where a label stands: beside the card that is further out, which has a line of its own. */
function besideOuter(from: Point, to: Point, isOuterFirst: boolean): Point {
  const [outer, inner] = isOuterFirst ? [from, to] : [to, from];
  return { x: outer.x + Math.sign(inner.x - outer.x) * LABEL_X, y: outer.y };
}

/** Lays a neighbourhood out around the node that is looked at. */
export function focusedLayout(graph: Graph, focus: string): Layout {
  const columnOf = columnsOf(graph, focus);
  const numbers = [...new Set(columnOf.values())].toSorted((a, b) => a - b);
  const columns = numbers.map((number) => folded(inOrder(graph.nodes.filter(({ id }) => columnOf.get(id) === number))));
  const height = Math.max(...columns.flat().map(heightOf)) + 2 * MARGIN;
  const boxes = new Map<string, Box>();
  let x = MARGIN;
  for (const folds of columns) {
    for (const fold of folds) {
      let y = (height - heightOf(fold)) / 2;
      for (const { id, versions } of fold) {
        const size = { width: CARD_WIDTH, height: cardHeight(versions.length) };
        boxes.set(id, { x, y, ...size });
        y += size.height + GAP.y;
      }
      x += CARD_WIDTH + GAP.fold;
    }
    x += GAP.x - GAP.fold;
  }
  const edges = graph.edges.flatMap(({ id, from, to }): [string, readonly Point[]][] => {
    const [a, b] = [boxes.get(from), boxes.get(to)];
    if (a === undefined || b === undefined) return [];
    const [first, last] = between(a, b);
    return [[id, [first, besideOuter(first, last, Math.abs(columnOf.get(from) ?? 0) > Math.abs(columnOf.get(to) ?? 0)), last]]];
  });
  return { style: 'cards', nodes: boxes, edges: new Map(edges), groups: [], width: x - GAP.x + MARGIN, height };
}
