/** Policies that concern workloads or a host, with where they were written. */
import type { TopologyWorkload } from '../../../src/model/topology.ts';
import { policiesFor, type Policy, policyText } from '../model/policies.ts';
import { emptyText, usePoll } from '../state/poll.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import type { Column } from '../ui/data-table.tsx';
import { SourceLink } from '../ui/source-link.tsx';
import { TableSection } from '../ui/table-section.tsx';

interface Props {
  readonly workloads: readonly TopologyWorkload[];
  /** '' where it is no service. */
  readonly host: string;
  readonly rootNamespace: string;
}

const REFRESH_MS = 10_000;

function toneOf({ action, isDryRun }: Policy): Tone {
  return isDryRun === true ? 'plain' : action === 'DENY' ? 'bad' : action === 'ALLOW' ? 'ok' : 'plain';
}

const COLUMNS: readonly Column<Policy>[] = [
  { title: 'Kind', by: ({ kind }) => kind, cell: ({ kind }) => kind },
  { title: 'Name', by: ({ name }) => name, cell: ({ namespace, name }) => `${namespace}/${name}` },
  { title: 'Says', cell: (policy) => <Badge tone={toneOf(policy)}>{policyText(policy)}</Badge> },
  {
    title: 'For',
    cell: ({ selector = {}, host, gateways }) =>
      host ??
      gateways?.join(', ') ??
      (Object.keys(selector).length === 0 ? (
        <span class="muted">all workloads</span>
      ) : (
        Object.entries(selector)
          .map(([key, value]) => `${key}=${value}`)
          .join(', ')
      )),
  },
  { title: 'Written in', cell: ({ origin }) => <SourceLink place={origin} /> },
];

export function PoliciesSection({ workloads, host, rootNamespace }: Props) {
  const polled = usePoll<{ readonly policies: readonly Policy[] }>('/api/policies', REFRESH_MS).value;
  const rows = policiesFor(polled.value?.policies ?? [], workloads, host, rootNamespace);
  return (
    <TableSection
      title="Policies"
      name="policies"
      columns={COLUMNS}
      rows={rows}
      keyOf={({ kind, namespace, name }) => `${kind} ${namespace}/${name}`}
      empty={emptyText(polled, 'No policy is written for it.')}
    />
  );
}
