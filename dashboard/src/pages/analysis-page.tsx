/** What is wrong with what was written: `tulle analyze`, on the mesh that runs. */
import type { Finding } from '../model/admin.ts';
import { matchesWords } from '../model/filters.ts';
import { emptyText, usePoll } from '../state/poll.ts';
import { param, setParams } from '../state/router.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Choice } from '../ui/choice.tsx';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { Notice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { SearchField } from '../ui/search-field.tsx';
import { SourceLink } from '../ui/source-link.tsx';

const REFRESH_MS = 15_000;
const SEVERITIES = ['error', 'warning', 'info'] as const;
const TONES: Readonly<Record<Finding['severity'], Tone>> = { error: 'bad', warning: 'warn', info: 'plain' };

const COLUMNS: readonly Column<Finding>[] = [
  {
    title: 'Severity',
    by: ({ severity }) => SEVERITIES.indexOf(severity),
    cell: ({ severity }) => <Badge tone={TONES[severity]}>{severity}</Badge>,
  },
  { title: 'Code', by: ({ code }) => code, cell: ({ code }) => <code>{code}</code> },
  { title: 'Resource', by: ({ resource = '' }) => resource, cell: ({ resource = '' }) => resource },
  {
    title: 'What',
    cell: ({ message, hint = '', field = '' }) => (
      <>
        {message}
        {hint === '' ? null : <div class="muted">{hint}</div>}
        {field === '' ? null : <code class="match">{field}</code>}
      </>
    ),
  },
  { title: 'Written in', by: ({ file, line }) => `${file}:${line}`, cell: (finding) => <SourceLink place={finding} /> },
];

function countOf(findings: readonly Finding[], severity: Finding['severity']): string {
  const count = findings.filter((finding) => finding.severity === severity).length;
  return `${count} ${severity}${severity === 'info' || count === 1 ? '' : 's'}`;
}

export function AnalysisPage() {
  const polled = usePoll<{ readonly findings: readonly Finding[] }>('/api/analysis', REFRESH_MS).value;
  const { value, error } = polled;
  const findings = value?.findings ?? [];
  const severity = param('severity') || 'all';
  const shown = findings.filter(
    (finding) =>
      (severity === 'all' || finding.severity === severity) &&
      matchesWords(param('q'), [finding.code, finding.message, finding.resource ?? '', finding.file]),
  );
  const aside = (
    <>
      <SearchField name="q" label="Filter findings" />
      <Choice
        label="Severity"
        value={severity}
        options={['all', ...SEVERITIES]}
        onChange={(each) => setParams({ severity: each === 'all' ? '' : each })}
      />
    </>
  );
  return (
    <Page title="Analysis" aside={aside}>
      {error === '' ? null : <Notice tone="bad">{error}</Notice>}
      {value === undefined ? null : <p class="muted">{SEVERITIES.map((each) => countOf(findings, each)).join(', ')}</p>}
      <DataTable
        label="Findings"
        columns={COLUMNS}
        rows={shown}
        keyOf={({ code, file, line, message }) => `${code} ${file}:${line} ${message}`}
        empty={emptyText(polled, findings.length === 0 ? 'Nothing is wrong with what was written.' : 'No finding matches.')}
      />
    </Page>
  );
}
