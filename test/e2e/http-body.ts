/** Bodies of any length whose every piece differs from the others, so that none can be lost, doubled or moved unseen. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

export const MIB = 1024 * 1024;

/** Its length is odd and prime, so that no two pieces of a usual size are alike. */
const SOURCE = randomBytes(1_000_003);
const PIECE_BYTES = 64 * 1024 - 7;

function* pieces(bytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes;) {
    const from = at % SOURCE.length;
    const piece = SOURCE.subarray(from, Math.min(from + PIECE_BYTES, from + bytes - at));
    at += piece.length;
    yield piece;
  }
}

/** A body of so many bytes; the same for the same length. */
export function bodyOf(bytes: number): Readable {
  return Readable.from(pieces(bytes), { objectMode: false });
}

export interface Digest {
  readonly bytes: number;
  readonly hash: string;
}

/** Reads all of a body. Throws what its stream throws. */
export async function digestOf(body: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash('sha1');
  let bytes = 0;
  for await (const piece of body) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, hash: hash.digest('hex') };
}

/** The digest of `bodyOf(bytes)`. */
export function digestOfBody(bytes: number): Digest {
  const hash = createHash('sha1');
  for (const piece of pieces(bytes)) hash.update(piece);
  return { bytes, hash: hash.digest('hex') };
}
