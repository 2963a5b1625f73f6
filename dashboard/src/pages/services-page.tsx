/** All services with their golden signals. */
import { matchesWords } from '../model/filters.ts';
import { type Health, healthOf, HEALTHS, type Load, loadOf, readinessOf, worse } from '../model/health.ts';
import { useSignals, useTopology } from '../state/mesh.ts';
import { emptyText } from '../state/poll.ts';
import { param, pathOf, servicePath } from '../state/router.ts';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { HealthDot } from '../ui/health-dot.tsx';
import { Link } from '../ui/link.tsx';
import { loadColumns } from '../ui/load-columns.tsx';
import { Notice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { SearchField } from '../ui/search-field.tsx';
import type { TopologyService } from '../../../src/model/topology.ts';

interface Row {
  readonly service: TopologyService;
  readonly load: Load;
  readonly health: Health;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: '', by: ({ health }) => HEALTHS.indexOf(health), cell: ({ health }) => <HealthDot health={health} /> },
  {
    title: 'Service',
    by: ({ service }) => service.name,
    cell: ({ service: { isExternal, hostname, namespace, name } }) => (
      <Link to={isExternal ? pathOf('services', 'external', hostname) : servicePath(namespace, name)}>{isExternal ? hostname : name}</Link>
    ),
  },
  { title: 'Namespace', by: ({ service }) => service.namespace, cell: ({ service }) => service.namespace },
  {
    title: 'Ports',
    isDetail: true,
    cell: ({ service }) => <span class="muted">{service.ports.map(({ number, protocol }) => `${number} ${protocol}`).join(', ')}</span>,
  },
  {
    title: 'Ready',
    isNumber: true,
    by: ({ service }) => service.ready,
    cell: ({ service: { ready, endpoints, isExternal } }) =>
      isExternal ? <span class="is-quiet">external</span> : `${ready}/${endpoints}`,
  },
  ...loadColumns<Row>(({ load }) => load),
];

export function ServicesPage() {
  const topology = useTopology().value;
  const { value, error } = useSignals('service').value;
  const rows = (topology.value?.services ?? [])
    .filter(({ name, namespace, hostname }) => matchesWords(param('q'), [name, namespace, hostname]))
    .map((service): Row => {
      const load = loadOf(value?.rows.filter((row) => row.service === service.hostname) ?? []);
      return { service, load, health: worse(healthOf(load), service.isExternal ? 'idle' : readinessOf(service.ready, service.endpoints)) };
    });
  return (
    <Page title="Services" aside={<SearchField name="q" label="Filter services" />}>
      {error === '' && topology.error === '' ? null : <Notice tone="bad">{error || topology.error}</Notice>}
      <DataTable
        label="Services"
        columns={COLUMNS}
        rows={rows}
        keyOf={({ service }) => service.hostname}
        empty={emptyText(topology, param('q') === '' ? 'The mesh has no services yet.' : 'No service matches.')}
      />
    </Page>
  );
}
