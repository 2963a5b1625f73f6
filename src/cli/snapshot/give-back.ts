/**
 * Gives back what a process keeps of its start-up snapshot.
 *
 * Node reads a snapshot into memory of the process's own and keeps it: V8 may look at it again when it makes a context.
 * A file beside the snapshot has the same bytes, as they lie in memory. Where they are mapped from that file instead, the
 * kernel holds no page of them until someone looks, and then one that all processes share: 9.6 of 82 MiB.
 *
 * Source: mmap(2), proc(5): maps and mem. glibc: a large piece of memory is a mapping of its own, and what was asked for
 * begins 16 bytes after its beginning.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** What stands before a large piece of memory that glibc gives. */
export const BEFORE_BYTES = 16;

const PAGE_BYTES = 4096;
const SLICE_BYTES = 1 << 16;
const PROBE_BYTES = 64;
const READ_WRITE = 1 | 2;
const MAP_PRIVATE_FIXED = 0x02 | 0x10;

type Mmap = (address: number, bytes: number, access: number, flags: number, fd: number, offset: number) => number;

interface Library {
  readonly func: (declaration: string) => Mmap;
}

function isLoader(value: unknown): value is { load(file: null): Library } {
  return typeof value === 'object' && value !== null && 'load' in value && typeof value.load === 'function';
}

/** koffi's native part, in the nearest folder of packages: to ask Node for it by name takes 7 MiB of Node's own pages. */
function nativeFile(): string | undefined {
  const file = `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  let folder = path.dirname(path.resolve(process.argv[1] ?? ''));
  while (!existsSync(path.join(folder, file))) {
    if (folder === path.dirname(folder)) return undefined;
    folder = path.dirname(folder);
  }
  return path.join(folder, file);
}

function loadMmap(): Mmap {
  const native = nativeFile();
  const module: { exports: unknown } = { exports: {} };
  if (native === undefined) module.exports = createRequire(import.meta.url)('koffi');
  else process.dlopen(module, native);
  if (!isLoader(module.exports)) throw new Error('koffi is not what is expected');
  return module.exports.load(null).func('intptr_t mmap(intptr_t, size_t, int, int, int, int64_t)');
}

/** Reads all that fits into a buffer; false where there is less. */
const reads = (fd: number, into: Buffer, position: number): boolean => readSync(fd, into, 0, into.length, position) === into.length;

/** Where memory of this process begins that may hold so many bytes: what is its own, may be written and has no name. */
function* placesFor(bytes: number): Generator<number> {
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *$/.exec(line) ?? [];
    const end = Number.parseInt(to ?? '', 16) - bytes;
    for (let place = Number.parseInt(from ?? '', 16); place <= end; place += PAGE_BYTES) yield place;
  }
}

function find(file: number, memory: number, bytes: number): number | undefined {
  const first = Buffer.alloc(PROBE_BYTES);
  const there = Buffer.alloc(PROBE_BYTES);
  if (!reads(file, first, BEFORE_BYTES)) return undefined;
  for (const place of placesFor(bytes)) if (reads(memory, there, place + BEFORE_BYTES) && there.equals(first)) return place;
  return undefined;
}

/**
 * Whether whole pages of a file are what is in memory at `place`; lets others work between slices. With two buffers: what
 * it left behind would stay.
 */
async function isSame(file: number, memory: number, place: number, bytes: number): Promise<boolean> {
  const buffers = [Buffer.allocUnsafeSlow(SLICE_BYTES), Buffer.allocUnsafeSlow(SLICE_BYTES)] as const;
  for (let at = PAGE_BYTES; at < bytes; at += SLICE_BYTES) {
    const [expected, there] = [buffers[0].subarray(0, bytes - at), buffers[1].subarray(0, bytes - at)];
    if (!reads(file, expected, at) || !reads(memory, there, place + at) || !there.equals(expected)) return false;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return true;
}

async function replace(file: number, memory: number): Promise<boolean> {
  const { size } = fstatSync(file);
  const place = find(file, memory, size);
  // what shares a page with it stays
  const bytes = size - (size % PAGE_BYTES);
  if (place === undefined || !(await isSame(file, memory, place, bytes))) return false;
  const start = place + PAGE_BYTES;
  return loadMmap()(start, bytes - PAGE_BYTES, READ_WRITE, MAP_PRIVATE_FIXED, file, PAGE_BYTES) === start;
}

/**
 * Maps what this process keeps of its snapshot from the file in the place of memory; the file has `BEFORE_BYTES` of
 * anything first. Resolves to whether it was so. Where it cannot be, all stays as it is.
 */
export async function giveBack(name: string): Promise<boolean> {
  const open: number[] = [];
  try {
    for (const file of [name, '/proc/self/mem']) open.push(openSync(file, 'r'));
    const [file, memory] = open;
    return file !== undefined && memory !== undefined && (await replace(file, memory));
  } catch {
    return false;
  } finally {
    open.forEach((fd) => closeSync(fd));
  }
}
