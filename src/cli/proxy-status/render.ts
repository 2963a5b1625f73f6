/** One proxy's differences for people. */
import type { Dump, Dumped } from '../proxy-config/dump.ts';
import type { Difference } from './difference.ts';

const KINDS = ['clusters', 'listeners', 'routes', 'endpoints'] as const satisfies readonly Dumped['kind'][];

const WORDS = {
  missing: 'the proxy does not have it',
  unknown: 'the control plane does not know it',
  refused: 'the proxy has refused it',
} as const;

function text({ name, kind, what, reason, diff }: Difference): string {
  return what === 'different' ? diff : `${kind} ${name}: ${WORDS[what]}${reason === '' ? '' : `: ${reason}`}\n`;
}

/** A line a kind, and below what differs. Ends with a newline. */
export function renderDifferences(dump: Dump, found: readonly Difference[]): string {
  const lines = KINDS.map((kind) => {
    const own = found.filter((each) => each.kind === kind).length;
    const count = dump.resources.filter((each) => each.kind === kind && each.state !== 'static').length;
    return own === 0 ? `${kind} match (${count})` : `${kind} do not match: ${own} of ${count}`;
  });
  return `${lines.join('\n')}\n${found.map((each) => `\n${text(each)}`).join('')}`;
}
