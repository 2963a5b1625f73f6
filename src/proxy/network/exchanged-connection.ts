import type { NetAddress } from '../../net/address.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import { readFrame } from '../telemetry/exchange-frame.ts';
import type { PeerMetadata } from '../telemetry/peer-metadata.ts';
import type { ExchangeStats } from './exchange-settings.ts';

/** How the two ends of a connection tell each other who they are. */
export interface Exchange {
  /** Our frame. */
  readonly own: Uint8Array;
  readonly stats: ExchangeStats;
  /** Called once: the peer's metadata, undefined where it tells nothing. */
  readonly onPeer: (peer: PeerMetadata | undefined) => void;
}

/**
 * A connection whose first bytes, each way, are a frame of `istio.metadata_exchange` that its user does not see. Ours goes
 * before the first bytes that either end says, so that neither waits for the other.
 */
export class ExchangedConnection implements Connection, ConnectionHandlers {
  readonly #inner: Connection;
  readonly #exchange: Exchange;
  #handlers: ConnectionHandlers | undefined = undefined;
  /** Undefined once the peer's frame is read. */
  #unread: Buffer | undefined = Buffer.alloc(0);
  #hasSent = false;

  constructor(inner: Connection, exchange: Exchange) {
    this.#inner = inner;
    this.#exchange = exchange;
  }

  get local(): NetAddress {
    return this.#inner.local;
  }

  get remote(): NetAddress {
    return this.#inner.remote;
  }

  get isClosed(): boolean {
    return this.#inner.isClosed;
  }

  get pendingBytes(): number {
    return this.#inner.pendingBytes;
  }

  get afterClose(): (() => void) | undefined {
    return this.#inner.afterClose;
  }

  set afterClose(callback: (() => void) | undefined) {
    this.#inner.afterClose = callback;
  }

  read(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    // nothing is left to do here for what comes
    this.#inner.read(this.#unread === undefined ? handlers : this);
  }

  writeText(text: string): boolean {
    this.#send();
    return this.#inner.writeText(text);
  }

  writeBytes(bytes: Uint8Array, isBorrowed: boolean): boolean {
    this.#send();
    return this.#inner.writeBytes(bytes, isBorrowed);
  }

  gatherWrites(beforeWrite?: () => void): void {
    this.#inner.gatherWrites(beforeWrite);
  }

  end(): void {
    this.#send();
    this.#inner.end();
  }

  limitBuffer(bytes: number): void {
    this.#inner.limitBuffer?.(bytes);
  }

  destroy(reason?: string, reset?: boolean): void {
    this.#inner.destroy(reason, reset);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  onData(bytes: Uint8Array): void {
    this.#send();
    if (this.#unread === undefined) return this.#handlers?.onData(bytes);
    // what is read is borrowed
    const unread = Buffer.concat([this.#unread, bytes]);
    this.#unread = unread;
    const frame = readFrame(unread);
    if (frame.kind === 'too-long') return this.#inner.destroy('metadata_exchange_too_long');
    if (frame.kind === 'read') this.#told(frame.peer, unread.subarray(frame.bytes), frame.bytes === 0);
  }

  #told(peer: PeerMetadata | undefined, rest: Uint8Array, isNoFrame: boolean): void {
    const { stats, onPeer } = this.#exchange;
    if (peer === undefined) stats[isNoFrame ? 'initial_header_not_found' : 'header_not_found'].value++;
    this.#unread = undefined;
    onPeer(peer);
    if (this.#handlers === undefined) return;
    this.#inner.read(this.#handlers);
    if (rest.length > 0) this.#handlers.onData(rest);
  }

  onEnd(): void {
    if (this.#unread !== undefined) this.#told(undefined, this.#unread, true);
    this.#handlers?.onEnd();
  }

  onDrain(): void {
    this.#handlers?.onDrain();
  }

  onClose(error: string | undefined): void {
    if (this.#unread !== undefined) this.#exchange.onPeer(undefined);
    this.#unread = undefined;
    this.#handlers?.onClose(error);
  }

  #send(): void {
    if (this.#hasSent) return;
    this.#hasSent = true;
    this.#exchange.stats.metadata_added.value++;
    this.#inner.writeBytes(this.#exchange.own, false);
  }
}
