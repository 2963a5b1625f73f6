/** Connections over sockets of Node, plain and TLS, which read into the shared buffer where possible. */
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import { reportBug } from '../core/bugs.ts';
import type { NetAddress } from './address.ts';
import type { Connection, ConnectionHandlers } from './connection.ts';
import { onReadOption, type ReadTarget, rehome, sharesReads, shareTlsReads } from './shared-read.ts';
import { WriteQueue } from './write-queue.ts';

const dirty: SocketConnection[] = [];
let depth = 0;
let isFlushQueued = false;

/**
 * A part of a large body waits for what the same turn of the event loop may still read: TLS gives 16 KiB at a time, and
 * each would be a write of its own.
 */
function flushDirty(): void {
  isFlushQueued = false;
  for (const connection of dirty) {
    if (connection.hasPartOfBody) gather(connection);
    else connection.flush();
  }
  dirty.length = 0;
}

/** Connections that gather their writes, or have parts of bodies. */
let gathering: SocketConnection[] = [];

function flushGathering(): void {
  const connections = gathering;
  // what a flush makes others write is the next turn's
  gathering = [];
  for (const connection of connections) connection.flush();
}

function gather(connection: SocketConnection): void {
  if (gathering.length === 0) setImmediate(flushGathering);
  gathering.push(connection);
}

/**
 * Runs a callback of a socket; what it writes, to whatever connection, goes out when it returns, one write each. An
 * exception ends the connection and nothing else.
 */
function inTurn(connection: SocketConnection, run: () => void): void {
  depth++;
  try {
    run();
  } catch (error) {
    connection.destroy('bug', true);
    reportBug(error);
  } finally {
    depth--;
    if (depth === 0 && dirty.length > 0) flushDirty();
  }
}

function errorCode(error: Error): string {
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' && code.startsWith('E') && !code.startsWith('ERR_') ? code : error.message;
}

const NO_HANDLERS: ConnectionHandlers = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

class SocketConnection implements Connection, ReadTarget {
  #socket: net.Socket;
  #handlers = NO_HANDLERS;
  #isReading = false;
  #isDirty = false;
  #isGathering = false;
  #beforeWrite: (() => void) | undefined = undefined;
  #isEnding = false;
  #hasRoom = true;
  #isPaused = false;
  #error: string | undefined = undefined;
  #early: Uint8Array[] | undefined = undefined;
  /** The peer has ended its side, and not all that it sent before was given. */
  #isEndEarly = false;
  /** The socket has closed as it should, before that. */
  #isCloseEarly = false;
  #local: NetAddress | undefined;
  #remote: NetAddress | undefined;
  readonly #queue = new WriteQueue();
  isClosed = false;
  afterClose: (() => void) | undefined = undefined;

  constructor(socket: net.Socket, local?: NetAddress, remote?: NetAddress) {
    this.#socket = socket;
    this.#local = local;
    this.#remote = remote;
  }

