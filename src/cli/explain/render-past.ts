/** What became of a request that was, beside what would become of it now. */
import { percent } from './chance.ts';
import { clustersIn, type Explanation, outcomes } from './explanation.ts';
import type { Passage } from './log-line.ts';

function passageLine({ proxy, startTime, method, path, authority, status, flags, details, durationMs, cluster, host }: Passage): string {
  const to = cluster === '' ? '' : `, ${cluster}${host === '' ? '' : ` at ${host}`}`;
  const why = [flags, details].filter((text) => text !== '').join(' ');
  return `  ${startTime}  ${proxy}  ${method} ${authority}${path}: ${status}${why === '' ? '' : ` (${why})`}${to}, ${durationMs} ms`;
}

/** What differs between then and now, as far as the client's line says. */
function verdicts(passages: readonly Passage[], explanation: Explanation): string[] {
  const [first] = passages;
  if (first === undefined) return [];
  const clusters = clustersIn(explanation);
  const isElsewhere =
    first.cluster !== '' && !first.cluster.startsWith('inbound|') && clusters.length > 0 && !clusters.includes(first.cluster);
  const ends = outcomes(explanation).map(({ share, verdict }) => (share === 1 ? verdict.text : `${percent(share)} ${verdict.text}`));
  return [
    `was  ${first.status}${first.flags === '' ? '' : ` ${first.flags}`}${first.cluster === '' ? '' : ` by ${first.cluster}`}`,
    `now  ${[...new Set(ends)].join(', ')}${clusters.length === 0 ? '' : ` by ${clusters.join(' or ')}`}`,
    ...(isElsewhere ? ['     it would go elsewhere now'] : []),
  ];
}

/** The text above an explanation of the hop that `sent` begins with. Ends with a newline. */
export function renderPast(id: string, passages: readonly Passage[], sent: readonly Passage[], explanation: Explanation): string {
  const lines = [`request ${id}, as it was`, ...passages.map(passageLine), '', ...verdicts(sent, explanation)];
  return `${lines.join('\n')}\n\nas it would be now (of its headers but few are known; -H adds others)\n`;
}
