/** Waits for quiet, but not for ever. */

export interface Debounce {
  /** Something happened: run after `quietMs` without another, at the latest `maxMs` after the first. */
  trigger(): void;
  /** Runs now if something happened. */
  flush(): void;
  /** Forgets what happened. */
  cancel(): void;
}

/** Calls `run` once for a burst of triggers. */
export function debounce(run: () => void, quietMs: number, maxMs: number): Debounce {
  let quiet: NodeJS.Timeout | undefined;
  let limit: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    clearTimeout(quiet);
    clearTimeout(limit);
    quiet = undefined;
    limit = undefined;
  };
  const fire = (): void => {
    cancel();
    run();
  };
  return {
    trigger() {
      clearTimeout(quiet);
      quiet = setTimeout(fire, quietMs);
      limit ??= setTimeout(fire, maxMs);
    },
    flush() {
      if (quiet !== undefined) fire();
    },
    cancel,
  };
}
