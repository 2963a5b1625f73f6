/** Differences of two texts in the unified format (POSIX diff -u), which patch and people read. */
import { type Edit, editsBetween } from './edits.ts';

/** Lines that are shown around a change. */
const CONTEXT = 3;

const MARKS = { same: ' ', removed: '-', added: '+' } as const;

interface Hunk {
  readonly start: number;
  readonly end: number;
}

/** Ranges of edits that hold changes and what is around them; those that touch are one. */
function hunksOf(edits: readonly Edit[]): Hunk[] {
  const hunks: { start: number; end: number }[] = [];
  for (const [index, { kind }] of edits.entries()) {
    if (kind === 'same') continue;
    const [start, end] = [Math.max(0, index - CONTEXT), Math.min(edits.length, index + CONTEXT + 1)];
    const last = hunks.at(-1);
    if (last !== undefined && start <= last.end) last.end = end;
    else hunks.push({ start, end });
  }
  return hunks;
}

function countOf(edits: readonly Edit[], without: Edit['kind']): number {
  return edits.filter(({ kind }) => kind !== without).length;
}

/** `12,7`; of an empty range the line before it, as the format has it. */
function range(before: number, count: number): string {
  return `${count === 0 ? before : before + 1},${count}`;
}

function hunkLines(edits: readonly Edit[], { start, end }: Hunk): string[] {
  const [passed, shown] = [edits.slice(0, start), edits.slice(start, end)];
  const old = range(countOf(passed, 'added'), countOf(shown, 'added'));
  const next = range(countOf(passed, 'removed'), countOf(shown, 'removed'));
  return [`@@ -${old} +${next} @@`, ...shown.map(({ kind, line }) => `${MARKS[kind]}${line}`)];
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** The difference with a name above each side; '' where there is none. Ends with a newline. */
export function unifiedDiff(oldName: string, newName: string, before: string, after: string): string {
  const edits = editsBetween(linesOf(before), linesOf(after));
  const hunks = hunksOf(edits);
  if (hunks.length === 0) return '';
  return `${[`--- ${oldName}`, `+++ ${newName}`, ...hunks.flatMap((hunk) => hunkLines(edits, hunk))].join('\n')}\n`;
}
