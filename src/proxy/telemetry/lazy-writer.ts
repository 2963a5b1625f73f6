import type { Unsent } from './unsent.ts';

/** Items that are kept while the code for them is loaded, some milliseconds. */
const MAX_KEPT = 1024;

/** What becomes of items before the code for them is there. */
export interface LazyOptions {
  /** An item is lost, for too many wait for the code. */
  readonly onLost: () => void;
  /** Where it stands while items wait for the code; undefined for who waits for its own writers. */
  readonly unsent?: Set<Unsent> | undefined;
}

/** A writer whose code is loaded with the first item: configurations without one do not pay for it. */
export function lazyWriter<Item>(load: () => Promise<(item: Item) => void>, { onLost, unsent }: LazyOptions): (item: Item) => void {
  let write: ((item: Item) => void) | undefined;
  let kept: Item[] = [];
  const waiting: Unsent = {
    get size() {
      return kept.length;
    },
    flush() {},
    giveUp() {
      kept.forEach(onLost);
      kept = [];
      unsent?.delete(waiting);
    },
  };
  return (item) => {
    if (write !== undefined) return write(item);
    if (kept.length >= MAX_KEPT) return onLost();
    kept.push(item);
    if (kept.length > 1) return;
    unsent?.add(waiting);
    void load().then((loaded) => {
      write = loaded;
      const all = kept;
      kept = [];
      all.forEach(loaded);
      unsent?.delete(waiting);
    });
  };
}
