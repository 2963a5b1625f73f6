/**
 * The few system calls that Node has no API for: SO_ORIGINAL_DST, network namespaces, and a socket made in one.
 * Linux only.
 */
import { cLibrary } from './c-library.ts';

type Pointer = Uint8Array | Uint32Array;

interface Libc {
  readonly getsockopt: (fd: number, level: number, option: number, value: Pointer, length: Uint32Array) => number;
  readonly setns: (fd: number, kind: number) => number;
  readonly unshare: (flags: number) => number;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly connect: (fd: number, address: Uint8Array, length: number) => number;
  readonly errno: () => number;
}

const CLONE_NEWNET = 0x4000_0000;
const SOL_IP = 0;
const SOL_IPV6 = 41;
const SO_ORIGINAL_DST = 80; // IP6T_SO_ORIGINAL_DST has the same number
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0x800 | 0x80000;
const EALREADY = 114;
const EINPROGRESS = 115;
const EISCONN = 106;
const ECONNREFUSED = 111;

let loaded: Libc | undefined;

/** The C library of this process. Its functions run on the calling thread, which namespaces depend on. */
function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const { koffi, library } = cLibrary();
  loaded = {
    getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
    setns: library.func('int setns(int, int)'),
    unshare: library.func('int unshare(int)'),
    socket: library.func('int socket(int, int, int)'),
    connect: library.func('int connect(int, void *, uint32_t)'),
    errno: () => koffi.errno(),
  };
  return loaded;
}

const sockaddr = new Uint8Array(28);
const sockaddrLength = new Uint32Array(1);

function ipv6Text(bytes: Uint8Array): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/**
 * Where a redirected connection was going before REDIRECT changed its destination.
 *
 * `fd` is an accepted TCP socket's descriptor, `isIpv6` its family; a v4-mapped connection on a dual-stack
 * socket is answered either way. Undefined where the kernel tracked no such connection.
 */
export function originalDestination(fd: number, isIpv6: boolean): { host: string; port: number } | undefined {
  const { getsockopt } = libc();
  if (isIpv6) {
    sockaddrLength[0] = 28;
    if (getsockopt(fd, SOL_IPV6, SO_ORIGINAL_DST, sockaddr, sockaddrLength) === 0) {
      return { host: ipv6Text(sockaddr.subarray(8, 24)), port: portOf(sockaddr) };
    }
  }
  sockaddrLength[0] = 16;
  if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, sockaddr, sockaddrLength) !== 0) return undefined;
  return { host: sockaddr.subarray(4, 8).join('.'), port: portOf(sockaddr) };
}

function portOf(address: Uint8Array): number {
  return ((address[2] ?? 0) << 8) | (address[3] ?? 0);
}

function failed(call: string): Error {
  return new Error(`${call} failed with errno ${libc().errno()}`);
}

/** Puts the calling thread into a new, empty network namespace. Needs root. */
export function unshareNetwork(): void {
  if (libc().unshare(CLONE_NEWNET) !== 0) throw failed('unshare(CLONE_NEWNET)');
}

/** Puts the calling thread into the network namespace that the descriptor `fd` names. Needs root. */
export function enterNetwork(fd: number): void {
  if (libc().setns(fd, CLONE_NEWNET) !== 0) throw failed('setns(CLONE_NEWNET)');
}

/** A new non-blocking TCP socket in the calling thread's network namespace, where it stays; its descriptor. */
export function tcpSocket(isIpv6: boolean): number {
  const fd = libc().socket(isIpv6 ? AF_INET6 : AF_INET, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw failed('socket');
  return fd;
}

/**
 * Starts, or asks after, connecting a non-blocking socket to an IPv4 address in dotted form.
 *
 * Call again until it is no longer `pending`.
 */
export function connectSocket(fd: number, host: string, port: number): 'connected' | 'pending' | 'refused' {
  const { connect, errno } = libc();
  const address = Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, ...host.split('.').map(Number), 0, 0, 0, 0, 0, 0, 0, 0);
  if (connect(fd, address, address.length) === 0) return 'connected';
  const code = errno();
  if (code === EISCONN) return 'connected';
  if (code === EINPROGRESS || code === EALREADY) return 'pending';
  if (code === ECONNREFUSED) return 'refused';
  throw failed(`connect to ${host}:${port}`);
}
