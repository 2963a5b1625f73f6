/** What policies refused: by policy and caller, and one by one. */
import type { Flow } from '../../../src/model/flow.ts';
import { matchesWords } from '../model/filters.ts';
import { merged, reasonOf } from '../model/flows.ts';
import { whenText } from '../model/format.ts';
import { nowMs } from '../state/mesh.ts';
import { usePoll } from '../state/poll.ts';
import { param, setParams } from '../state/router.ts';
import { Choice } from '../ui/choice.tsx';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { Notice } from '../ui/notice.tsx';
import { Page, Section } from '../ui/page.tsx';
import { SearchField } from '../ui/search-field.tsx';
import { SourceLink } from '../ui/source-link.tsx';
import { endText, FlowTable } from './flow-table.tsx';

const REFRESH_MS = 3_000;
const SHOWN_MAX = 200;
/** Records asked for; of most requests both proxies tell. */
const ASKED_MAX = 5_000;
const PASTS = ['10m', '1h', '24h'];

interface Denial {
  readonly key: string;
  readonly first: Flow;
  readonly count: number;
  readonly lastMs: number;
}

/** Flows that are alike but for their time. */
function groupsOf(flows: readonly Flow[]): Denial[] {
  const groups = new Map<string, Denial>();
  for (const flow of flows) {
    const key = [reasonOf(flow), endText(flow.source), endText(flow.destination)].join('\n');
    const known = groups.get(key);
    groups.set(key, {
      key,
      first: known?.first ?? flow,
      count: (known?.count ?? 0) + 1,
      lastMs: Math.max(known?.lastMs ?? 0, flow.startMs),
    });
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

const COLUMNS: readonly Column<Denial>[] = [
  {
    title: 'Because of',
    by: ({ first }) => reasonOf(first),
    cell: ({ first }) => (
      <>
        {reasonOf(first)} {first.policy === undefined ? null : <SourceLink place={first.policy} />}
      </>
    ),
  },
  { title: 'From', by: ({ first }) => endText(first.source), cell: ({ first }) => endText(first.source) },
  { title: 'To', by: ({ first }) => endText(first.destination), cell: ({ first }) => endText(first.destination) },
  { title: 'Times', isNumber: true, by: ({ count }) => count, cell: ({ count }) => String(count) },
  { title: 'Last', isNumber: true, by: ({ lastMs }) => lastMs, cell: ({ lastMs }) => whenText(lastMs, nowMs.value) },
];

export function DenialsPage() {
  const past = PASTS.find((known) => known === param('past')) ?? '10m';
  const { value, error } = usePoll<{ readonly flows: readonly Flow[] }>(
    `/api/flows?verdict=denied&since=${past}&limit=${ASKED_MAX}`,
    REFRESH_MS,
  ).value;
  const flows = merged(value?.flows ?? []).filter((flow) =>
    matchesWords(param('q'), [endText(flow.source), endText(flow.destination), reasonOf(flow), flow.request?.path ?? '']),
  );
  const aside = (
    <>
      <SearchField name="q" label="Filter denials" />
      <Choice label="Time shown" value={past} options={PASTS} onChange={(each) => setParams({ past: each })} />
    </>
  );
  return (
    <Page title="Denials" aside={aside}>
      {error === '' ? null : <Notice tone="bad">{error}</Notice>}
      {value === undefined && error === '' ? <p class="empty">Loading…</p> : null}
      {value !== undefined && flows.length === 0 ? <p class="empty">No policy refused anything in this time.</p> : null}
      {(value?.flows.length ?? 0) < ASKED_MAX ? null : (
        <Notice tone="info">{`There were more: the newest ${ASKED_MAX} records are counted.`}</Notice>
      )}
      {flows.length === 0 ? null : (
        <>
          <Section title="By policy and caller">
            <DataTable
              label="Denials by policy and caller"
              columns={COLUMNS}
              rows={groupsOf(flows)}
              keyOf={({ key }) => key}
              empty="None."
            />
          </Section>
          <Section title="One by one" count={flows.length}>
            {flows.length > SHOWN_MAX ? <p class="muted">The newest {SHOWN_MAX} are shown.</p> : null}
            <FlowTable flows={flows.toReversed().slice(0, SHOWN_MAX)} />
          </Section>
        </>
      )}
    </Page>
  );
}