  get local(): NetAddress {
    return (this.#local ??= { host: this.#socket.localAddress ?? '', port: this.#socket.localPort ?? 0 });
  }

  get remote(): NetAddress {
    return (this.#remote ??= { host: this.#socket.remoteAddress ?? '', port: this.#socket.remotePort ?? 0 });
  }

  get pendingBytes(): number {
    return this.#queue.bytes + this.#socket.writableLength;
  }

  /** A large body's bytes are to be written, but no more than a write may well have. */
  get hasPartOfBody(): boolean {
    return this.#queue.isLarge && this.#queue.bytes < this.#socket.writableHighWaterMark;
  }

  /** Takes over a socket: `isShared` where it reads into the shared buffer by itself. */
  attach(socket: net.Socket, isShared: boolean): void {
    this.#socket = socket;
    // Paused first, for a listener of 'data' would make it flow.
    socket.pause();
    if (!isShared) socket.on('data', (bytes: Uint8Array) => this.onRead(bytes));
    socket.on('end', () => {
      if (this.#early === undefined) inTurn(this, () => this.#handlers.onEnd());
      else this.#isEndEarly = true;
    });
    socket.on('drain', () => {
      this.#hasRoom = true;
      inTurn(this, () => this.#handlers.onDrain());
    });
    socket.on('error', (error) => {
      this.#error ??= errorCode(error);
    });
    socket.on('close', () => this.#closed());
    if (this.#isReading && !this.#isPaused) socket.resume();
  }

  /** Bytes that were read before this connection had the socket. */
  addEarly(bytes: Uint8Array): void {
    (this.#early ??= []).push(bytes);
  }

  /** As `onRead`, for a socket that may give bytes when it is paused: they are kept. */
  onReadWhenever(bytes: Uint8Array): void {
    if (this.#isPaused || !this.#isReading || this.#early !== undefined) this.addEarly(new Uint8Array(bytes));
    else this.onRead(bytes);
  }

  onRead(bytes: Uint8Array): void {
    depth++;
    try {
      this.#handlers.onData(bytes);
    } catch (error) {
      this.destroy('bug', true);
      reportBug(error);
    } finally {
      depth--;
      if (depth === 0 && dirty.length > 0) flushDirty();
    }
  }

  read(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#isReading) return;
    this.#isReading = true;
    if (this.#isPaused) return;
    if (this.#early === undefined) this.#socket.resume();
    else queueMicrotask(() => this.#giveEarly());
  }

  writeText(text: string): boolean {
    if (this.isClosed || this.#isEnding) return true;
    this.#queue.addText(text);
    return this.#written();
  }

  writeBytes(bytes: Uint8Array, isBorrowed: boolean): boolean {
    if (this.isClosed || this.#isEnding) return true;
    this.#queue.addBytes(bytes, isBorrowed);
    return this.#written();
  }

  gatherWrites(beforeWrite?: () => void): void {
    this.#isGathering = true;
    this.#beforeWrite = beforeWrite;
  }

  end(): void {
    if (this.isClosed || this.#isEnding) return;
    this.flush();
    this.#isEnding = true;
    this.#socket.end();
  }

  destroy(reason?: string, reset = false): void {
    if (this.isClosed) return;
    this.#error ??= reason;
    if (!reset) this.flush();
    this.#queue.clear();
    this.#early = undefined;
    this.#isEndEarly = false;
    // only a bare TCP socket has something to reset: Node throws for TLS and for Unix sockets
    if (reset && !(this.#socket instanceof TLSSocket) && this.#socket.remoteAddress !== undefined) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    // the socket has closed before, and says so no more
    if (this.#isCloseEarly) queueMicrotask(() => this.#closed());
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#early !== undefined || this.#isEndEarly) queueMicrotask(() => this.#giveEarly());
    else if (this.#isReading) this.#socket.resume();
  }

  flush(): void {
    // what it adds is written here, and needs no flush of its own
    if (this.#isDirty) this.#beforeWrite?.();
    this.#isDirty = false;
    if (this.isClosed || this.#socket.destroyed) this.#queue.clear();
    else if (this.#queue.bytes > 0) {
      // A large write is refused by its size alone even where the kernel has taken all of it.
      this.#hasRoom = this.#queue.flush(this.#socket) || this.#socket.writableLength === 0;
    }
  }

  #written(): boolean {
    if (!this.#isDirty) {
      this.#isDirty = true;
      if (this.#isGathering) gather(this);
      else {
        dirty.push(this);
        if (depth === 0 && !isFlushQueued) {
          isFlushQueued = true;
          queueMicrotask(flushDirty);
        }
      }
    }
    // A lot of bytes in one turn: hand them over now, so that the answer tells whether the kernel takes them.
    if (this.#queue.bytes > this.#socket.writableHighWaterMark) this.flush();
    return this.#hasRoom;
  }

  #giveEarly(): void {
    while (this.#early !== undefined && !this.#isPaused && !this.isClosed) {
      const bytes = this.#early.shift();
      if (this.#early.length === 0) this.#early = undefined;
      if (bytes !== undefined) this.onRead(bytes);
    }
    if (this.#isPaused || this.isClosed) return;
    this.#socket.resume();
    if (this.#isEndEarly) {
      this.#isEndEarly = false;
      inTurn(this, () => this.#handlers.onEnd());
    }
    if (this.#isCloseEarly) this.#closed();
  }

  #closed(): void {
    if (this.isClosed) return;
    this.#isCloseEarly = this.#error === undefined && (this.#early !== undefined || this.#isEndEarly);
    if (this.#isCloseEarly) return;
    this.isClosed = true;
    this.#queue.clear();
    inTurn(this, () => this.#handlers.onClose(this.#error));
    this.afterClose?.();
  }
}

/**
 * A connection over an accepted plain socket, which nobody else may use afterwards. Bytes that were read already, or
 * put back by `unshift`, are given first. `local` and `remote` spare a system call where they are known.
 */
export function acceptConnection(socket: net.Socket, local?: NetAddress, remote?: NetAddress): Connection {
  const connection = new SocketConnection(socket, local, remote);
  socket.pause();
  socket.setNoDelay(true);
  takeBuffered(socket, connection);
  const shared = rehome(socket, connection);
  connection.attach(shared ?? socket, shared !== undefined);
  return connection;
}

function takeBuffered(socket: net.Socket, connection: SocketConnection): void {
  while (socket.readableLength > 0) {
    const bytes: unknown = socket.read();
    if (!(bytes instanceof Uint8Array)) return;
    connection.addEarly(bytes);
  }
}

/** A connection over a TLS socket whose handshake is done (server's or client's side). */
export function wrapTls(socket: TLSSocket, local?: NetAddress, remote?: NetAddress): Connection {
  const connection = new SocketConnection(socket, local, remote);
  socket.pause();
  takeBuffered(socket, connection);
  connection.attach(socket, shareTlsReads(socket, { onRead: (bytes) => connection.onReadWhenever(bytes) }));
  return connection;
}

export interface TcpOptions {
  /** Time to connect in milliseconds; 0 for none. */
  readonly timeoutMs: number;
  /** Source address to bind. */
  readonly bind?: string;
  /** Quiet time before TCP keep-alive probes, in milliseconds; 0 or absent: none. */
  readonly keepAliveMs?: number;
}

/** `onClose` tells of a failure to connect too: error `connection timeout`, or the system's code. */
export type ConnectHandlers = ConnectionHandlers & { onConnect(connection: Connection): void };

/** Connects to an address or a Unix socket. */
export function connectTcp(address: NetAddress, options: TcpOptions, handlers: ConnectHandlers): void {
  const target: ReadTarget = { onRead() {} };
  const isShared = sharesReads();
  const where = address.host.startsWith('/')
    ? { path: address.host }
    : { host: address.host, port: address.port, ...(options.bind === undefined ? {} : { localAddress: options.bind }) };
  const socket = net.connect({
    ...where,
    allowHalfOpen: true,
    noDelay: true,
    ...(options.keepAliveMs ? { keepAlive: true, keepAliveInitialDelay: options.keepAliveMs } : {}),
    ...(isShared ? { onread: onReadOption(target) } : {}),
  });
  const connection = new SocketConnection(socket, undefined, address);
  target.onRead = (bytes) => connection.onRead(bytes);
  connection.attach(socket, isShared);
  const timer =
    options.timeoutMs > 0 ? setTimeout(() => connection.destroy('connection timeout'), Math.max(1, options.timeoutMs)) : undefined;
  connection.read({
    ...NO_HANDLERS,
    onClose: (error) => {
      clearTimeout(timer);
      handlers.onClose(error ?? 'connection closed');
    },
  });
  socket.once('connect', () => {
    clearTimeout(timer);
    connection.read(handlers);
    inTurn(connection, () => handlers.onConnect(connection));
  });
}
