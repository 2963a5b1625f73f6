/** Which part of a graph is looked at. */
import { type Graph, type GraphEdge, type GraphNode } from './graph.ts';

export interface View {
  /** Empty: all. */
  readonly namespaces: readonly string[];
  /** Part of a name; '' for any. */
  readonly text: string;
  /** Only what fails, is denied or not ready, and whoever calls it. */
  readonly isTroubleOnly: boolean;
  /** Without what had no traffic. */
  readonly isBusyOnly: boolean;
  /** A node with what is near it; '' for all. */
  readonly focus: string;
  /** How many steps from it. */
  readonly depth: number;
}

export const WHOLE: View = { namespaces: [], text: '', isTroubleOnly: false, isBusyOnly: false, focus: '', depth: 1 };

function isTroubled({ health }: GraphNode | GraphEdge): boolean {
  return health === 'warn' || health === 'bad';
}

/** Nodes within some steps of one, in both directions. */
export function neighbourhood(edges: readonly GraphEdge[], start: string, depth: number): ReadonlySet<string> {
  const found = new Set([start]);
  for (let step = 0; step < depth; step += 1) {
    const border = edges.filter(({ from, to }) => found.has(from) !== found.has(to));
    for (const { from, to } of border) found.add(from).add(to);
  }
  return found;
}

/** The part of a graph that a view shows. Edges stay where both their nodes do. */
export function visibleOf({ nodes, edges }: Graph, view: View): Graph {
  const near = view.focus === '' ? undefined : neighbourhood(edges, view.focus, view.depth);
  const busy = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const troubled = new Set([
    ...nodes.filter(isTroubled).map(({ id }) => id),
    ...edges.filter(isTroubled).flatMap(({ from, to }) => [from, to]),
  ]);
  const text = view.text.toLowerCase();
  const matched = new Set(
    nodes.filter(({ id, host }) => id.toLowerCase().includes(text) || host.toLowerCase().includes(text)).map(({ id }) => id),
  );
  const isShown = (node: GraphNode): boolean =>
    (near === undefined || near.has(node.id)) &&
    (view.namespaces.length === 0 || view.namespaces.includes(node.namespace)) &&
    (!view.isTroubleOnly || troubled.has(node.id)) &&
    (!view.isBusyOnly || busy.has(node.id)) &&
    (text === '' || matched.has(node.id));
  const shown = nodes.filter(isShown);
  const ids = new Set(shown.map(({ id }) => id));
  // of the nearest neighbours only what they have to do with the one in the middle: the rest is a step further
  const isNear = ({ from, to }: GraphEdge): boolean => view.focus === '' || view.depth > 1 || from === view.focus || to === view.focus;
  const isEdgeShown = (edge: GraphEdge): boolean =>
    ids.has(edge.from) && ids.has(edge.to) && isNear(edge) && (!view.isTroubleOnly || isTroubled(edge));
  return { nodes: shown, edges: edges.filter(isEdgeShown) };
}
