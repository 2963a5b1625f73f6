/**
 * Node's own TCP handles, below its sockets: a socket of Node's costs more than everything that a TCP proxy does with it
 * (`npm run bench -- --only tcp`: 260 us a connection with sockets). They are what `process.binding` gives, which is
 * documented as deprecated and there to stay; where it is missing, or `TULLE_SOCKETS=node` is set, sockets are used.
 */
import type { NetAddress } from './address.ts';

/** A request to a handle; the fields are ours until it is done. */
export interface HandleRequest {
  oncomplete?: (status: number) => void;
}

/** A TCP handle. Methods give 0, or a negative error number. */
export interface TcpHandle {
  onread: unknown;
  readonly fd: number;
  bind(host: string, port: number): number;
  bind6(host: string, port: number, flags: number): number;
  connect(request: HandleRequest, host: string, port: number): number;
  connect6(request: HandleRequest, host: string, port: number): number;
  getsockname(out: { address?: string; port?: number }): number;
  getpeername(out: { address?: string; port?: number }): number;
  setNoDelay(isOn: boolean): number;
  setKeepAlive(isOn: boolean, delayS: number, intervalS: number, probes: number): number;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  shutdown(request: HandleRequest): number;
  writeBuffer(request: HandleRequest, bytes: Uint8Array): number;
  writeLatin1String(request: HandleRequest, text: string): number;
  writev(request: HandleRequest, parts: readonly Uint8Array[], areBuffers: true): number;
  close(callback?: () => void): void;
  reset(callback: () => void): number;
}

/** What a call leaves behind about the last read or write, by index. */
interface StreamState {
  readonly values: Int32Array;
  readonly readBytes: number;
  readonly bytesWritten: number;
  readonly wasAsync: number;
}

export interface TcpBinding {
  createHandle(): TcpHandle;
  connectRequest(): HandleRequest;
  writeRequest(): HandleRequest;
  shutdownRequest(): HandleRequest;
  isHandle(value: unknown): value is TcpHandle;
  readonly state: StreamState;
}

type Constructor<T> = new (...args: unknown[]) => T;

/** Errors of libuv: `UV_EOF`, `UV_ENOTCONN`. */
export const END_OF_FILE = -4095;
export const NOT_CONNECTED = -107;

function binding(name: string): object | undefined {
  const find: unknown = Reflect.get(process, 'binding');
  if (typeof find !== 'function') return undefined;
  try {
    const found: unknown = Reflect.apply(find, process, [name]);
    return typeof found === 'object' && found !== null ? found : undefined;
  } catch {
    return undefined;
  }
}

function constructorOf<T>(from: object, name: string, isOne: (value: unknown) => value is Constructor<T>): Constructor<T> | undefined {
  const value: unknown = Reflect.get(from, name);
  return isOne(value) ? value : undefined;
}

function isConstructor<T>(value: unknown): value is Constructor<T> {
  return typeof value === 'function';
}

function readState(from: object): StreamState | undefined {
  const values: unknown = Reflect.get(from, 'streamBaseState');
  const index = (name: string): number => Number(Reflect.get(from, name));
  const state = { readBytes: index('kReadBytesOrError'), bytesWritten: index('kBytesWritten'), wasAsync: index('kLastWriteWasAsync') };
  return values instanceof Int32Array && Object.values(state).every(Number.isInteger) ? { values, ...state } : undefined;
}

/** The kind of a TCP handle that is no server's. Source: Node, tcp_wrap.h. */
const SOCKET = 0;

const METHODS = ['readStart', 'readStop', 'useUserBuffer', 'shutdown', 'writeBuffer', 'writeLatin1String', 'writev', 'close', 'reset'];

function load(): TcpBinding | undefined {
  const tcp = binding('tcp_wrap');
  const stream = binding('stream_wrap');
  if (tcp === undefined || stream === undefined) return undefined;
  const Handle = constructorOf<TcpHandle>(tcp, 'TCP', isConstructor);
  const ConnectRequest = constructorOf<HandleRequest>(tcp, 'TCPConnectWrap', isConstructor);
  const WriteRequest = constructorOf<HandleRequest>(stream, 'WriteWrap', isConstructor);
  const ShutdownRequest = constructorOf<HandleRequest>(stream, 'ShutdownWrap', isConstructor);
  const state = readState(stream);
  if (!Handle || !ConnectRequest || !WriteRequest || !ShutdownRequest || !state) return undefined;
  if (METHODS.some((name) => typeof Reflect.get(Handle.prototype, name) !== 'function')) return undefined;
  return {
    createHandle: () => new Handle(SOCKET),
    connectRequest: () => new ConnectRequest(),
    writeRequest: () => new WriteRequest(),
    shutdownRequest: () => new ShutdownRequest(),
    isHandle: (value): value is TcpHandle => value instanceof Handle,
    state,
  };
}

const loaded = load();

let isUsed = process.env['TULLE_SOCKETS'] !== 'node';

/** The binding, or undefined where sockets of Node's have to do. */
export function tcpBinding(): TcpBinding | undefined {
  return isUsed ? loaded : undefined;
}

/** Has later connections use handles, or sockets of Node's: for tests of both. */
export function useTcpBinding(isOn: boolean): void {
  isUsed = isOn;
}

/** Where addresses are put: V8 adds no fields to an object that has them. */
const found: { address?: string; family?: string; port?: number } = { address: '', family: '', port: 0 };

/** One end's address, by a system call. */
export function addressBy(call: 'getsockname' | 'getpeername', handle: TcpHandle): NetAddress {
  const isFound = handle[call](found) === 0;
  return { host: (isFound && found.address) || '', port: (isFound && found.port) || 0 };
}
