/** What a request's id decides by: the number of its first eight hex digits. */
import type { StreamInfo } from '../http/stream-info.ts';
import { REQUEST_ID } from './trace-fields.ts';

const DIGITS = 8;

/** Values of hex digits by their character codes; a negative one for anything else. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()));

/**
 * The number, below 2^32; -1 where the id does not begin with eight digits. By character codes: every request's sample is
 * decided by it, where a slice, a regular expression and parseInt took a quarter of a microsecond.
 */
export function numberOfId(id: string): number {
  if (id.length < DIGITS) return -1;
  let number = 0;
  let all = 0;
  for (let i = 0; i < DIGITS; i++) {
    const value = VALUES[id.charCodeAt(i)] ?? -1;
    all |= value;
    number = (number << 4) | value;
  }
  return all < 0 ? -1 : number >>> 0;
}

/** The number of a stream's request as it is now; -1 where there is none. */
export function numberOf({ request, madeId }: StreamInfo): number {
  const id = request?.headers.get(REQUEST_ID);
  if (id === undefined) return -1;
  return madeId !== undefined && id === madeId.text ? madeId.number : numberOfId(id);
}
