import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { PairedConnection } from '../../net/connection-pair.ts';

/** How looking at a connection's first bytes ended. */
export type PeekEnd = 'decided' | 'timeout' | 'closed';

/**
 * Reads the first bytes of a paused socket, or of a connection within the process that nobody reads yet, until `decide` has seen enough, then puts them back. `decide` gets all bytes so
 * far and says how many of them to take away, mostly none, or undefined where it needs more; it must decide within a
 * bounded number of bytes. A client that says nothing is waited for `timeoutMs` (0: for ever), since its server may be the one that speaks first.
 */
export function peek(
  source: Socket | PairedConnection,
  timeoutMs: number,
  decide: (bytes: Uint8Array) => number | undefined,
  done: (end: PeekEnd) => void,
): void {
  if (isPaired(source)) peekPaired(source, timeoutMs, decide, done);
  else peekSocket(source, timeoutMs, decide, done);
}

/** True for an end of a connection within the process. */
export function isPaired(source: Socket | PairedConnection): source is PairedConnection {
  return 'isPaired' in source;
}

function peekPaired(
  connection: PairedConnection,
  timeoutMs: number,
  decide: (bytes: Uint8Array) => number | undefined,
  done: (end: PeekEnd) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const finish = (end: PeekEnd): void => {
    clearTimeout(timer);
    connection.unread(bytes);
    done(end);
  };
  const timer = timeoutMs > 0 ? setTimeout(() => finish('timeout'), timeoutMs) : undefined;
  connection.read({
    onData(chunk) {
      bytes = Buffer.concat([bytes, chunk]);
      const taken = decide(bytes);
      if (taken === undefined) return;
      bytes = bytes.subarray(taken);
      finish('decided');
    },
    onEnd: () => finish('closed'),
    onDrain() {},
    onClose() {},
  });
}

function peekSocket(
  socket: Socket,
  timeoutMs: number,
  decide: (bytes: Uint8Array) => number | undefined,
  done: (end: PeekEnd) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const finish = (end: PeekEnd): void => {
    clearTimeout(timer);
    socket.off('readable', take);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    if (bytes.length > 0 && end !== 'closed') socket.unshift(bytes);
    done(end);
  };
  const onEnd = (): void => finish('closed');
  const take = (): void => {
    const chunk: unknown = socket.read();
    if (!(chunk instanceof Uint8Array)) return;
    bytes = bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([bytes, chunk]);
    const taken = decide(bytes);
    if (taken === undefined) return;
    bytes = bytes.subarray(taken);
    finish('decided');
  };
  const timer = timeoutMs > 0 ? setTimeout(() => finish('timeout'), timeoutMs) : undefined;
  socket.on('readable', take);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  if (socket.readableLength > 0) take();
}
