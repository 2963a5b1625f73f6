/** One service: golden signals over time, versions, routes, policies, callers. */
import type { Topology, TopologyService } from '../../../src/model/topology.ts';
import { GoldenSignals } from '../charts/golden-signals.tsx';
import { figuresOf } from '../graph/panel.tsx';
import { explainTarget } from '../model/explanation.ts';
import { placesOf, weightsOf } from '../model/graph.ts';
import { type Load, loadOf } from '../model/health.ts';
import { serviceNamed } from '../model/policies.ts';
import { useGraph, useSignals, useTopology } from '../state/mesh.ts';
import { workloadPath } from '../state/router.ts';
import type { Column } from '../ui/data-table.tsx';
import { Figures } from '../ui/figures.tsx';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { loadColumns } from '../ui/load-columns.tsx';
import { Page } from '../ui/page.tsx';
import { SourceLink } from '../ui/source-link.tsx';
import { TableSection } from '../ui/table-section.tsx';
import { CallersSection } from './callers-section.tsx';
import { PoliciesSection } from './policies-section.tsx';
import { RoutesSection } from './routes-section.tsx';

interface Backend {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly weight: number | undefined;
  readonly ready: string;
  readonly load: Load;
}

const BACKENDS: readonly Column<Backend>[] = [
  { title: 'Workload', by: ({ name }) => name, cell: ({ namespace, name }) => <Link to={workloadPath(namespace, name)}>{name}</Link> },
  { title: 'Version', by: ({ version }) => version, cell: ({ version }) => version || <span class="is-quiet">–</span> },
  {
    title: 'Weight',
    isNumber: true,
    hint: 'by the default rule',
    by: ({ weight }) => weight ?? -1,
    cell: ({ weight }) => (weight === undefined ? '–' : `${Math.round(weight * 10) / 10}%`),
  },
  { title: 'Ready', isNumber: true, cell: ({ ready }) => ready },
  ...loadColumns<Backend>(({ load }) => load),
];

function backendsOf(topology: Topology, service: TopologyService, loadOfWorkload: (workload: string) => Load): Backend[] {
  const weights = weightsOf(topology, service.hostname);
  return service.workloads.map((id) => {
    const found = topology.workloads.find(({ namespace, name }) => `${namespace}/${name}` === id);
    const [namespace = '', name = ''] = id.split('/');
    const ready = found === undefined ? '–' : `${found.ready}/${found.instances}`;
    return { namespace, name, version: found?.labels['version'] ?? '', weight: weights.get(id), ready, load: loadOfWorkload(id) };
  });
}

function Body({ topology, service }: { readonly topology: Topology; readonly service: TopologyService }) {
  const byWorkload = useSignals('edge').value.value?.rows ?? [];
  const asked = useSignals('service').value.value?.rows ?? [];
  const { graph } = useGraph().value;
  const { hostname, workloads: ids, isExternal } = service;
  const node = placesOf(topology).ofService(service);
  const rows = byWorkload.filter((row) => row.service === hostname || (row.destination !== undefined && ids.includes(row.destination)));
  const own = asked.filter((row) => row.service === hostname);
  const backends = backendsOf(topology, service, (workload) => loadOf(rows.filter(({ destination }) => destination === workload)));
  const workloads = topology.workloads.filter(({ namespace, name }) => ids.includes(`${namespace}/${name}`));
  return (
    <>
      <Figures figures={figuresOf(loadOf(own), own)} />
      <GoldenSignals by="service" of={{ service: hostname }} />
      {isExternal ? null : (
        <TableSection
          title="Workloads"
          name="backends"
          columns={BACKENDS}
          rows={backends}
          keyOf={(backend) => `${backend.namespace}/${backend.name}`}
          empty="Nothing runs behind it."
        />
      )}
      <RoutesSection host={hostname} />
      <PoliciesSection workloads={workloads} host={hostname} rootNamespace={topology.rootNamespace} />
      <CallersSection graph={graph} node={node} />
    </>
  );
}

export function ServicePage({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  const { value: topology, error } = useTopology().value;
  const service =
    namespace === 'external'
      ? topology?.services.find(({ hostname }) => hostname === name)
      : serviceNamed(topology?.services ?? [], namespace, name);
  if (topology === undefined || service === undefined) {
    return (
      <Page title={name} over={`Service in ${namespace}`}>
        <p class="empty">{topology === undefined ? error || 'Loading…' : 'The mesh has no such service.'}</p>
      </Page>
    );
  }
  const { hostname, ports, origin } = service;
  const node = encodeURIComponent(placesOf(topology).ofService(service));
  const aside = (
    <>
      <Link to={`/?focus=${node}&select=${node}`} class="button">
        <Icon name="graph" /> Graph
      </Link>
      <Link to={`/tap?service=${encodeURIComponent(hostname)}`} class="button">
        <Icon name="tap" /> Tap
      </Link>
      <Link to={`/explain?to=${encodeURIComponent(explainTarget(service))}`} class="button">
        <Icon name="explain" /> Explain
      </Link>
    </>
  );
  return (
    <Page title={service.isExternal ? hostname : service.name} over={`Service in ${service.namespace}`} aside={aside}>
      <p class="subtitle">
        <code>{hostname}</code>
        <span>{ports.map(({ number, protocol }) => `${number} ${protocol}`).join(', ')}</span>
        <SourceLink place={origin} />
      </p>
      <Body topology={topology} service={service} />
    </Page>
  );
}
