/**
 * Whether anybody still reads what a descriptor writes. Node says so only with the next write: of a pipe, which nothing
 * is read of, it watches nothing meanwhile.
 */
import { cLibrary } from './c-library.ts';

type Poll = (fds: Uint8Array, count: number, timeoutMs: number) => number;

const POLLERR = 0x8;
const POLLHUP = 0x10;

let loaded: Poll | undefined;

function poll(): Poll {
  loaded ??= cLibrary().library.func('int poll(_Inout_ void *, unsigned long, int)');
  return loaded;
}

/** True where `fd` is a pipe or a socket whose other end is closed. Throws where the C library cannot be called. */
export function isReaderGone(fd: number): boolean {
  // struct pollfd: int fd, short events, short revents; these two events come unasked
  const asked = Buffer.alloc(8);
  asked.writeInt32LE(fd, 0);
  return poll()(asked, 1, 0) > 0 && (asked.readUInt16LE(6) & (POLLERR | POLLHUP)) !== 0;
}
