/** Connections over TCP handles and over sockets of Node, plain and TLS, which read into the shared buffer where possible. */
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { timerMs } from '../core/timer-limit.ts';
import { type NetAddress, NOWHERE } from './address.ts';
import { type KeepAlive, setKeepAlive } from './keep-alive.ts';
import { type Connection, type ConnectionHandlers, NO_HANDLERS } from './connection.ts';
import type { Duct, DuctOwner } from './duct.ts';
import { dialHandle } from './handle-dial.ts';
import { HandleDuct } from './handle-duct.ts';
import { onReadOption, type ReadTarget, rehome, sharesReads, shareTlsReads } from './shared-read.ts';
import { SocketDuct } from './socket-duct.ts';
import { type TcpHandle, tcpBinding } from './tcp-binding.ts';
import { flushSoon, gather, inTurn, readInTurn } from './turn.ts';
import { WriteQueue } from './write-queue.ts';

/** A write should have no more. */
const WRITE_BYTES = 262_144;
/** Bytes that the kernel has not taken above which writers are told to wait, where nobody says otherwise. */
const BUFFER_LIMIT_BYTES = 262_144;

/** Stands for the duct of a connection that has none yet. */
const NO_DUCT: Duct = {
  local: NOWHERE,
  remote: NOWHERE,
  isDestroyed: true,
  pendingBytes: 0,
  writeText() {},
  writeParts() {},
  resume() {},
  pause() {},
  end() {},
  destroy() {},
  reset() {},
};

const tellEnd = (handlers: ConnectionHandlers): void => handlers.onEnd();
const tellDrain = (handlers: ConnectionHandlers): void => handlers.onDrain();

class SocketConnection implements Connection, ReadTarget, DuctOwner {
  static readonly #tellClose = (connection: SocketConnection): void => connection.#handlers.onClose(connection.#error);
  #duct = NO_DUCT;
  #handlers = NO_HANDLERS;
  #isReading = false;
  #isDirty = false;
  #isGathering = false;
  #beforeWrite: (() => void) | undefined = undefined;
  #isEnding = false;
  #hasRoom = true;
  #isPaused = false;
  #bufferLimitBytes = BUFFER_LIMIT_BYTES;
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

  constructor(local?: NetAddress, remote?: NetAddress) {
    this.#local = local;
    this.#remote = remote;
  }

