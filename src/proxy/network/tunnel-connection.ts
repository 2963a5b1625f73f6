/**
 * What a tunnel by CONNECT (or POST) carries, as a Connection: writing is the request's body, reading the response's, and
 * the end of either is a half-close. Its bytes wait where the stream's do: nothing is kept here.
 */
import { type NetAddress, NOWHERE, parseAddress } from '../../net/address.ts';
import { type Connection, type ConnectionHandlers, NO_HANDLERS } from '../../net/connection.ts';
import type { UpstreamStream } from '../cluster/http-upstream.ts';

export class TunnelConnection implements Connection {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  isClosed = false;
  afterClose: (() => void) | undefined = undefined;
  #handlers = NO_HANDLERS;
  readonly #stream: UpstreamStream;
  readonly #onGone: () => void;
  #hasEnded = false;
  #isPeerDone = false;
  #isOver = false;

  /** The peer has accepted the tunnel on `stream`. `onGone` is called once, when it is over. */
  constructor(stream: UpstreamStream, remote: NetAddress, onGone: () => void) {
    this.#stream = stream;
    this.#onGone = onGone;
    this.local = parseAddress(stream.localAddress) ?? NOWHERE;
    this.remote = remote;
  }

  /** The stream's own connection holds what is not written yet, for all its streams together. */
  get pendingBytes(): number {
    return 0;
  }

  read(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  writeText(text: string): boolean {
    return this.writeBytes(Buffer.from(text, 'latin1'), false);
  }

  writeBytes(bytes: Uint8Array, _isBorrowed: boolean): boolean {
    return this.#isOver || this.#hasEnded || this.#stream.sendData(bytes);
  }

  /** Streams of HTTP/2 are gathered by the connection that they share. */
  gatherWrites(): void {}

  end(): void {
    if (this.#isOver || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stream.sendEnd(undefined);
    if (this.#isPeerDone) this.#finish(undefined);
  }

  destroy(reason?: string): void {
    if (this.#isOver) return;
    this.#stream.destroy();
    this.#finish(reason);
  }

  pause(): void {
    if (!this.#isOver) this.#stream.pause();
  }

  resume(): void {
    if (!this.#isOver) this.#stream.resume();
  }

  /** From the stream's reader: bytes of the peer. */
  receive(bytes: Uint8Array): void {
    if (!this.#isOver) this.#handlers.onData(bytes);
  }

  /** The peer takes bytes again. */
  drained(): void {
    if (!this.#isOver) this.#handlers.onDrain();
  }

  /** The peer has ended its side. */
  peerEnded(): void {
    if (this.#isOver) return;
    this.#isPeerDone = true;
    this.#handlers.onEnd();
    if (this.#hasEnded) this.#finish(undefined);
  }

  /** The stream was reset, or its connection has gone. */
  broken(reason: string | undefined): void {
    this.#finish(reason);
  }

  /** Told in a microtask, as sockets tell later. */
  #finish(error: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onGone();
    queueMicrotask(() => {
      this.isClosed = true;
      this.#handlers.onClose(error);
      this.afterClose?.();
    });
  }
}
