/** Proxies, whether they have what they were sent, and what they refused. */
import { proxyNameOf } from '../../../src/model/node-id.ts';
import { type Proxy, syncOf } from '../model/admin.ts';
import { spanText } from '../model/format.ts';
import { nowMs } from '../state/mesh.ts';
import { workloadPath } from '../state/router.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { Link } from '../ui/link.tsx';
import { Notice } from '../ui/notice.tsx';

const TYPES = ['LDS', 'RDS', 'CDS', 'EDS', 'SDS'] as const;
const TONES: Readonly<Record<ReturnType<typeof syncOf>, Tone>> = { synced: 'ok', waiting: 'warn', refused: 'bad' };
const STATUS_WORDS: Readonly<Record<string, readonly [Tone, string]>> = {
  SYNCED: ['ok', 'synced'],
  STALE: ['warn', 'waiting'],
  ERROR: ['bad', 'refused'],
};

function TypeCell({ proxy, type }: { readonly proxy: Proxy; readonly type: string }) {
  const state = proxy.types[type];
  const [tone, word] = STATUS_WORDS[state?.status ?? ''] ?? ['plain', ''];
  if (state === undefined || word === '') return <span class="is-quiet">–</span>;
  return (
    <span title={`sent ${state.sent}, acknowledged ${state.acked}, ${state.resources} resources`}>
      <Badge tone={tone}>{word}</Badge> <span class="muted">{state.resources}</span>
    </span>
  );
}

const COLUMNS: readonly Column<Proxy>[] = [
  {
    title: 'Proxy',
    by: ({ id }) => proxyNameOf(id),
    cell: ({ id, namespace, workload }) => <Link to={workloadPath(namespace, workload)}>{proxyNameOf(id)}</Link>,
  },
  { title: 'State', by: syncOf, cell: (proxy) => <Badge tone={TONES[syncOf(proxy)]}>{syncOf(proxy)}</Badge> },
  ...TYPES.map((type): Column<Proxy> => ({
    title: type,
    isDetail: type === 'SDS',
    cell: (proxy) => <TypeCell proxy={proxy} type={type} />,
  })),
  {
    title: 'Mesh',
    hint: 'version of the mesh that it gets',
    isNumber: true,
    by: ({ meshVersion }) => meshVersion,
    cell: ({ meshVersion }) => String(meshVersion),
  },
  { title: 'Program', isDetail: true, by: ({ version }) => version, cell: ({ version }) => version },
  {
    title: 'Connected',
    isNumber: true,
    by: ({ connectedSince }) => -Date.parse(connectedSince),
    cell: ({ connectedSince }) => spanText(nowMs.value - Date.parse(connectedSince)),
  },
];

function Refusals({ proxies }: { readonly proxies: readonly Proxy[] }) {
  const refusals = proxies.flatMap((proxy) =>
    Object.entries(proxy.types).flatMap(([type, { nack }]) =>
      nack === undefined ? [] : [{ key: `${proxy.id} ${type}`, text: `${proxyNameOf(proxy.id)} refused ${type}: ${nack.message}` }],
    ),
  );
  return (
    <>
      {refusals.map(({ key, text }) => (
        <Notice key={key} tone="bad">
          {text}
        </Notice>
      ))}
    </>
  );
}

export function ProxiesTable({ proxies, empty }: { readonly proxies: readonly Proxy[]; readonly empty: string }) {
  return (
    <>
      <Refusals proxies={proxies} />
      <DataTable label="Proxies" name="proxies" columns={COLUMNS} rows={proxies} keyOf={({ id }) => id} empty={empty} />
    </>
  );
}
