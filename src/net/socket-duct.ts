import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { NetAddress } from './address.ts';
import type { Duct, DuctOwner } from './duct.ts';
import { releaseSlabs } from './slabs.ts';
import { localOf, remoteOf } from './socket-ends.ts';
import { describeTlsError, isTlsError } from './tls-error.ts';

function errorCode(error: Error): string {
  if (isTlsError(error)) return `TLS_error:|${describeTlsError(error)}`;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' && code.startsWith('E') && !code.startsWith('ERR_') ? code : error.message;
}

/** A socket of Node's: TLS, Unix sockets, and TCP where handles are not to be had. */
export class SocketDuct implements Duct {
  readonly #socket: Socket;
  readonly #owner: DuctOwner;

  /** `isShared`: it reads into the shared buffer by itself, and calls `onRead`. */
  constructor(socket: Socket, owner: DuctOwner, isShared: boolean) {
    this.#socket = socket;
    this.#owner = owner;
    // Paused first, for a listener of 'data' would make it flow.
    socket.pause();
    if (!isShared) socket.on('data', (bytes: Uint8Array) => owner.onRead(bytes));
    socket.on('end', () => owner.onDuctEnd());
    socket.on('drain', () => owner.onDuctDrain());
    socket.on('error', (error) => owner.onDuctError(errorCode(error)));
    socket.on('close', () => owner.onDuctClose());
  }

  get local(): NetAddress {
    return localOf(this.#socket);
  }

  get remote(): NetAddress {
    return remoteOf(this.#socket);
  }

  get isDestroyed(): boolean {
    return this.#socket.destroyed;
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  resume(): void {
    this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  writeText(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  writeParts(parts: readonly Uint8Array[], slabs: readonly Buffer[]): void {
    // after an error it is not known who still reads them
    const done = (error?: Error | null): void => void (error ?? releaseSlabs(slabs));
    const last = parts.length - 1;
    if (last > 0) this.#socket.cork();
    for (const [i, part] of parts.entries()) this.#socket.write(part, i === last ? done : undefined);
    if (last > 0) this.#socket.uncork();
  }

  end(): void {
    this.#socket.end(() => this.#owner.onDuctDrain());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    // only a bare TCP socket has something to reset: Node throws for TLS and for Unix sockets. A TLSSocket is `encrypted`
    if ('encrypted' in this.#socket || this.#socket.remoteAddress === undefined) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }
}
