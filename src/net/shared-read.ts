/**
 * Reading plain sockets into one buffer that the whole process shares: no buffer is allocated per read, which is a
 * quarter of a small request's cost. `onread` is documented for outgoing sockets; an accepted one has to be built
 * anew around its handle, which is the one use of undocumented fields in this code base. Where that
 * field is missing, or `TULLE_READ=data` is set, sockets are read by 'data' events.
 */
import { Buffer } from 'node:buffer';
import net from 'node:net';

const READ_BYTES = 64 * 1024;
const buffer = Buffer.allocUnsafeSlow(READ_BYTES);

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
    buffer,
    callback(bytesRead, bytes) {
      target.onRead(bytesRead === bytes.length ? bytes : bytes.subarray(0, bytesRead));
      return true;
    },
  };
}

/** Whether sockets are to be read into the shared buffer. */
export function sharesReads(): boolean {
  return process.env['TULLE_READ'] !== 'data';
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
