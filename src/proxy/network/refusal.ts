/**
 * How a filter before the terminal one refuses a connection: it leaves why, for whoever counts and logs the connection,
 * and closes it, perhaps later.
 */
import { timerMs } from '../../core/timer-limit.ts';
import type { Connection } from '../../net/connection.ts';
import type { DownstreamConnection } from '../listener/connection.ts';

export interface Refusal {
  /** Bit set over RESPONSE_FLAGS. */
  readonly flags: number;
  /** %CONNECTION_TERMINATION_DETAILS%; '' for none. */
  readonly details: string;
  /** %DOWNSTREAM_LOCAL_CLOSE_REASON%; '' for none. */
  readonly reason: string;
}

const REFUSAL = Symbol('refusal');

function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'flags' in value && 'details' in value && 'reason' in value;
}

/** Why a connection was refused; undefined where it was not. */
export function refusalOf({ memo }: DownstreamConnection): Refusal | undefined {
  const value = memo.get(REFUSAL);
  return isRefusal(value) ? value : undefined;
}

/** Refuses a connection: at once, or after `delayMs`, during which its client hears and is heard nothing. Gives false, as a handler has to. */
export function refuse(
  connection: Connection,
  { memo }: DownstreamConnection,
  { flags = 0, details = '', reason = '', delayMs = 0 }: Partial<Refusal> & { readonly delayMs?: number },
): false {
  memo.set(REFUSAL, { flags, details, reason });
  if (delayMs === 0) {
    connection.destroy(details || reason);
    return false;
  }
  const timer = setTimeout(() => connection.destroy(details || reason), timerMs(delayMs));
  connection.read({ onData() {}, onEnd: () => connection.destroy(), onDrain() {}, onClose: () => clearTimeout(timer) });
  return false;
}
