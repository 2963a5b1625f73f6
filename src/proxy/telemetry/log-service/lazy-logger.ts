import type { StreamInfo } from '../../http/stream-info.ts';

/** Writes one entry. */
export interface WriteEntry {
  (info: StreamInfo): void;
  /** It is told of streams that last while they do, too. */
  readonly tellsOpen?: true;
}

/** Streams that are kept while the code for their entries is loaded, some milliseconds. */
const MAX_KEPT = 1024;

/** A writer whose code is loaded when there is one: configurations without it do not pay for it. */
export function lazyLogger(load: () => Promise<WriteEntry>): WriteEntry {
  let kept: StreamInfo[] | undefined = [];
  let write: WriteEntry | undefined;
  let isLoading = false;
  return (info) => {
    if (write !== undefined) return write(info);
    if (kept !== undefined && kept.length < MAX_KEPT) kept.push(info);
    if (isLoading) return;
    isLoading = true;
    void load().then((loaded) => {
      write = loaded;
      const all = kept ?? [];
      kept = undefined;
      all.forEach(loaded);
    });
  };
}
