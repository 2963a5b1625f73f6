/**
 * A connection that was accepted and that nobody has taken yet: its first bytes can be looked at, and then it becomes a
 * Connection, or a socket of Node's for a TLS handshake.
 */
import { Buffer } from 'node:buffer';
import net from 'node:net';
import { timerMs } from '../core/timer-limit.ts';
import { acceptHandles } from './accept-handles.ts';
import type { NetAddress } from './address.ts';
import type { Connection } from './connection.ts';
import type { PairedConnection } from './connection-pair.ts';
import { acceptConnection, acceptHandle } from './socket-connection.ts';
import { localOf, remoteOf } from './socket-ends.ts';
import { descriptorOf } from './socket-handle.ts';
import { addressBy, type TcpHandle } from './tcp-binding.ts';

/** How looking at a connection's first bytes ended. */
export type PeekEnd = 'decided' | 'timeout' | 'closed';

export interface Incoming {
  /** The end of the accepting side, and the client's; a system call each. */
  readonly local: NetAddress;
  readonly remote: NetAddress;
  /** Its descriptor; undefined where it has none. */
  readonly fd: number | undefined;
  /**
   * Reads first bytes until `decide` has seen enough, and keeps them for whoever takes the connection. `decide` gets all
   * bytes so far and says how many of them to take away, mostly none, or undefined where it needs more; it must decide
   * within a bounded number of bytes. A client that says nothing is waited for `timeoutMs` (0: for ever), since its
   * server may be the one that speaks first.
   */
  peek(timeoutMs: number, decide: (bytes: Uint8Array) => number | undefined, done: (end: PeekEnd) => void): void;
  /** Takes it as a plain connection. The addresses spare system calls. */
  toConnection(local: NetAddress, remote: NetAddress): Connection;
  /** Takes it as a paused socket, with what was looked at still to be read; undefined where there is none to be had. */
  toSocket(): net.Socket | undefined;
  destroy(): void;
}

/** Looks at what `begin` reads, until `decide` has seen enough. */
function peekBy(
  source: { begin(take: (chunk: Uint8Array) => void, closed: () => void): void; stop(left: Uint8Array): void },
  timeoutMs: number,
  decide: (bytes: Uint8Array) => number | undefined,
  done: (end: PeekEnd) => void,
): void {
  let bytes: Uint8Array = new Uint8Array(0);
  let isDone = false;
  const finish = (end: PeekEnd): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    source.stop(bytes);
    done(end);
  };
  const take = (chunk: Uint8Array): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const taken = decide(bytes);
    if (taken === undefined) return;
    bytes = bytes.subarray(taken);
    finish('decided');
  };
  const timer = timeoutMs > 0 ? setTimeout(() => finish('timeout'), timerMs(timeoutMs)) : undefined;
  source.begin(take, () => finish('closed'));
}

