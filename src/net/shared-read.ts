/**
 * Reading sockets into one buffer that the whole process shares: no buffer is allocated per read, which is a quarter of
 * a small request's cost, and more than half of a large body's over TLS. `onread` is documented for outgoing sockets; an
 * accepted one has to be built anew around its handle, and one of TLS has to be told after its handshake. Besides
 * tcp-binding.ts, tls-accept.ts and tls-context.ts these two are the only uses of undocumented fields in this code base.
 * Where those fields are missing, or `TULLE_READ=data` is set, sockets are read by 'data' events.
 */
import { Buffer } from 'node:buffer';
import net from 'node:net';
import type { TLSSocket } from 'node:tls';

/** As much as a read may give: with 64 KiB a large body costs a quarter more (`npm run bench -- --only tcp-bulk`). */
const READ_BYTES = 256 * 1024;
/** Where every read goes; what is in it holds until the callback that it is given to returns. */
export const sharedBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** Where a socket's bytes go; set once its reader is known. */
export interface ReadTarget {
  onRead: (bytes: Uint8Array) => void;
}

interface OnRead {
  buffer: Uint8Array;
  callback(bytesRead: number, bytes: Uint8Array): boolean;
}

/** The `onread` option that gives a target views of the shared buffer. */
export function onReadOption(target: ReadTarget): OnRead {
  return {
    buffer: sharedBuffer,
    callback(bytesRead, bytes) {
      target.onRead(bytesRead === bytes.length ? bytes : bytes.subarray(0, bytesRead));
      return true;
    },
  };
}

let isShared = process.env['TULLE_READ'] !== 'data';

/** Whether sockets are to be read into the shared buffer. */
export function sharesReads(): boolean {
  return isShared;
}

/** Has later connections read into the shared buffer, or not: for tests of both. */
export function shareReads(isOn: boolean): void {
  isShared = isOn;
}

/**
 * An accepted socket built anew so that it reads into the shared buffer, or undefined where that cannot be done. The
 * given socket must not be used afterwards. It must be paused, with nothing left in its buffer.
 */
export function rehome(socket: net.Socket, target: ReadTarget): net.Socket | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!sharesReads() || typeof handle !== 'object' || handle === null || socket.destroyed) return undefined;
  const options = { handle, allowHalfOpen: true, readable: true, writable: true, pauseOnCreate: true, onread: onReadOption(target) };
  const fresh: net.Socket = Reflect.construct(net.Socket, [options]);
  // The server counts its connections by what their sockets tell it when they close.
  for (const field of ['_server', 'server']) Reflect.set(fresh, field, Reflect.get(socket, field));
  Reflect.set(socket, '_handle', null);
  return fresh;
}

/** Fields where Node keeps what `onread` asked for; undefined where it has others. */
function onReadFields(): { buffer: symbol; callback: symbol } | undefined {
  const symbols = Object.getOwnPropertySymbols(new net.Socket());
  const named = (name: string): symbol | undefined => symbols.find((symbol) => symbol.description === name);
  const found = { buffer: named('kBuffer'), callback: named('kBufferCb') };
  return found.buffer === undefined || found.callback === undefined ? undefined : { buffer: found.buffer, callback: found.callback };
}

const FIELDS = onReadFields();

/**
 * Makes a TLS socket after its handshake read into the shared buffer, as if `onread` had been asked for when it was made.
 * It must be paused, with nothing left in its buffer. False where that cannot be done.
 *
 * Unlike a plain socket it may go on to give what was decrypted already after `pause`.
 */
export function shareTlsReads(socket: TLSSocket, target: ReadTarget): boolean {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (FIELDS === undefined || !sharesReads() || typeof handle !== 'object' || handle === null || socket.destroyed) return false;
  const useUserBuffer: unknown = Reflect.get(handle, 'useUserBuffer');
  if (typeof useUserBuffer !== 'function') return false;
  const option = onReadOption(target);
  Reflect.set(socket, FIELDS.buffer, option.buffer);
  Reflect.set(socket, FIELDS.callback, (bytesRead: number, bytes: Uint8Array) => option.callback(bytesRead, bytes));
  Reflect.apply(useUserBuffer, handle, [option.buffer]);
  return true;
}
