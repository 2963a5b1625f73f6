/** Which layout a graph gets, and when it is laid out anew: when other nodes or edges are seen, not when figures change. */
import type { Graph } from '../model/graph.ts';
import { boxedLayout } from './boxed.ts';
import { focusedLayout } from './focused.ts';
import { layeredLayout } from './layered.ts';
import type { Layout } from './layout.ts';

/** What is readable line by line, and quick to lay out. */
const CARDS = { nodes: 40, edges: 90 };
/** Cards around one node. */
const FOCUSED_MAX = 90;

function shapeOf({ nodes, edges }: Graph): string {
  return [...nodes.map(({ id, namespace, versions }) => `${id} ${namespace} ${versions.length}`), ...edges.map(({ id }) => id)].join('\n');
}

function laidOut(graph: Graph, focus: string): Layout {
  const { nodes, edges } = graph;
  if (focus !== '' && nodes.length <= FOCUSED_MAX && nodes.some(({ id }) => id === focus)) return focusedLayout(graph, focus);
  return nodes.length <= CARDS.nodes && edges.length <= CARDS.edges ? layeredLayout(graph) : boxedLayout(graph);
}

/** A function that lays graphs out and remembers the last one. */
export function createLayouter(): (graph: Graph, focus: string) => Layout {
  let last: { readonly shape: string; readonly layout: Layout } | undefined;
  return (graph, focus) => {
    const shape = `${focus}\n${shapeOf(graph)}`;
    if (last?.shape === shape) return last.layout;
    const layout = laidOut(graph, focus);
    last = { shape, layout };
    return layout;
  };
}
