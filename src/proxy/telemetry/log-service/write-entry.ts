import type { StreamInfo } from '../../http/stream-info.ts';

/** Writes one entry. */
export interface WriteEntry {
  (info: StreamInfo): void;
  /** It is told of streams that last while they do, too. */
  readonly tellsOpen?: true;
}
