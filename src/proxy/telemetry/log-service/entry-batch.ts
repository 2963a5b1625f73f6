import { timersOf } from '../../timers.ts';
import { Batch, type BatchOptions, type SendBatch } from '../batch.ts';
import { unsentOf } from '../unsent.ts';
import type { LogScope, LogStats } from './settings.ts';

/** Bytes that wait above which entries are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** When entries are sent. */
interface EntryLimits {
  readonly flushIntervalMs: number;
  /** Bytes above which entries are sent at once; 0: each by itself. */
  readonly bufferBytes: number;
}

/** Entries for a log service, to which `send` sends them; `maxUnderWay` and `finish` are those of `Batch`. */
export function entryBatch(
  { flushIntervalMs, bufferBytes }: EntryLimits,
  { clock, clusters }: LogScope,
  { taken, dropped }: LogStats,
  maxUnderWay: BatchOptions['maxUnderWay'],
  send: SendBatch,
  finish?: () => void,
): Batch {
  return new Batch(
    {
      flushIntervalMs,
      flushWeight: bufferBytes,
      maxWeight: MAX_WAITING_BYTES,
      maxUnderWay,
      timers: timersOf(clock),
      unsent: unsentOf(clusters),
      stats: { taken, dropped, lost: dropped },
    },
    send,
    finish,
  );
}
