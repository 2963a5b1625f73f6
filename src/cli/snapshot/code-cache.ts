/**
 * Takes most of the compiled code of Node's own modules out of a start-up snapshot: two fifths of it, which every process
 * would read and keep. What V8 has compiled of our program, and of modules that are loaded, is in the heap itself, and
 * stays; `withoutCodeCache` of Node's configuration drops all of it.
 *
 * Source: Node 24, src/node_snapshotable.cc (SnapshotData::ToFile): a magic number, metadata that ends with flags, V8's
 * heap after its length in 4 bytes, what belongs to the isolate and the environment, and last the vector of compiled
 * modules. Numbers are little endian; a text or vector begins with its length in 8 bytes. Whoever uses the result tries
 * it first.
 */

const MAGIC = 0x143da19;
const LENGTH_BYTES = 8;
const MODULES_MAX = 2000;

/** A length that fits into what is left after it, or -1. */
function lengthAt(blob: Buffer, at: number): number {
  if (at + LENGTH_BYTES > blob.length || blob.readUInt32LE(at + 4) !== 0) return -1;
  const length = blob.readUInt32LE(at);
  return length <= blob.length - at - LENGTH_BYTES ? length : -1;
}

/** The end of a text or vector of bytes that begins at `at`, or -1. */
function endOf(blob: Buffer, at: number): number {
  const length = lengthAt(blob, at);
  return length < 0 ? -1 : at + LENGTH_BYTES + length;
}

/** A compiled module: its name, and where it is. */
interface Compiled {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The vector of compiled modules that begins at `at` and ends where the blob ends; undefined where there is none. */
function compiledAt(blob: Buffer, at: number): readonly Compiled[] | undefined {
  const count = lengthAt(blob, at);
  if (count < 1 || count > MODULES_MAX) return undefined;
  const all: Compiled[] = [];
  let start = at + LENGTH_BYTES;
  for (let i = 0; i < count; i++) {
    const nameEnd = endOf(blob, start);
    const end = nameEnd < 0 ? -1 : endOf(blob, nameEnd);
    if (end < 0) return undefined;
    all.push({ name: blob.toString('latin1', start + LENGTH_BYTES, nameEnd), start, end });
    start = end;
  }
  return start === blob.length ? all : undefined;
}

/** Where V8's heap begins, or -1 where the blob is not laid out as expected. */
function heapStartOf(blob: Buffer): number {
  if (blob.length < 64 || blob.readUInt32LE(0) !== MAGIC) return -1;
  // after the type, one byte: Node's version, architecture and platform; then flags
  let at = 5;
  for (let texts = 0; texts < 3 && at >= 0; texts++) at = endOf(blob, at);
  return at < 0 || at + 8 > blob.length ? -1 : at + 8;
}

/** V8's heap: what Node hands over to V8. Undefined where the snapshot is not laid out as expected. */
export function heapOf(blob: Buffer): Buffer | undefined {
  const start = heapStartOf(blob);
  const end = start < 0 ? -1 : start + blob.readUInt32LE(start - 4);
  return start < 0 || end > blob.length ? undefined : blob.subarray(start, end);
}

/** The snapshot with the compiled code of those modules only; undefined where it is not laid out as expected. */
export function keepCompiled(blob: Buffer, isKept: (name: string) => boolean): Buffer | undefined {
  const heap = heapOf(blob);
  if (heap === undefined) return undefined;
  for (let start = heapStartOf(blob) + heap.length; start < blob.length - LENGTH_BYTES; start++) {
    const all = compiledAt(blob, start);
    if (all === undefined) continue;
    const kept = all.filter(({ name }) => isKept(name));
    const count = Buffer.alloc(LENGTH_BYTES);
    count.writeUInt32LE(kept.length);
    return Buffer.concat([blob.subarray(0, start), count, ...kept.map((each) => blob.subarray(each.start, each.end))]);
  }
  return undefined;
}
