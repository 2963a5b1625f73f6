import { timersOf } from '../../timers.ts';
import { Batch, type SendBatch } from '../batch.ts';
import { unsentOf } from '../unsent.ts';
import type { LogScope } from './settings.ts';

/** Bytes that wait above which entries are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Requests under way above which entries wait. */
const MAX_REQUESTS = 8;

/** When entries are sent. */
interface EntryLimits {
  readonly flushIntervalMs: number;
  /** Bytes above which entries are sent at once; 0: each by itself. */
  readonly bufferBytes: number;
}

/** Takes encoded entries for a log service, to which `send` sends them. `statPrefix`: of what is counted of them. */
export function batchEntries(
  { flushIntervalMs, bufferBytes }: EntryLimits,
  statPrefix: string,
  scope: LogScope,
  send: SendBatch<Uint8Array>,
): (entry: Uint8Array) => void {
  const stats = scope.stats.scope(statPrefix);
  const dropped = stats.counter('logs_dropped');
  const batch = new Batch(
    {
      flushIntervalMs,
      flushWeight: bufferBytes,
      maxWeight: MAX_WAITING_BYTES,
      maxRequests: MAX_REQUESTS,
      timers: timersOf(scope.clock),
      unsent: unsentOf(scope.clusters),
      stats: { taken: stats.counter('logs_written'), dropped, lost: dropped },
    },
    send,
  );
  return (entry) => batch.add(entry, entry.length);
}
