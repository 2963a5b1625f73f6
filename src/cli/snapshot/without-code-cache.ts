/**
 * Takes the compiled code of Node's own modules out of a start-up snapshot: two fifths of it, which every process would
 * read and keep, and which makes Node refuse the snapshot on another kind of processor or under other flags of V8. What
 * V8 has compiled of our program is in the heap itself, and stays; `withoutCodeCache` of Node's configuration drops both.
 *
 * Source: Node 24, src/node_snapshotable.cc (SnapshotData::ToFile): a magic number, metadata that ends with flags, V8's
 * heap after its length in 4 bytes, what belongs to the isolate and the environment, and last the vector of compiled modules. Numbers are little
 * endian; a text or vector begins with its length in 8 bytes. Whoever uses the result tries it first.
 */

const MAGIC = 0x143da19;
const LENGTH_BYTES = 8;
/** SnapshotFlags::kWithoutCodeCache. */
const FLAG_WITHOUT = 1;
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

/** Whether at `at` stands a vector of pairs, a name and bytes, that ends where the blob ends. */
function isCodeCache(blob: Buffer, at: number): boolean {
  const count = lengthAt(blob, at);
  if (count < 1 || count > MODULES_MAX) return false;
  let next = at + LENGTH_BYTES;
  for (let i = 0; i < 2 * count && next >= 0; i++) next = endOf(blob, next);
  return next === blob.length;
}

/** The snapshot without compiled modules; undefined where it is not laid out as expected. */
export function withoutCodeCache(blob: Buffer): Buffer | undefined {
  if (blob.length < 64 || blob.readUInt32LE(0) !== MAGIC) return undefined;
  // after the type, one byte: Node's version, architecture and platform
  let at = 5;
  for (let texts = 0; texts < 3 && at >= 0; texts++) at = endOf(blob, at);
  if (at < 0 || at + 8 > blob.length) return undefined;
  const flagsAt = at;
  const heapEnd = at + 8 + blob.readUInt32LE(at + 4);
  for (let start = heapEnd; start < blob.length - LENGTH_BYTES; start++) {
    if (!isCodeCache(blob, start)) continue;
    const rest = Buffer.concat([blob.subarray(0, start), Buffer.alloc(LENGTH_BYTES)]);
    rest.writeUInt32LE(rest.readUInt32LE(flagsAt) | FLAG_WITHOUT, flagsAt);
    return rest;
  }
  return undefined;
}