class IncomingSocket implements Incoming {
  readonly #socket: net.Socket;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    // an error before somebody listens for it would end the process
    socket.on('error', () => {});
  }

  get local(): NetAddress {
    return localOf(this.#socket);
  }

  get remote(): NetAddress {
    return remoteOf(this.#socket);
  }

  get fd(): number | undefined {
    return descriptorOf(this.#socket);
  }

  peek(timeoutMs: number, decide: (bytes: Uint8Array) => number | undefined, done: (end: PeekEnd) => void): void {
    const socket = this.#socket;
    let onReadable = (): void => {};
    let onClosed = (): void => {};
    const source = {
      begin(take: (chunk: Uint8Array) => void, closed: () => void): void {
        onReadable = () => {
          const chunk: unknown = socket.read();
          if (chunk instanceof Uint8Array) take(chunk);
        };
        onClosed = closed;
        socket.on('readable', onReadable);
        socket.on('end', onClosed);
        socket.on('close', onClosed);
        if (socket.readableLength > 0) onReadable();
      },
      stop(left: Uint8Array): void {
        socket.off('readable', onReadable);
        socket.off('end', onClosed);
        socket.off('close', onClosed);
        if (left.length > 0 && !socket.destroyed) socket.unshift(left);
      },
    };
    peekBy(source, timeoutMs, decide, done);
  }

  toConnection(local: NetAddress, remote: NetAddress): Connection {
    return acceptConnection(this.#socket, local, remote);
  }

  toSocket(): net.Socket {
    return this.#socket;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** What a handle's `onread` is called with where it has no buffer of ours: nothing for an end. */
type OnRead = (bytes: ArrayBuffer | undefined) => void;

class IncomingHandle implements Incoming {
  readonly #handle: TcpHandle;
  #early: Uint8Array | undefined = undefined;
  #isClosed = false;

  constructor(handle: TcpHandle) {
    this.#handle = handle;
  }

  get local(): NetAddress {
    return addressBy('getsockname', this.#handle);
  }

  get remote(): NetAddress {
    return addressBy('getpeername', this.#handle);
  }

  get fd(): number | undefined {
    return this.#handle.fd < 0 ? undefined : this.#handle.fd;
  }

  peek(timeoutMs: number, decide: (bytes: Uint8Array) => number | undefined, done: (end: PeekEnd) => void): void {
    const handle = this.#handle;
    const before = this.#early;
    this.#early = undefined;
    const source = {
      begin: (take: (chunk: Uint8Array) => void, closed: () => void): void => {
        const onRead: OnRead = (bytes) => {
          if (bytes === undefined) closed();
          else take(new Uint8Array(bytes));
        };
        handle.onread = onRead;
        handle.readStart();
        if (before !== undefined) take(before);
      },
      stop: (left: Uint8Array): void => {
        if (!this.#isClosed) handle.readStop();
        if (left.length > 0) this.#early = left;
      },
    };
    peekBy(source, timeoutMs, decide, done);
  }

  toConnection(local: NetAddress, remote: NetAddress): Connection {
    return acceptHandle(this.#handle, this.#early, local, remote);
  }

  toSocket(): net.Socket {
    const options = { handle: this.#handle, allowHalfOpen: true, readable: true, writable: true, pauseOnCreate: true };
    const socket: net.Socket = Reflect.construct(net.Socket, [options]);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    if (this.#early !== undefined) socket.unshift(this.#early);
    return socket;
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handle.close();
  }
}

class IncomingPair implements Incoming {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  readonly fd = undefined;
  readonly #connection: PairedConnection;

  constructor(connection: PairedConnection) {
    this.#connection = connection;
    this.local = connection.local;
    this.remote = connection.remote;
  }

  peek(timeoutMs: number, decide: (bytes: Uint8Array) => number | undefined, done: (end: PeekEnd) => void): void {
    const connection = this.#connection;
    const source = {
      begin: (take: (chunk: Uint8Array) => void, closed: () => void): void =>
        connection.read({ onData: (chunk) => take(Buffer.from(chunk)), onEnd: closed, onDrain() {}, onClose() {} }),
      stop: (left: Uint8Array): void => connection.unread(left),
    };
    peekBy(source, timeoutMs, decide, done);
  }

  toConnection(): Connection {
    return this.#connection;
  }

  toSocket(): undefined {
    return undefined;
  }

  destroy(): void {
    this.#connection.destroy();
  }
}

/** One end of a connection within the process as an incoming connection. */
export function incomingPair(connection: PairedConnection): Incoming {
  return new IncomingPair(connection);
}

/** A paused socket as an incoming connection. */
function incomingSocket(socket: net.Socket): Incoming {
  return new IncomingSocket(socket);
}

/**
 * Gives every connection that a server accepts to `onIncoming`: by its handle where it is TCP and there are handles, else
 * by its socket. Call it once the server listens; it must have `pauseOnConnect` and `allowHalfOpen`.
 */
export function takeIncoming(server: net.Server, onIncoming: (incoming: Incoming) => void): void {
  acceptHandles(
    server,
    (handle) => onIncoming(new IncomingHandle(handle)),
    (socket) => onIncoming(incomingSocket(socket)),
  );
}
