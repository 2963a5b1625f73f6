/**
 * Two connections in one process, each other's peers: what one writes the other reads, without a socket. Bytes go from
 * the writer's buffer straight to the reader's `onData`; they are kept only for a reader that is paused, or that is
 * itself in the middle of writing.
 *
 *   write ──▶ peer reads: onData at once, nothing copied
 *         └─▶ peer is paused, or is writing itself: kept (copied where borrowed), given later; false above the mark
 *
 * Ends and closes are told in a microtask, after what was written before them.
 */
import { reportBug } from '../core/bugs.ts';
import type { NetAddress } from './address.ts';
import { type Connection, type ConnectionHandlers, NO_HANDLERS } from './connection.ts';

/** Bytes kept for a paused reader above which its writer is told to wait. */
const HIGH_WATER_BYTES = 65_536;

/** An end of a pair, whose first bytes may be looked at before it gets its reader. */
export interface PairedConnection extends Connection {
  readonly isPaired: true;
  /** Gives back what was read: nobody reads the connection now, and whoever does next gets `bytes` first. */
  unread(bytes: Uint8Array): void;
}

/** Who waits for a pair's server side. One of the two is called, once, in a microtask. */
export interface PairWatch {
  /** Somebody reads it: bytes can flow. */
  onTaken(): void;
  /** It was closed before, with this reason. */
  onRefused(reason: string): void;
}

class PairEnd implements PairedConnection {
  readonly isPaired = true;
  readonly local: NetAddress;
  readonly remote: NetAddress;
  isClosed = false;
  afterClose: (() => void) | undefined = undefined;
  #peer: PairEnd = this;
  #handlers = NO_HANDLERS;
  #isReading = false;
  #isPaused = false;
  /** Our owner is inside a call of `write…`: what comes back waits until it is out. */
  #writing = 0;
  /** Our owner is inside one of its handlers. */
  #isReceiving = false;
  /** Kept for our owner. */
  readonly #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #isPumpQueued = false;
  /** The peer was told to wait. */
  #owesDrain = false;
  #hasEnded = false;
  #isEndDue = false;
  #wasEndTold = false;
  /** Set once the connection is over; told after what is in the inbox. */
  #close: { readonly error: string | undefined } | undefined = undefined;
  /** Gathered writes. */
  #outbox: Uint8Array[] | undefined = undefined;
  #outboxBytes = 0;
  #isFlushQueued = false;
  #beforeWrite: (() => void) | undefined = undefined;
  #watch: PairWatch | undefined = undefined;

  constructor(local: NetAddress, remote: NetAddress) {
    this.local = local;
    this.remote = remote;
  }

  join(peer: PairEnd, watch?: PairWatch): void {
    this.#peer = peer;
    this.#watch = watch;
  }

  get pendingBytes(): number {
    return this.#outboxBytes + this.#peer.#inboxBytes;
  }

  read(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#isReading = true;
    this.#taken();
    this.#pumpSoon();
  }

  unread(bytes: Uint8Array): void {
    this.#handlers = NO_HANDLERS;
    this.#isReading = false;
    this.#isPaused = false;
    if (bytes.length === 0) return;
    this.#inbox.unshift(bytes);
    this.#inboxBytes += bytes.length;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#taken();
    this.#pumpSoon();
  }

  writeText(text: string): boolean {
    return this.writeBytes(Buffer.from(text, 'latin1'), false);
  }

