import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

/**
 * The C library of this process, for calls that Node has no API for. Its functions run on the calling thread. Through
 * koffi, which is loaded at the first call: it costs a process 4 to 9 MiB. Linux only.
 */
export function cLibrary(): { readonly koffi: typeof Koffi; readonly library: ReturnType<typeof Koffi.load> } {
  const require = createRequire(import.meta.url);
  const koffi: typeof Koffi = require('koffi');
  return { koffi, library: koffi.load(null) };
}
