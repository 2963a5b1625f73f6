/** Callers left, called right, in layers with as few crossings as can be had (dagre): for graphs that one can read as a whole. */
import { graphlib, layout as dagreLayout } from '@dagrejs/dagre';
import type { Graph, GraphNode } from '../model/graph.ts';
import { between } from './boxed.ts';
import { type Box, CARD_WIDTH, cardHeight, type Group, type Layout, type Point } from './layout.ts';

const MARGIN = 28;
const LABEL = { width: 96, height: 20 };
const FRAME_PAD = 18;
const FRAME_TITLE = 12;

interface Measured {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** dagre speaks of middles. */
function boxOf({ x, y, width, height }: Measured): Box {
  return { x: x - width / 2, y: y - height / 2, width, height };
}

/** Frames around the nodes of each namespace, where these do not cut into each other. */
function framesOf(nodes: readonly GraphNode[], boxes: ReadonlyMap<string, Box>): Group[] {
  const names = [...new Set(nodes.map(({ namespace }) => namespace))];
  const frames = names.map((name): Group => {
    const own = nodes.filter(({ namespace }) => namespace === name).flatMap(({ id }) => boxes.get(id) ?? []);
    const left = Math.min(...own.map(({ x }) => x)) - FRAME_PAD;
    const top = Math.min(...own.map(({ y }) => y)) - FRAME_PAD - FRAME_TITLE;
    const right = Math.max(...own.map(({ x, width }) => x + width)) + FRAME_PAD;
    const bottom = Math.max(...own.map(({ y, height }) => y + height)) + FRAME_PAD;
    return { name, x: left, y: top, width: right - left, height: bottom - top };
  });
  return names.length < 2 ? [] : frames;
}

/** An edge that leaves and arrives at the sides of its cards, wherever dagre lets it touch them. */
function levelled(points: readonly Point[], from: Box | undefined, to: Box | undefined): readonly Point[] {
  if (from === undefined || to === undefined) return points;
  const [first, last] = between(from, to);
  return [first, ...points.slice(1, -1), last];
}

/** Lays a graph out; some tens of nodes take some tens of milliseconds. */
export function layeredLayout({ nodes, edges }: Graph): Layout {
  const graph = new graphlib.Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 26, ranksep: 44, edgesep: 14, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  const namespaces = new Set(nodes.map(({ namespace }) => namespace));
  const isGrouped = namespaces.size > 1;
  if (isGrouped) for (const namespace of namespaces) graph.setNode(`namespace ${namespace}`, {});
  for (const { id, namespace, versions } of nodes) {
    graph.setNode(id, { width: CARD_WIDTH, height: cardHeight(versions.length) });
    if (isGrouped) graph.setParent(id, `namespace ${namespace}`);
  }
  for (const { id, from, to } of edges) graph.setEdge(from, to, { ...LABEL, labelpos: 'c' }, id);
  dagreLayout(graph);
  const boxes = new Map(nodes.map(({ id }) => [id, boxOf(graph.node(id))]));
  const points = new Map(
    edges.map(({ id, from, to }): [string, readonly Point[]] => [
      id,
      levelled(graph.edge(from, to, id).points, boxes.get(from), boxes.get(to)),
    ]),
  );
  const { width = 0, height = 0 } = graph.graph();
  return { style: 'cards', nodes: boxes, edges: points, groups: framesOf(nodes, boxes), width, height };
}