  writeBytes(bytes: Uint8Array, isBorrowed: boolean): boolean {
    if (this.isClosed || this.#hasEnded || this.#close !== undefined || bytes.length === 0) return true;
    if (this.#outbox !== undefined) return this.#gather(bytes, isBorrowed);
    return this.#send(bytes, isBorrowed);
  }

  gatherWrites(beforeWrite?: () => void): void {
    this.#outbox = [];
    this.#beforeWrite = beforeWrite;
  }

  end(): void {
    if (this.isClosed || this.#hasEnded || this.#close !== undefined) return;
    this.#flush();
    this.#hasEnded = true;
    this.#peer.#endDue();
    if (this.#peer.#hasEnded) this.#closeBoth();
  }

  destroy(reason?: string, reset = false): void {
    if (this.isClosed || this.#close !== undefined) return;
    this.#refused(reason);
    if (!reset) this.#flush();
    this.#drop();
    this.#finish(reason);
    const peer = this.#peer;
    if (peer.isClosed || peer.#close !== undefined) return;
    if (reset) {
      peer.#drop();
      peer.#finish('ECONNRESET');
    } else {
      if (!this.#hasEnded) peer.#endDue();
      peer.#finish(undefined);
    }
  }

  #taken(): void {
    const watch = this.#watch;
    if (watch === undefined || !this.#isReading || this.#isPaused) return;
    this.#watch = undefined;
    queueMicrotask(() => watch.onTaken());
  }

  #refused(reason: string | undefined): void {
    const watch = this.#watch;
    if (watch === undefined) return;
    this.#watch = undefined;
    queueMicrotask(() => watch.onRefused(reason ?? 'connection closed'));
  }

  #send(bytes: Uint8Array, isBorrowed: boolean): boolean {
    const peer = this.#peer;
    this.#writing++;
    try {
      if (peer.#canReceive) peer.#give(bytes);
      else peer.#keep(isBorrowed ? new Uint8Array(bytes) : bytes);
    } finally {
      this.#writing--;
    }
    if (!peer.#isPaused && peer.#isReading && peer.#inboxBytes < HIGH_WATER_BYTES) return true;
    peer.#owesDrain = true;
    return false;
  }

  #gather(bytes: Uint8Array, isBorrowed: boolean): boolean {
    this.#outbox?.push(isBorrowed ? new Uint8Array(bytes) : bytes);
    this.#outboxBytes += bytes.length;
    if (!this.#isFlushQueued) {
      this.#isFlushQueued = true;
      setImmediate(() => this.#flush());
    }
    if (this.pendingBytes < HIGH_WATER_BYTES) return true;
    this.#peer.#owesDrain = true;
    return false;
  }

  /** Sends what was gathered. */
  #flush(): void {
    if (this.#outbox === undefined || (!this.#isFlushQueued && this.#outbox.length === 0)) return;
    if (!this.isClosed && this.#close === undefined) this.#beforeWrite?.();
    this.#isFlushQueued = false;
    const pieces = this.#outbox;
    this.#outbox = [];
    this.#outboxBytes = 0;
    if (this.isClosed || this.#close !== undefined || this.#hasEnded) return;
    const [first] = pieces;
    if (first !== undefined) this.#send(pieces.length === 1 ? first : Buffer.concat(pieces), false);
    if (this.#peer.#owesDrain) this.#peer.#pumpSoon();
  }

  get #canReceive(): boolean {
    return (
      this.#isReading &&
      !this.#isPaused &&
      this.#inbox.length === 0 &&
      this.#writing === 0 &&
      !this.#isReceiving &&
      this.#close === undefined
    );
  }

  #keep(bytes: Uint8Array): void {
    this.#inbox.push(bytes);
    this.#inboxBytes += bytes.length;
    this.#pumpSoon();
  }

  #endDue(): void {
    this.#isEndDue = true;
    this.#pumpSoon();
  }

  #closeBoth(): void {
    this.#finish(undefined);
    this.#peer.#finish(undefined);
  }

  #finish(error: string | undefined): void {
    this.#close ??= { error };
    this.#pumpSoon();
  }

  /** Whoever has closed, or was reset, reads no more. */
  #drop(): void {
    this.#inbox.length = 0;
    this.#inboxBytes = 0;
    this.#isEndDue = false;
    this.#isPaused = false;
    this.#isReading = true;
  }

  #pumpSoon(): void {
    if (this.#isPumpQueued || this.isClosed) return;
    this.#isPumpQueued = true;
    queueMicrotask(() => this.#pump());
  }

  /** Gives what is due: bytes, the peer's end, room to write, the close. */
  #pump(): void {
    this.#isPumpQueued = false;
    while (this.#inbox.length > 0 && this.#isReading && !this.#isPaused) {
      const bytes = this.#inbox.shift();
      if (bytes === undefined) break;
      this.#inboxBytes -= bytes.length;
      this.#give(bytes);
    }
    if (this.isClosed || !this.#isReading || this.#isPaused || this.#inbox.length > 0) return;
    if (this.#isEndDue && !this.#wasEndTold) {
      this.#wasEndTold = true;
      this.#call(() => this.#handlers.onEnd());
    }
    if (this.#owesDrain && this.#peer.#outboxBytes < HIGH_WATER_BYTES) {
      this.#owesDrain = false;
      this.#peer.#drained();
    }
    if (this.#close !== undefined) this.#closed(this.#close.error);
  }

  #drained(): void {
    if (!this.isClosed && this.#close === undefined) this.#call(() => this.#handlers.onDrain());
  }

  #closed(error: string | undefined): void {
    this.isClosed = true;
    this.#outbox = undefined;
    this.#outboxBytes = 0;
    this.#call(() => this.#handlers.onClose(error));
    this.afterClose?.();
  }

  #give(bytes: Uint8Array): void {
    this.#isReceiving = true;
    try {
      this.#handlers.onData(bytes);
    } catch (error) {
      this.destroy('bug', true);
      reportBug(error);
    } finally {
      this.#isReceiving = false;
    }
  }

  #call(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.destroy('bug', true);
      reportBug(error);
    }
  }
}

/**
 * A pair of connections, `client` to `server`. The addresses are what the two say of themselves: the client's own, and
 * where the server stands. `watch` is told what becomes of the server's side.
 */
export function connectionPair(
  client: NetAddress,
  server: NetAddress,
  watch?: PairWatch,
): { readonly client: Connection; readonly server: PairedConnection } {
  const near = new PairEnd(client, server);
  const far = new PairEnd(server, client);
  near.join(far);
  far.join(near, watch);
  return { client: near, server: far };
}
