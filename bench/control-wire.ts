/** As much of delta ADS's bytes as cheap clients need: a thousand of them share one process with nothing to spare. */
import { Buffer } from 'node:buffer';

/** What is read of a response; everything else is passed over. */
export interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: number;
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** A varint below 2^53. Source: protobuf's encoding. */
function varint(cursor: Cursor): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = cursor.bytes[cursor.at++] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
}

const LENGTH_DELIMITED = 2;

/** Calls `onField` for each field of length-delimited kind between two places. */
function eachField(bytes: Buffer, from: number, to: number, onField: (field: number, from: number, to: number) => void): void {
  const cursor: Cursor = { bytes, at: from };
  while (cursor.at < to) {
    const tag = varint(cursor);
    if ((tag & 7) !== LENGTH_DELIMITED) {
      varint(cursor);
      continue;
    }
    const length = varint(cursor);
    onField(tag >>> 3, cursor.at, cursor.at + length);
    cursor.at += length;
  }
}

const RESOURCES_FIELD = 2;

/** Field numbers of DeltaDiscoveryResponse (discovery.proto): resources 2, type_url 4, nonce 5. */
export function readResponse(bytes: Buffer): Response {
  let typeUrl = '';
  let nonce = '';
  let resources = 0;
  eachField(bytes, 0, bytes.length, (field, from, to) => {
    if (field === 4) typeUrl = bytes.toString('latin1', from, to);
    else if (field === 5) nonce = bytes.toString('latin1', from, to);
    else if (field === RESOURCES_FIELD) resources += 1;
  });
  return { typeUrl, nonce, resources };
}

/** Calls `onResource` with the name (field 3 of Resource) and the Any (field 2) of each resource of a response. */
export function eachResource(bytes: Buffer, onResource: (name: string, value: Buffer) => void): void {
  eachField(bytes, 0, bytes.length, (field, from, to) => {
    if (field !== RESOURCES_FIELD) return;
    let name = '';
    let value = bytes.subarray(0, 0);
    eachField(bytes, from, to, (own, start, end) => {
      if (own === 3) name = bytes.toString('latin1', start, end);
      else if (own === 2) value = bytes.subarray(start, end);
    });
    onResource(name, value);
  });
}

/** The value of an Any: its field 2. */
export function anyValue(bytes: Buffer): Buffer {
  let value = bytes.subarray(0, 0);
  eachField(bytes, 0, bytes.length, (field, from, to) => {
    if (field === 2) value = bytes.subarray(from, to);
  });
  return value;
}

/** A length-prefixed gRPC message. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(5 + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

/** Cuts a stream's bytes into gRPC messages, calling `onMessage` with each. */
export function messageReader(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let length = 0;
  let wanted = 5;
  return (chunk) => {
    parts.push(chunk);
    length += chunk.length;
    while (length >= wanted) {
      let all = parts.length === 1 ? (parts[0] ?? chunk) : Buffer.concat(parts, length);
      if (wanted === 5) wanted = 5 + all.readUInt32BE(1);
      else {
        const end = wanted;
        wanted = 5;
        onMessage(all.subarray(5, end));
        all = all.subarray(end);
        length -= end;
      }
      parts = [all];
      if (length < wanted) break;
    }
  };
}
