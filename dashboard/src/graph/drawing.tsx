/** The graph as a picture: frames of namespaces, edges, nodes. What is selected or pointed at stands out from the rest. */
import { useMemo } from 'preact/hooks';
import type { Graph, GraphEdge } from '../model/graph.ts';
import { HEALTHS } from '../model/health.ts';
import { type EdgeLabel, EdgeShape } from './edge-shape.tsx';
import { type Group, type Layout, pathOf } from './layout.ts';
import { NodeShape } from './node-shape.tsx';

interface Props {
  readonly graph: Graph;
  readonly layout: Layout;
  /** A node's or an edge's id; '' for none. */
  readonly selected: string;
  /** The node that the pointer is on. */
  readonly hovered: string;
  readonly label: EdgeLabel;
  readonly onSelect: (id: string) => void;
  readonly onFocus: (id: string) => void;
  readonly onHover: (id: string) => void;
}

function Arrows() {
  return (
    <defs>
      {HEALTHS.map((health) => (
        <marker
          key={health}
          id={`arrow-${health}`}
          class={`arrow is-${health}`}
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0 0.8 8 4 0 7.2z" />
        </marker>
      ))}
    </defs>
  );
}

function Frame({ group: { name, x, y, width, height } }: { readonly group: Group }) {
  return (
    <g class="frame" transform={`translate(${x} ${y})`}>
      <rect width={width} height={height} rx={10} />
      <text x={12} y={18}>
        {name}
      </text>
    </g>
  );
}

/** Edges that nobody points at, as one line: two thousand of them are one shape. */
function Background({ edges, layout }: { readonly edges: readonly GraphEdge[]; readonly layout: Layout }) {
  const d = useMemo(() => edges.map(({ id }) => pathOf(layout.edges.get(id) ?? [])).join(''), [edges.map(({ id }) => id).join(), layout]);
  return <path class="edges-background" d={d} />;
}

/** What stands out: the nodes at both ends of what is selected or pointed at; undefined: everything. */
function litNodes({ edges }: Graph, active: string): ReadonlySet<string> | undefined {
  if (active === '') return undefined;
  const edge = edges.find(({ id }) => id === active);
  if (edge !== undefined) return new Set([edge.from, edge.to]);
  return new Set([active, ...edges.filter(({ from, to }) => from === active || to === active).flatMap(({ from, to }) => [from, to])]);
}

function isTouched({ id, from, to }: GraphEdge, active: string): boolean {
  return id === active || from === active || to === active;
}

export function Drawing({ graph, layout, selected, hovered, label, onSelect, onFocus, onHover }: Props) {
  const isKnown = graph.nodes.some(({ id }) => id === selected) || graph.edges.some(({ id }) => id === selected);
  const active = hovered !== '' ? hovered : isKnown ? selected : '';
  const lit = litNodes(graph, active);
  const framed = new Set(layout.groups.map(({ name }) => name));
  const isDense = layout.style === 'chips';
  const isAlone = (edge: GraphEdge): boolean => !isDense || edge.health === 'bad' || isTouched(edge, active);
  const alone = graph.edges.filter(isAlone).toSorted((a, b) => Number(isTouched(a, active)) - Number(isTouched(b, active)));
  const rest = isDense ? graph.edges.filter((edge) => !isAlone(edge)) : [];
  return (
    <g class={isDense ? 'drawing is-dense' : 'drawing'}>
      <Arrows />
      <g class={lit === undefined ? '' : 'has-active'}>{isDense ? <Background edges={rest} layout={layout} /> : null}</g>
      {layout.groups.map((group) => (
        <Frame key={group.name} group={group} />
      ))}
      <g>
        {alone.map((edge) => (
          <EdgeShape
            key={edge.id}
            edge={edge}
            points={layout.edges.get(edge.id) ?? []}
            style={layout.style}
            label={label}
            isSelected={edge.id === selected}
            isDimmed={lit !== undefined && !isTouched(edge, active)}
            onSelect={onSelect}
          />
        ))}
      </g>
      {graph.nodes.map((node) => {
        const box = layout.nodes.get(node.id);
        return box === undefined ? null : (
          <NodeShape
            key={node.id}
            node={node}
            box={box}
            style={layout.style}
            isFramed={framed.has(node.namespace)}
            isSelected={node.id === selected}
            isDimmed={lit !== undefined && !lit.has(node.id)}
            onSelect={onSelect}
            onFocus={onFocus}
            onHover={onHover}
          />
        );
      })}
    </g>
  );
}
