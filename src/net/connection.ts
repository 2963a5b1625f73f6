import type { NetAddress } from './address.ts';

/**
 * A byte stream over TCP or TLS with back-pressure, as everything above sockets sees it.
 *
 * Reading: bytes given to `onData` are borrowed: they live in a buffer that is used again when the callback returns;
 * keep a copy of what is needed later.
 */
export interface Connection {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  /** Sets who reads; called once before any data flows, and again when a connection changes hands (upgrade). */
  read(handlers: ConnectionHandlers): void;
  /** Writes a latin1 string (one byte a character). False: above the high-water mark, wait for `onDrain`. */
  writeText(text: string): boolean;
  /** Writes bytes. `isBorrowed`: the caller's buffer will change after the call, so a copy is made where needed. */
  writeBytes(bytes: Uint8Array, isBorrowed: boolean): boolean;
  /**
   * From now on what is written leaves once a turn of the event loop, in one write, whosever callback it was written in:
   * for connections that many streams share. A delay of microseconds for each of them, and a system call for all.
   * `beforeWrite` is called before each of these writes, and may add to it.
   */
  gatherWrites(beforeWrite?: () => void): void;
  /** Ends our side after what was written (half-close); `onDrain` follows once all of it has left. */
  end(): void;
  /** Bytes that the kernel has not taken above which `write...` says false; 256 KiB unless said otherwise. */
  limitBuffer?(bytes: number): void;
  /** Closes at once; `reason` is kept for logs. With `reset` the peer gets RST. */
  destroy(reason?: string, reset?: boolean): void;
  pause(): void;
  resume(): void;
  readonly isClosed: boolean;
  /** Called once after the handlers' `onClose`: for who accepted the connection and counts it, whoever reads it. */
  afterClose?: (() => void) | undefined;
  /** Bytes written but not yet taken by the kernel. */
  readonly pendingBytes: number;
}

export interface ConnectionHandlers {
  onData(bytes: Uint8Array): void;
  /** The peer has ended its side. */
  onEnd(): void;
  onDrain(): void;
  /** Called once, last. `error` is a short cause (`ECONNRESET`, `certificate has expired`), or undefined for a clean close. */
  onClose(error: string | undefined): void;
}

/** Of a connection that nobody reads yet. */
export const NO_HANDLERS: ConnectionHandlers = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
