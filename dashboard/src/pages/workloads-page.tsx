/** All workloads: what runs, and how well it serves. */
import type { TopologyWorkload } from '../../../src/model/topology.ts';
import { matchesWords } from '../model/filters.ts';
import { type Health, healthOf, HEALTHS, type Load, loadOf, readinessOf, worse } from '../model/health.ts';
import { useSignals, useTopology } from '../state/mesh.ts';
import { emptyText } from '../state/poll.ts';
import { param, workloadPath } from '../state/router.ts';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { HealthDot } from '../ui/health-dot.tsx';
import { Link } from '../ui/link.tsx';
import { loadColumns } from '../ui/load-columns.tsx';
import { Notice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { SearchField } from '../ui/search-field.tsx';

interface Row {
  readonly workload: TopologyWorkload;
  readonly load: Load;
  readonly health: Health;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: '', by: ({ health }) => HEALTHS.indexOf(health), cell: ({ health }) => <HealthDot health={health} /> },
  {
    title: 'Workload',
    by: ({ workload }) => workload.name,
    cell: ({ workload: { namespace, name } }) => <Link to={workloadPath(namespace, name)}>{name}</Link>,
  },
  { title: 'Namespace', by: ({ workload }) => workload.namespace, cell: ({ workload }) => workload.namespace },
  {
    title: 'Kind',
    by: ({ workload }) => workload.role,
    cell: ({ workload: { role, isMeshed } }) => (role === 'router' ? 'gateway' : isMeshed ? 'in the mesh' : 'without a proxy'),
  },
  {
    title: 'Ready',
    isNumber: true,
    by: ({ workload }) => workload.ready,
    cell: ({ workload: { ready, instances } }) => `${ready}/${instances}`,
  },
  ...loadColumns<Row>(({ load }) => load),
];

export function WorkloadsPage() {
  const topology = useTopology().value;
  const { value, error } = useSignals('workload').value;
  const rows = (topology.value?.workloads ?? [])
    .filter(({ name, namespace, labels }) => matchesWords(param('q'), [name, namespace, ...Object.values(labels)]))
    .map((workload): Row => {
      const load = loadOf(value?.rows.filter(({ destination }) => destination === `${workload.namespace}/${workload.name}`) ?? []);
      return { workload, load, health: worse(healthOf(load), readinessOf(workload.ready, workload.instances)) };
    });
  return (
    <Page title="Workloads" aside={<SearchField name="q" label="Filter workloads" />}>
      {error === '' && topology.error === '' ? null : <Notice tone="bad">{error || topology.error}</Notice>}
      <DataTable
        label="Workloads"
        columns={COLUMNS}
        rows={rows}
        keyOf={({ workload: { namespace, name } }) => `${namespace}/${name}`}
        empty={emptyText(topology, param('q') === '' ? 'The mesh has no workloads yet.' : 'No workload matches.')}
      />
    </Page>
  );
}
