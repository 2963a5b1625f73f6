/**
 * Random identifiers as text. Bytes are drawn from the system thousands at a time and written as hex into a template of
 * ASCII bytes, from which one string is made: about 150 ns an id, where drawing for each request takes microseconds.
 */
import { randomFillSync } from 'node:crypto';
import { Buffer } from 'node:buffer';

const POOL_BYTES = 8192;
const HEX = Buffer.from('0123456789abcdef', 'latin1');
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** Where `count` fresh random bytes stand in the pool. */
function take(count: number): number {
  if (used + count > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += count;
  return at;
}

function writeHex(target: Buffer, at: number, from: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const byte = pool[from + i] ?? 0;
    target[at + 2 * i] = HEX[byte >> 4] ?? 0;
    target[at + 2 * i + 1] = HEX[byte & 15] ?? 0;
  }
}

const uuid = Buffer.from('00000000-0000-4000-8000-000000000000', 'latin1');

/** A random UUID (RFC 9562 section 5.4) whose version digit is `version`: Envoy keeps its trace decision there. */
export function randomUuid(version: '4' | '9' | 'a' | 'b' = '4'): string {
  const from = take(16);
  writeHex(uuid, 0, from, 4);
  writeHex(uuid, 9, from + 4, 2);
  writeHex(uuid, 14, from + 6, 2);
  writeHex(uuid, 19, from + 8, 2);
  writeHex(uuid, 24, from + 10, 6);
  uuid[14] = version.charCodeAt(0);
  uuid[19] = HEX[8 + ((pool[from + 8] ?? 0) & 3)] ?? 0;
  return uuid.toString('latin1', 0, 36);
}

const trace = Buffer.alloc(48);

/** Fresh ids of a trace and of its first span: 48 hex digits, the trace's 32 first. Neither is all zeros. */
export function randomTraceIds(): string {
  const from = take(24);
  // one bit that is always set keeps both ids valid
  pool[from] = (pool[from] ?? 0) | 1;
  pool[from + 16] = (pool[from + 16] ?? 0) | 1;
  writeHex(trace, 0, from, 24);
  return trace.toString('latin1', 0, 48);
}

/** A fresh span id: 16 hex digits. */
export function randomSpanId(): string {
  const from = take(8);
  pool[from] = (pool[from] ?? 0) | 1;
  writeHex(trace, 0, from, 8);
  return trace.toString('latin1', 0, 16);
}
