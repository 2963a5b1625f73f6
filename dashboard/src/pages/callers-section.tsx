/** Who calls, and what is called: edges of the graph as tables. */
import type { Graph, GraphEdge } from '../model/graph.ts';
import { pathOf } from '../state/router.ts';
import type { Column } from '../ui/data-table.tsx';
import { HealthDot } from '../ui/health-dot.tsx';
import { Link } from '../ui/link.tsx';
import { loadColumns } from '../ui/load-columns.tsx';
import { TableSection } from '../ui/table-section.tsx';

interface Props {
  readonly graph: Graph | undefined;
  readonly node: string;
}

function columnsOf(end: 'from' | 'to'): readonly Column<GraphEdge>[] {
  return [
    { title: '', cell: ({ health }) => <HealthDot health={health} /> },
    {
      title: end === 'from' ? 'Caller' : 'Called',
      by: (edge) => edge[end],
      cell: (edge) => <Link to={`${pathOf()}?select=${encodeURIComponent(edge.id)}`}>{edge[end]}</Link>,
    },
    ...loadColumns<GraphEdge>(({ load }) => load),
  ];
}

const CALLERS = columnsOf('from');
const CALLED = columnsOf('to');

export function CallersSection({ graph, node }: Props) {
  const callers = graph?.edges.filter(({ to }) => to === node) ?? [];
  const called = graph?.edges.filter(({ from }) => from === node) ?? [];
  const empty = graph === undefined ? 'Loading…' : 'Nobody, in this time.';
  return (
    <>
      <TableSection title="Called by" name="callers" columns={CALLERS} rows={callers} keyOf={({ id }) => id} empty={empty} />
      <TableSection title="Calls" name="called" columns={CALLED} rows={called} keyOf={({ id }) => id} empty={empty} />
    </>
  );
}
