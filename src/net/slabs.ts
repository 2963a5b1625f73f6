/**
 * Buffers for what is written, used again and again: a new one for each piece of a large body costs more than copying
 * the piece. A proxy keeps a few; what goes out at the same time beyond these is left to the garbage collector.
 */
import { Buffer } from 'node:buffer';

/** One read of the shared buffer, and what HTTP/2 or chunks put around its pieces. */
export const SLAB_BYTES = 257 * 1024;
const SLABS_KEPT_MAX = 4;

const free: Buffer[] = [];

/** The slab that was used last, for it is still in the processor's cache; or a new one. */
export function takeSlab(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
}

/** Nobody reads the slab any more. */
function releaseSlab(slab: Buffer): void {
  if (free.length < SLABS_KEPT_MAX) free.push(slab);
}

/** As `releaseSlab` for several. */
export function releaseSlabs(slabs: readonly Buffer[]): void {
  for (const slab of slabs) releaseSlab(slab);
}
