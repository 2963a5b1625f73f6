/**
 * The shortest way from one list of lines to another. E. W. Myers, "An O(ND) Difference Algorithm and Its Variations"
 * (1986): paths of d edits are followed as far as they go on each diagonal, until one reaches the end.
 */

/** One line of both, of the first, or of the second. */
export interface Edit {
  readonly kind: 'same' | 'removed' | 'added';
  readonly line: string;
}

/** With more edits than this between them two texts count as replaced: the search costs their square. */
const EDITS_MAX = 3_000;

/** For each number of edits how far along the first list (value) each diagonal (key, first minus second) comes. */
type Frontier = ReadonlyMap<number, number>;

/** True where the furthest path on `diagonal` comes from the one above, by a line of the second list. */
function isFromAbove(frontier: Frontier, diagonal: number, depth: number): boolean {
  if (diagonal === -depth) return true;
  return diagonal !== depth && (frontier.get(diagonal - 1) ?? 0) < (frontier.get(diagonal + 1) ?? 0);
}

function startOn(frontier: Frontier, diagonal: number, depth: number): number {
  if (depth === 0) return 0;
  return isFromAbove(frontier, diagonal, depth) ? (frontier.get(diagonal + 1) ?? 0) : (frontier.get(diagonal - 1) ?? 0) + 1;
}

/** The frontier before each number of edits, the last one's included; undefined where there are too many. */
function search(a: readonly string[], b: readonly string[]): Frontier[] | undefined {
  const trace: Frontier[] = [];
  let frontier: Frontier = new Map();
  for (let depth = 0; depth <= Math.min(a.length + b.length, EDITS_MAX); depth++) {
    trace.push(frontier);
    const next = new Map<number, number>();
    for (let diagonal = -depth; diagonal <= depth; diagonal += 2) {
      let x = startOn(frontier, diagonal, depth);
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++;
      next.set(diagonal, x);
      if (x >= a.length && x - diagonal >= b.length) return trace;
    }
    frontier = next;
  }
  return undefined;
}

/** Walks back from the end. */
function edits(a: readonly string[], b: readonly string[], trace: readonly Frontier[]): Edit[] {
  const back: Edit[] = [];
  let [x, y] = [a.length, b.length];
  for (let depth = trace.length - 1; depth >= 0; depth--) {
    const frontier = trace[depth] ?? new Map<number, number>();
    const diagonal = x - y;
    const start = startOn(frontier, diagonal, depth);
    for (; x > start; x--, y--) back.push({ kind: 'same', line: a[x - 1] ?? '' });
    if (depth === 0) break;
    if (isFromAbove(frontier, diagonal, depth)) back.push({ kind: 'added', line: b[--y] ?? '' });
    else back.push({ kind: 'removed', line: a[--x] ?? '' });
  }
  return back.toReversed();
}

/** What is kept, removed and added on the way from `before` to `after`, in order. */
export function editsBetween(before: readonly string[], after: readonly string[]): Edit[] {
  const trace = search(before, after);
  if (trace !== undefined) return edits(before, after, trace);
  return [...before.map((line): Edit => ({ kind: 'removed', line })), ...after.map((line): Edit => ({ kind: 'added', line }))];
}
