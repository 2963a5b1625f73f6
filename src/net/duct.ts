import type { Buffer } from 'node:buffer';
import type { NetAddress } from './address.ts';

/** What takes a queue's bytes. */
export interface ByteSink {
  /** Writes a latin1 string (one byte a character). */
  writeText(text: string): void;
  /** Writes the parts as one; the slabs among them are released once the kernel has taken all. */
  writeParts(parts: readonly Uint8Array[], slabs: readonly Buffer[]): void;
}

/** What a duct calls back, one after the other and never inside a call of its own methods. */
export interface DuctOwner {
  onRead(bytes: Uint8Array): void;
  onDuctEnd(): void;
  /** Nothing is left of what was written; after `end` always, when our side has ended. */
  onDuctDrain(): void;
  /** It breaks: a short cause; `onDuctClose` follows. */
  onDuctError(cause: string): void;
  onDuctClose(): void;
}

/** A stream of bytes as the system gives it, below what a Connection makes of it: a TCP handle, or a socket of Node's. */
export interface Duct extends ByteSink {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  readonly isDestroyed: boolean;
  /** Bytes that were written and that the kernel has not taken. */
  readonly pendingBytes: number;
  resume(): void;
  pause(): void;
  /** Ends our side after what was written. */
  end(): void;
  destroy(): void;
  /** As `destroy`, with a reset to the peer where there is such a thing. */
  reset(): void;
}
