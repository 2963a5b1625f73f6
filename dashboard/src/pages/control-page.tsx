/** The control plane's own health: what it serves, what proxies refuse, versions and rollouts, its authority. */
import type { Certificates, History, Proxy } from '../model/admin.ts';
import { syncOf } from '../model/admin.ts';
import { matchesWords } from '../model/filters.ts';
import { bytesText, countText, durationText, spanText, whenText } from '../model/format.ts';
import { parseMetrics, quantileOf, type Sample, totalOf } from '../model/metrics-text.ts';
import { getText } from '../state/api.ts';
import { nowMs, useAbout } from '../state/mesh.ts';
import { emptyText, type Polled, usePoll } from '../state/poll.ts';
import { param } from '../state/router.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { type Figure, Figures } from '../ui/figures.tsx';
import { Notice } from '../ui/notice.tsx';
import { Page, Section } from '../ui/page.tsx';
import { SearchField } from '../ui/search-field.tsx';
import { TableSection } from '../ui/table-section.tsx';
import { ProxiesTable } from './proxies-table.tsx';

const REFRESH_MS = 5_000;
const DAY_MS = 86_400_000;
const CONVERGENCE = 'pilot_proxy_convergence_time';

/** Where nothing is known yet. */
const UNKNOWN = '–';

function pushFigures(samples: readonly Sample[], proxies: readonly Proxy[]): Figure[] {
  const refused = proxies.filter((proxy) => syncOf(proxy) === 'refused').length;
  const waiting = proxies.filter((proxy) => syncOf(proxy) === 'waiting').length;
  const rejects = totalOf(samples, 'pilot_total_xds_rejects');
  const p99 = quantileOf(samples, CONVERGENCE, 0.99);
  const word = refused > 0 ? `${refused} refused` : waiting > 0 ? `${waiting} waiting` : 'all in sync';
  return [
    { name: 'Proxies', value: countText(proxies.length), note: word, tone: refused > 0 ? 'bad' : waiting > 0 ? 'warn' : 'ok' },
    { name: 'Pushes', value: countText(totalOf(samples, 'pilot_xds_pushes')), note: 'since it began' },
    { name: 'Refusals (NACK)', value: countText(rejects), note: 'since it began', ...(rejects > 0 ? { tone: 'warn' as const } : {}) },
    { name: 'Convergence, p99', value: durationText(p99 === undefined ? undefined : p99 * 1000), note: 'from a change to the last answer' },
  ];
}

function ownFigures(samples: readonly Sample[], certificates: Certificates | undefined): Figure[] {
  const expiresMs = Date.parse(certificates?.rootExpiresAt ?? '');
  const isKnown = !Number.isNaN(expiresMs);
  const errors = samples.find(({ name, labels }) => name === 'tulle_diagnostics' && labels['severity'] === 'error')?.value ?? 0;
  return [
    { name: 'Memory', value: bytesText(totalOf(samples, 'process_resident_memory_bytes')) },
    {
      name: 'Certificates',
      value: countText(totalOf(samples, 'citadel_server_success_cert_issuance_count')),
      note: 'signed since it began',
    },
    {
      name: 'Root certificate',
      value: isKnown ? `expires ${whenText(expiresMs, nowMs.value)}` : UNKNOWN,
      ...(isKnown ? { tone: expiresMs - nowMs.value < 30 * DAY_MS ? 'warn' : 'ok' } : {}),
    },
    { name: 'Refused documents', value: countText(errors), tone: errors > 0 ? 'bad' : 'ok' },
  ];
}

const STATES: Readonly<Record<string, Tone>> = {
  applied: 'ok',
  canary: 'accent',
  withdrawn: 'bad',
  failed: 'bad',
};

