/**
 * Descriptors from one process to another, over a Unix socket (SCM_RIGHTS, unix(7)), and copies of them within one.
 * Node has no API for it. Linux, 64 bits.
 */
import { cLibrary } from './c-library.ts';

interface MessageHeader {
  readonly name: null;
  readonly namelen: number;
  readonly iov: readonly { readonly base: Uint8Array; readonly len: number }[];
  readonly iovlen: number;
  readonly control: Uint8Array | null;
  readonly controllen: number;
  readonly flags: number;
}

interface Calls {
  readonly sendmsg: (fd: number, message: MessageHeader, flags: number) => number | bigint;
  readonly recvmsg: (fd: number, message: MessageHeader, flags: number) => number | bigint;
  readonly fcntl: (fd: number, command: number, value: number) => number;
  readonly close: (fd: number) => number;
  readonly errno: () => number;
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const F_DUPFD_CLOEXEC = 1030;
const EAGAIN = 11;
/** `sizeof(struct cmsghdr)`: a length of 8 bytes, level and type. */
const CONTROL_HEADER_BYTES = 16;
const FD_BYTES = 4;
/** Descriptors of one message; the kernel takes 253. */
const DESCRIPTORS_MAX = 64;

let loaded: Calls | undefined;

function calls(): Calls {
  if (loaded !== undefined) return loaded;
  const { koffi, library } = cLibrary();
  koffi.struct('tulle_iovec', { base: 'void *', len: 'size_t' });
  koffi.struct('tulle_msghdr', {
    name: 'void *',
    namelen: 'uint32_t',
    iov: 'tulle_iovec *',
    iovlen: 'size_t',
    control: 'void *',
    controllen: 'size_t',
    flags: 'int',
  });
  loaded = {
    sendmsg: library.func('int64_t sendmsg(int, tulle_msghdr *, int)'),
    recvmsg: library.func('int64_t recvmsg(int, _Inout_ tulle_msghdr *, int)'),
    fcntl: library.func('int fcntl(int, int, int)'),
    close: library.func('int close(int)'),
    errno: () => koffi.errno(),
  };
  return loaded;
}

function failed(call: string): Error {
  return new Error(`${call} failed with errno ${calls().errno()}`);
}

/** The size of a control message with its padding (CMSG_SPACE). */
function controlBytes(descriptors: number): number {
  return CONTROL_HEADER_BYTES + Math.ceil((descriptors * FD_BYTES) / 8) * 8;
}

function header(payload: Uint8Array, control: Uint8Array | null): MessageHeader {
  return {
    name: null,
    namelen: 0,
    iov: [{ base: payload, len: payload.length }],
    iovlen: 1,
    control,
    controllen: control?.length ?? 0,
    flags: 0,
  };
}

function rightsOf(descriptors: readonly number[]): Buffer {
  const control = Buffer.alloc(controlBytes(descriptors.length));
  control.writeBigUInt64LE(BigInt(CONTROL_HEADER_BYTES + descriptors.length * FD_BYTES), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  for (const [i, fd] of descriptors.entries()) control.writeInt32LE(fd, CONTROL_HEADER_BYTES + i * FD_BYTES);
  return control;
}

/**
 * Sends descriptors over the connected Unix socket `fd`, whose writes must all have gone out. They arrive with bytes of
 * `mark`, one for each message: the receiver learns by them that more comes.
 */
export function sendDescriptors(fd: number, descriptors: readonly number[], mark: number): void {
  for (let at = 0; at < descriptors.length; at += DESCRIPTORS_MAX) {
    const message = header(Uint8Array.of(mark), rightsOf(descriptors.slice(at, at + DESCRIPTORS_MAX)));
    if (Number(calls().sendmsg(fd, message, MSG_NOSIGNAL)) !== 1) throw failed('sendmsg');
  }
}

/** One byte of the Unix socket `fd` and the descriptors that came with it; undefined where nothing has come yet. Throws at its end. */
export function receiveDescriptors(fd: number): { readonly mark: number; readonly descriptors: readonly number[] } | undefined {
  const payload = new Uint8Array(1);
  const control = Buffer.alloc(controlBytes(DESCRIPTORS_MAX));
  const received = Number(calls().recvmsg(fd, header(payload, control), MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (received < 0 && calls().errno() === EAGAIN) return undefined;
  if (received < 0) throw failed('recvmsg');
  if (received === 0) throw new Error('the other process has ended');
  const descriptors: number[] = [];
  const end = control.readInt32LE(12) === SCM_RIGHTS ? Number(control.readBigUInt64LE(0)) : 0;
  for (let at = CONTROL_HEADER_BYTES; at < end; at += FD_BYTES) descriptors.push(control.readInt32LE(at));
  return { mark: payload[0] ?? 0, descriptors };
}

/** Another descriptor of the same open file. */
export function duplicateDescriptor(fd: number): number {
  const copy = calls().fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw failed('fcntl(F_DUPFD_CLOEXEC)');
  return copy;
}

/** Closes a descriptor that nobody has taken. */
export function closeDescriptor(fd: number): void {
  calls().close(fd);
}

/** Loads what `duplicateDescriptor` needs, while there is memory for it. */
export function prepareDescriptors(): void {
  calls();
}
