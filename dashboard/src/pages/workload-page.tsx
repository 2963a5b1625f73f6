/** One workload: golden signals, its proxies and their state, its certificate, policies, callers, recent denials. */
import type { Topology, TopologyWorkload } from '../../../src/model/topology.ts';
import { GoldenSignals } from '../charts/golden-signals.tsx';
import { figuresOf } from '../graph/panel.tsx';
import type { Certificate, Certificates, Instance, Proxy } from '../model/admin.ts';
import { whenText } from '../model/format.ts';
import { placesOf } from '../model/graph.ts';
import { loadOf } from '../model/health.ts';
import { nowMs, useGraph, useSignals, useTopology } from '../state/mesh.ts';
import { emptyText, usePoll } from '../state/poll.ts';
import { Badge } from '../ui/badge.tsx';
import type { Column } from '../ui/data-table.tsx';
import { type Figure, Figures } from '../ui/figures.tsx';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Page, Section } from '../ui/page.tsx';
import { SourceLink } from '../ui/source-link.tsx';
import { TableSection } from '../ui/table-section.tsx';
import { CallersSection } from './callers-section.tsx';
import { FlowTable } from './flow-table.tsx';
import { PoliciesSection } from './policies-section.tsx';
import { ProxiesTable } from './proxies-table.tsx';
import type { Flow } from '../../../src/model/flow.ts';

const REFRESH_MS = 5_000;
/** Certificates are renewed long before. */
const SOON_MS = 30 * 60_000;

/** A certificate's expiry as a figure. */
function expiryFigure({ expiresAtMs, issuedAtMs }: Certificate): Figure {
  const left = expiresAtMs - nowMs.value;
  const isLate = left < Math.min(SOON_MS, (expiresAtMs - issuedAtMs) * 0.1);
  return {
    name: 'Certificate',
    value: `expires ${whenText(expiresAtMs, nowMs.value)}`,
    note: `issued ${whenText(issuedAtMs, nowMs.value)}`,
    tone: left < 0 ? 'bad' : isLate ? 'warn' : 'ok',
  };
}

const INSTANCES: readonly Column<Instance>[] = [
  { title: 'Instance', by: ({ id }) => id, cell: ({ id }) => id },
  { title: 'State', cell: ({ isReady }) => <Badge tone={isReady ? 'ok' : 'warn'}>{isReady ? 'ready' : 'not ready'}</Badge> },
  { title: 'Address', by: ({ address }) => address, cell: ({ address }) => <code>{address}</code> },
  {
    title: 'Locality',
    by: ({ locality }) => locality,
    cell: ({ locality }) => (locality === '' ? <span class="is-quiet">–</span> : locality),
  },
  { title: 'Proxy', cell: ({ isMeshed }) => (isMeshed ? 'yes' : <Badge tone="warn">none</Badge>) },
];

function Identity({ workload }: { readonly workload: TopologyWorkload }) {
  const { value } = usePoll<Certificates>('/api/certificates', REFRESH_MS).value;
  const suffix = `/ns/${workload.namespace}/sa/${workload.serviceAccount}`;
  const certificate = value?.certificates.find(({ identity }) => identity.endsWith(suffix));
  if (value === undefined || !workload.isMeshed) return null;
  return (
    <Section title="Identity">
      {certificate === undefined ? (
        <p class="empty">
          No certificate was signed for service account {workload.serviceAccount} since this control plane began; what its proxies have is
          good until it is renewed.
        </p>
      ) : (
        <Figures figures={[{ name: 'SPIFFE ID', value: <code>{certificate.identity}</code> }, expiryFigure(certificate)]} />
      )}
    </Section>
  );
}

function Body({ topology, workload }: { readonly topology: Topology; readonly workload: TopologyWorkload }) {
  const { namespace, name } = workload;
  const id = `${namespace}/${name}`;
  const rows = useSignals('workload').value.value?.rows.filter(({ destination }) => destination === id) ?? [];
  const calls = useSignals('caller').value.value?.rows.filter(({ source }) => source === id) ?? [];
  const isOnlyCaller = rows.length === 0 && calls.length > 0;
  const { graph } = useGraph().value;
  const isOwn = (each: { readonly namespace: string; readonly workload: string }): boolean =>
    each.namespace === namespace && each.workload === name;
  const connected = usePoll<{ readonly proxies: readonly Proxy[] }>('/api/proxies', REFRESH_MS).value;
  const proxies = connected.value?.proxies.filter(isOwn) ?? [];
  const registered = usePoll<{ readonly instances: readonly Instance[] }>('/api/instances', REFRESH_MS).value;
  const instances = registered.value?.instances.filter(isOwn) ?? [];
  const denied =
    usePoll<{ readonly flows: readonly Flow[] }>(
      `/api/flows?verdict=denied&since=10m&limit=20&destination=${encodeURIComponent(id)}`,
      REFRESH_MS,
    ).value.value?.flows ?? [];
  return (
    <>
      {isOnlyCaller ? <p class="subtitle">It serves nobody: these are its own calls.</p> : null}
      <Figures figures={figuresOf(loadOf(isOnlyCaller ? calls : rows))} />
      {isOnlyCaller ? <GoldenSignals by="caller" of={{ source: id }} /> : <GoldenSignals by="workload" of={{ destination: id }} />}
      <TableSection
        title="Instances"
        name="instances"
        columns={INSTANCES}
        rows={instances}
        keyOf={(each) => each.id}
        empty={emptyText(registered, 'None is registered.')}
      />
      <Section title="Proxies" count={proxies.length}>
        <ProxiesTable
          proxies={proxies}
          empty={emptyText(connected, workload.isMeshed ? 'None is connected.' : 'It runs without a proxy: nobody tells what it calls.')}
        />
      </Section>
      <Identity workload={workload} />
      <PoliciesSection workloads={[workload]} host="" rootNamespace={topology.rootNamespace} />
      {denied.length === 0 ? null : (
        <Section title="Denied lately" count={denied.length}>
          <FlowTable flows={denied.toReversed()} />
        </Section>
      )}
      <CallersSection graph={graph} node={placesOf(topology).ofWorkload(id)} />
    </>
  );
}

export function WorkloadPage({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  const { value: topology, error } = useTopology().value;
  const workload = topology?.workloads.find((each) => each.namespace === namespace && each.name === name);
  const over = `${workload?.role === 'router' ? 'Gateway' : 'Workload'} in ${namespace}`;
  if (topology === undefined || workload === undefined) {
    return (
      <Page title={name} over={over}>
        <p class="empty">{topology === undefined ? error || 'Loading…' : 'The mesh has no such workload.'}</p>
      </Page>
    );
  }
  const aside = (
    <Link to={`/tap?workload=${encodeURIComponent(`${namespace}/${name}`)}`} class="button">
      <Icon name="tap" /> Tap
    </Link>
  );
  return (
    <Page title={name} over={over} aside={aside}>
      <p class="subtitle">
        {Object.entries(workload.labels).map(([key, value]) => (
          <Badge key={key}>{`${key}=${value}`}</Badge>
        ))}
        {workload.origin === undefined ? null : <SourceLink place={workload.origin} />}
      </p>
      <Body topology={topology} workload={workload} />
    </Page>
  );
}