const VERSIONS: readonly Column<History['versions'][number]>[] = [
  { title: 'Version', by: ({ number }) => number, cell: ({ number }) => String(number) },
  {
    title: 'State',
    by: ({ state }) => state,
    cell: ({ state, reason }) => (
      <span title={reason}>
        <Badge tone={STATES[state] ?? 'plain'}>{state}</Badge>
      </span>
    ),
  },
  { title: 'When', by: ({ createdAt }) => Date.parse(createdAt), cell: ({ createdAt }) => whenText(Date.parse(createdAt), nowMs.value) },
  { title: 'By', by: ({ by }) => by, cell: ({ by, cause }) => by || cause },
  { title: 'Changes', isNumber: true, by: ({ changes }) => changes.length, cell: ({ changes }) => String(changes.length) },
  { title: 'Why', cell: ({ message, reason }) => message || reason },
];

function VersionsSection() {
  const { value, error } = usePoll<History>('/api/history', REFRESH_MS).value;
  if (value === undefined) return error === '' ? null : <Notice tone="bad">{error}</Notice>;
  const { rollout, held, version } = value;
  return (
    <Section title="Versions of the mesh" count={value.versions.length}>
      {rollout === undefined ? null : (
        <Notice tone="info">{`Version ${rollout.version} is tried: step ${rollout.step}, ${rollout.proxies ?? 0} proxies have it; ${rollout.failed ?? 0} of ${rollout.requests ?? 0} requests failed. Version ${version} is in force.`}</Notice>
      )}
      {held === undefined ? null : (
        <Notice tone="warn">{`The folder is held back since ${whenText(Date.parse(held.since), nowMs.value)}: ${held.reason}`}</Notice>
      )}
      <DataTable
        label="Versions"
        name="versions"
        columns={VERSIONS}
        rows={value.versions}
        keyOf={({ number }) => String(number)}
        empty="None was kept."
      />
    </Section>
  );
}

function CertificatesSection({ polled }: { readonly polled: Polled<Certificates> }) {
  const columns: readonly Column<Certificates['certificates'][number]>[] = [
    { title: 'Identity', by: ({ identity }) => identity, cell: ({ identity }) => <code>{identity}</code> },
    { title: 'Issued', by: ({ issuedAtMs }) => issuedAtMs, cell: ({ issuedAtMs }) => whenText(issuedAtMs, nowMs.value) },
    { title: 'Expires', by: ({ expiresAtMs }) => expiresAtMs, cell: ({ expiresAtMs }) => whenText(expiresAtMs, nowMs.value) },
  ];
  const rows = polled.value?.certificates ?? [];
  return (
    <TableSection
      title="Certificates"
      name="certificates"
      columns={columns}
      rows={rows}
      keyOf={({ identity }) => identity}
      empty={emptyText(polled, 'None was signed since it began.')}
    />
  );
}

export function ControlPage() {
  const about = useAbout().value.value;
  const metrics = usePoll<string>('/metrics', REFRESH_MS, getText).value;
  const certificates = usePoll<Certificates>('/api/certificates', REFRESH_MS).value;
  const polled = usePoll<{ readonly proxies: readonly Proxy[] }>('/api/proxies', REFRESH_MS).value;
  const proxies = polled.value?.proxies ?? [];
  const samples = parseMetrics(metrics.value ?? '');
  const isKnown = metrics.value !== undefined && polled.value !== undefined;
  const shown = proxies.filter((proxy) => matchesWords(param('q'), [proxy.id, syncOf(proxy), proxy.version]));
  const over =
    about === undefined ? 'Control plane' : `Tulle ${about.version}, up for ${spanText(nowMs.value - Date.parse(about.startedAt))}`;
  return (
    <Page title="Control plane" over={over} aside={<SearchField name="q" label="Filter proxies" />}>
      {metrics.error === '' ? null : <Notice tone="bad">{metrics.error}</Notice>}
      {isKnown ? <Figures figures={[...pushFigures(samples, proxies), ...ownFigures(samples, certificates.value)]} /> : null}
      <Section title="Proxies" count={shown.length}>
        <ProxiesTable proxies={shown} empty={emptyText(polled, proxies.length === 0 ? 'None is connected.' : 'No proxy matches.')} />
      </Section>
      <VersionsSection />
      <CertificatesSection polled={certificates} />
    </Page>
  );
}
