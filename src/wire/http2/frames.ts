/** Frames as they are written (RFC 9113 sections 4.1 and 6), as text of one byte a character. */

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
/** A flag of HEADERS: five bytes of priority come before the block. */
export const HAS_PRIORITY = 0x20;

/** What a client with prior knowledge begins with (RFC 9113 section 3.4). */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const FRAME_HEAD_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE's least and initial value: what we take, for larger frames would only delay others. */
export const MAX_FRAME_BYTES = 16_384;
export const MAX_WINDOW = 0x7fffffff;
export const MAX_STREAM_ID = 0x7fffffff;
/** Windows of a connection and its streams before anybody says otherwise. */
export const INITIAL_WINDOW = 65_535;

/** A number of 32 bits. */
export function uint32Text(value: number): string {
  return String.fromCharCode((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** The nine bytes before a payload. */
export function frameHeadText(length: number, type: number, flags: number, id: number): string {
  return String.fromCharCode(
    length >>> 16,
    (length >>> 8) & 255,
    length & 255,
    type,
    flags,
    id >>> 24,
    (id >>> 16) & 255,
    (id >>> 8) & 255,
    id & 255,
  );
}

/** DATA of no bytes, that ends its stream. */
export function emptyEndText(id: number): string {
  return frameHeadText(0, DATA, END_STREAM, id);
}

export function resetText(id: number, code: number): string {
  return frameHeadText(4, RST_STREAM, 0, id) + uint32Text(code);
}

export function goAwayText(lastId: number, code: number): string {
  return frameHeadText(8, GOAWAY, 0, 0) + uint32Text(lastId) + uint32Text(code);
}

export function windowUpdateText(id: number, increment: number): string {
  return frameHeadText(4, WINDOW_UPDATE, 0, id) + uint32Text(increment);
}

/** `payload`: eight characters. */
export function pingText(payload: string, isAck: boolean): string {
  return frameHeadText(8, PING, isAck ? ACK : 0, 0) + payload;
}

/** HEADERS, with CONTINUATION where the block is larger than the peer's frames may be. */
export function headersText(id: number, block: string, isEnd: boolean, maxFrameBytes: number): string {
  const length = block.length;
  const endStream = isEnd ? END_STREAM : 0;
  if (length <= maxFrameBytes) return frameHeadText(length, HEADERS, endStream | END_HEADERS, id) + block;
  let text = frameHeadText(maxFrameBytes, HEADERS, endStream, id) + block.substring(0, maxFrameBytes);
  for (let at = maxFrameBytes; at < length; at += maxFrameBytes) {
    const size = Math.min(maxFrameBytes, length - at);
    text += frameHeadText(size, CONTINUATION, at + size === length ? END_HEADERS : 0, id) + block.substring(at, at + size);
  }
  return text;
}

/** Four bytes as a number without sign. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return (uint31At(bytes, at) | ((bytes[at] ?? 0) & 0x80 ? 0x80000000 : 0)) >>> 0;
}

/** Four bytes as a number, their first bit left out. */
export function uint31At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) & 0x7f) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}