  get local(): NetAddress {
    return (this.#local ??= this.#duct.local);
  }

  get remote(): NetAddress {
    return (this.#remote ??= this.#duct.remote);
  }

  get pendingBytes(): number {
    return this.#queue.bytes + this.#duct.pendingBytes;
  }

  get hasPartOfBody(): boolean {
    return this.#queue.isLarge && this.#queue.bytes < WRITE_BYTES;
  }

  /** Takes over a duct, which calls this connection. */
  attach(duct: Duct): void {
    this.#duct = duct;
    if (this.#isReading && !this.#isPaused) duct.resume();
  }

  onDuctEnd(): void {
    if (this.#early === undefined) inTurn(this, tellEnd, this.#handlers);
    else this.#isEndEarly = true;
  }

  onDuctDrain(): void {
    this.#hasRoom = true;
    inTurn(this, tellDrain, this.#handlers);
  }

  onDuctError(cause: string): void {
    this.#error ??= cause;
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
    readInTurn(this, this.#handlers, bytes);
  }

  read(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#isReading) return;
    this.#isReading = true;
    if (this.#isPaused) return;
    if (this.#early === undefined) this.#duct.resume();
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
    this.#duct.end();
  }

  destroy(reason?: string, reset = false): void {
    if (this.isClosed) return;
    this.#error ??= reason;
    if (!reset) this.flush();
    this.#queue.clear();
    this.#early = undefined;
    this.#isEndEarly = false;
    if (reset) this.#duct.reset();
    else this.#duct.destroy();
    // the socket has closed before, and says so no more
    if (this.#isCloseEarly) queueMicrotask(() => this.onDuctClose());
  }

  pause(): void {
    this.#isPaused = true;
    this.#duct.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#early !== undefined || this.#isEndEarly) queueMicrotask(() => this.#giveEarly());
    else if (this.#isReading) this.#duct.resume();
  }

  flush(): void {
    // what it adds is written here, and needs no flush of its own
    if (this.#isDirty) this.#beforeWrite?.();
    this.#isDirty = false;
    if (this.isClosed || this.#duct.isDestroyed) this.#queue.clear();
    else if (this.#queue.bytes > 0) {
      this.#queue.flush(this.#duct);
      this.#hasRoom = this.#duct.pendingBytes < this.#bufferLimitBytes;
    }
  }

  limitBuffer(bytes: number): void {
    this.#bufferLimitBytes = Math.max(1, bytes);
  }

  #written(): boolean {
    if (!this.#isDirty) {
      this.#isDirty = true;
      if (this.#isGathering) gather(this);
      else flushSoon(this);
    }
    // A lot of bytes in one turn: hand them over now, so that the answer tells whether the kernel takes them.
    if (this.#queue.bytes > WRITE_BYTES) this.flush();
    return this.#hasRoom;
  }

  #giveEarly(): void {
    while (this.#early !== undefined && !this.#isPaused && !this.isClosed) {
      const bytes = this.#early.shift();
      if (this.#early.length === 0) this.#early = undefined;
      if (bytes !== undefined) this.onRead(bytes);
    }
    if (this.#isPaused || this.isClosed) return;
    this.#duct.resume();
    if (this.#isEndEarly) {
      this.#isEndEarly = false;
      inTurn(this, tellEnd, this.#handlers);
    }
    if (this.#isCloseEarly) this.onDuctClose();
  }

  onDuctClose(): void {
    if (this.isClosed) return;
    this.#isCloseEarly = this.#error === undefined && (this.#early !== undefined || this.#isEndEarly);
    if (this.#isCloseEarly) return;
    this.isClosed = true;
    this.#queue.clear();
    inTurn(this, SocketConnection.#tellClose, this);
    this.afterClose?.();
  }
}

/**
 * A connection over an accepted plain socket, which nobody else may use afterwards. Bytes that were read already, or
 * put back by `unshift`, are given first. `local` and `remote` spare a system call where they are known.
 */
export function acceptConnection(socket: net.Socket, local?: NetAddress, remote?: NetAddress): Connection {
  const connection = new SocketConnection(local, remote);
  socket.pause();
  socket.setNoDelay(true);
  takeBuffered(socket, connection);
  const shared = rehome(socket, connection);
  connection.attach(new SocketDuct(shared ?? socket, connection, shared !== undefined));
  return connection;
}

/** As `acceptConnection` for an accepted handle that is not being read, and delays nothing; `early` was read from it before. */
export function acceptHandle(handle: TcpHandle, early: Uint8Array | undefined, local?: NetAddress, remote?: NetAddress): Connection {
  const binding = tcpBinding();
  if (binding === undefined) throw new Error('there are no handles');
  const connection = new SocketConnection(local, remote);
  if (early !== undefined) connection.addEarly(early);
  connection.attach(new HandleDuct(binding, handle, connection));
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
  const connection = new SocketConnection(local, remote);
  socket.pause();
  takeBuffered(socket, connection);
  const isShared = shareTlsReads(socket, { onRead: (bytes) => connection.onReadWhenever(bytes) });
  connection.attach(new SocketDuct(socket, connection, isShared));
  return connection;
}

export interface TcpOptions {
  /** Time to connect in milliseconds; 0 for none. */
  readonly timeoutMs: number;
  /** Source address to bind. */
  readonly bind?: string | undefined;
  /** TCP keep-alive; absent: none. */
  readonly keepAlive?: KeepAlive | undefined;
  /** What keeps the time to connect, where that is to cost less than a timer of Node's; absent: Node. */
  readonly deadlines?: Deadlines | undefined;
}

/** Timers that are mostly cancelled. */
interface Deadlines {
  after(delayMs: number, callback: () => void): object;
  cancel(timer: object | undefined): void;
}

const NODE_DEADLINES: Deadlines = {
  after: (delayMs, callback) => setTimeout(callback, timerMs(delayMs)),
  cancel(timer: NodeJS.Timeout | undefined) {
    clearTimeout(timer);
  },
};

/** `onClose` tells of a failure to connect too: error `connection timeout`, or the system's code. */
export type ConnectHandlers = ConnectionHandlers & { onConnect(connection: Connection): void };

/** Connects by a socket of Node's; calls back once it is. */
function dialSocket(address: NetAddress, options: TcpOptions, connection: SocketConnection, onConnect: () => void): void {
  const target: ReadTarget = { onRead: (bytes) => connection.onRead(bytes) };
  const isShared = sharesReads();
  const where = address.host.startsWith('/')
    ? { path: address.host }
    : { host: address.host, port: address.port, ...(options.bind === undefined ? {} : { localAddress: options.bind }) };
  const socket = net.connect({
    ...where,
    allowHalfOpen: true,
    noDelay: true,
    ...(isShared ? { onread: onReadOption(target) } : {}),
  });
  if (options.keepAlive !== undefined) setKeepAlive(socket, options.keepAlive);
  connection.attach(new SocketDuct(socket, connection, isShared));
  socket.once('connect', onConnect);
}

/** An IP address rather than a path, without the cost of `net.isIP` for each connection. */
function isIpText(host: string): boolean {
  const first = host.charCodeAt(0);
  return (first >= 0x30 && first <= 0x39) || host.includes(':');
}

/** A connection on its way: it reads nothing yet, and only its end is told. */
class Dialling implements ConnectionHandlers {
  readonly #connection: SocketConnection;
  readonly #handlers: ConnectHandlers;
  readonly #deadlines: Deadlines;
  readonly #timer: object | undefined;

  constructor(connection: SocketConnection, { timeoutMs, deadlines = NODE_DEADLINES }: TcpOptions, handlers: ConnectHandlers) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#deadlines = deadlines;
    this.#timer = timeoutMs > 0 ? deadlines.after(Math.max(1, timeoutMs), () => connection.destroy('connection timeout')) : undefined;
    connection.read(this);
  }

  connected(): void {
    const handlers = this.#handlers;
    this.#deadlines.cancel(this.#timer);
    this.#connection.read(handlers);
    inTurn(this.#connection, (connection) => handlers.onConnect(connection), this.#connection);
  }

  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}

  onClose(error: string | undefined): void {
    this.#deadlines.cancel(this.#timer);
    this.#handlers.onClose(error ?? 'connection closed');
  }
}

/** Connects to an address or a Unix socket. */
export function connectTcp(address: NetAddress, options: TcpOptions, handlers: ConnectHandlers): void {
  const connection = new SocketConnection(undefined, address);
  const dialling = new Dialling(connection, options, handlers);
  const onConnect = (): void => dialling.connected();
  const binding = tcpBinding();
  if (binding === undefined || !isIpText(address.host)) dialSocket(address, options, connection, onConnect);
  else connection.attach(dialHandle(binding, address, options, connection, onConnect));
}
