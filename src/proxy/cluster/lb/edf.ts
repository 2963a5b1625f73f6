/**
 * Earliest deadline first: each entry comes due again after 1/weight, and the entry due first is next. Over time every
 * entry is chosen in proportion to its weight, and evenly spread. A binary heap: O(log n) a choice.
 */
export interface Schedule<Entry> {
  /** The next entry, put back with the weight that `weigh` gives it now. */
  next(): Entry;
}

interface Slot<Entry> {
  readonly entry: Entry;
  deadline: number;
  /** Order among equal deadlines: first come, first served. */
  turn: number;
}

function isBefore(a: { deadline: number; turn: number }, b: { deadline: number; turn: number }): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.turn < b.turn);
}

/** Moves the root down to where it belongs. */
function sink<Entry>(heap: Slot<Entry>[]): void {
  const root = heap[0];
  if (root === undefined) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    let smaller = heap[child];
    if (smaller === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && isBefore(right, smaller)) {
      child++;
      smaller = right;
    }
    if (!isBefore(smaller, root)) break;
    heap[at] = smaller;
    at = child;
  }
  heap[at] = root;
}

/**
 * A schedule over at least one entry. `weigh` gives a weight above zero; `random` spreads where proxies begin, so
 * that a hundred of them do not all begin with the same host.
 */
export function createSchedule<Entry>(entries: readonly Entry[], weigh: (entry: Entry) => number, random: () => number): Schedule<Entry> {
  const heap: Slot<Entry>[] = entries.map((entry, turn) => ({ entry, deadline: random() / weigh(entry), turn }));
  heap.sort((a, b) => (isBefore(a, b) ? -1 : 1));
  let turns = heap.length;
  return {
    next() {
      const first = heap[0];
      if (first === undefined) throw new RangeError('a schedule without entries');
      first.deadline += 1 / weigh(first.entry);
      first.turn = turns++;
      sink(heap);
      return first.entry;
    },
  };
}
