/** As much of gRPC's and delta ADS's bytes as cheap clients need: a thousand of them share one process. */
import { Buffer } from 'node:buffer';

interface Cursor {
  readonly bytes: Uint8Array;
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

/** Calls `onField` for each field of length-delimited kind. */
function eachField(bytes: Uint8Array, onField: (field: number, value: Uint8Array) => void): void {
  const cursor: Cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const tag = varint(cursor);
    const number = varint(cursor);
    if ((tag & 7) !== LENGTH_DELIMITED) continue;
    onField(tag >>> 3, bytes.subarray(cursor.at, cursor.at + number));
    cursor.at += number;
  }
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** What a resource of a response (Resource: name 3, resource 2; Any: type_url 1, value 2) says; views of `bytes`. */
export function readResource(bytes: Uint8Array): { readonly name: string; readonly typeUrl: string; readonly value: Uint8Array } {
  let name = '';
  let typeUrl = '';
  let value: Uint8Array = NO_BYTES;
  eachField(bytes, (field, own) => {
    if (field === 3) name = text(own);
    else if (field === 2) {
      eachField(own, (part, content) => {
        if (part === 1) typeUrl = text(content);
        else if (part === 2) value = content;
      });
    }
  });
  return { name, typeUrl, value };
}

/** Who is told of the responses on a stream. */
export interface ResponseHandler {
  /** Whether resources are to be read. `typeUrl` is '' where the response says it behind them. */
  wantsResources(typeUrl: string): boolean;
  /** The bytes of a Resource, borrowed. */
  onResource(bytes: Uint8Array): void;
  onResponse(typeUrl: string, nonce: string, resources: number): void;
}

const PREFIX_BYTES = 5;
/** Field numbers of DeltaDiscoveryResponse (discovery.proto). */
const RESOURCES = 2;
const TYPE_URL = 4;
const NONCE = 5;

/** Buffers for what comes in pieces, used again and again. */
const spares: Buffer[] = [];

function bufferOf(length: number): Buffer {
  const spare = spares.pop();
  return spare !== undefined && spare.length >= length ? spare : Buffer.allocUnsafeSlow(Math.max(length, 1 << 16));
}

/** Reads the bytes of a stream as they come, without keeping a message: what nobody wants to see is passed over. */
export class ResponseReader {
  readonly #handler: ResponseHandler;
  /** Bytes of the prefix that were read. */
  #prefixed = 0;
  #messageLeft = 0;
  // the varint that is being read: a tag, or the length after it
  #value = 0;
  #factor = 1;
  #tag = 0;
  #isLength = false;
  // the field that is being read
  #field = 0;
  #fieldLeft = 0;
  #isWanted = false;
  /** Of a field that comes in pieces. */
  #kept: Buffer | undefined;
  #keptBytes = 0;
  #typeUrl = '';
  #nonce = '';
  #resources = 0;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  feed(view: Uint8Array): void {
    let at = 0;
    while (at < view.length) {
      if (this.#prefixed < PREFIX_BYTES) at = this.#readPrefix(view, at);
      else if (this.#fieldLeft > 0) at = this.#readField(view, at);
      else at = this.#readHead(view, at);
      if (this.#prefixed === PREFIX_BYTES && this.#messageLeft === 0) this.#endMessage();
    }
  }

  /** A byte of compression, and the message's length. Source: gRPC over HTTP/2, Length-Prefixed-Message. */
  #readPrefix(view: Uint8Array, from: number): number {
    let at = from;
    for (; at < view.length && this.#prefixed < PREFIX_BYTES; at++) {
      this.#messageLeft = this.#prefixed++ === 0 ? 0 : this.#messageLeft * 256 + (view[at] ?? 0);
    }
    return at;
  }

  /** Tag and length of a field: mostly one byte and two, and all of them there. */
  #readHead(view: Uint8Array, at: number): number {
    const tag = view[at] ?? 0;
    const low = view[at + 1] ?? 0;
    const high = view[at + 2] ?? 0x80;
    if (this.#factor > 1 || this.#isLength || tag >= 0x80 || low < 0x80 || high >= 0x80) return this.#readHeadByte(view, at);
    this.#messageLeft -= 3;
    this.#tag = tag;
    if ((tag & 7) === LENGTH_DELIMITED) this.#beginField(tag >>> 3, (low & 0x7f) + high * 128);
    return at + 3;
  }

  #readHeadByte(view: Uint8Array, at: number): number {
    const byte = view[at] ?? 0;
    this.#messageLeft -= 1;
    this.#value += (byte & 0x7f) * this.#factor;
    this.#factor *= 128;
    if (byte >= 0x80) return at + 1;
    const value = this.#value;
    this.#value = 0;
    this.#factor = 1;
    if (!this.#isLength) {
      this.#tag = value;
      this.#isLength = true;
      return at + 1;
    }
    this.#isLength = false;
    // a number is all there is of its field
    if ((this.#tag & 7) === LENGTH_DELIMITED) this.#beginField(this.#tag >>> 3, value);
    return at + 1;
  }

  #beginField(field: number, length: number): void {
    this.#field = field;
    this.#fieldLeft = length;
    if (field === RESOURCES) this.#resources += 1;
    this.#isWanted = field === TYPE_URL || field === NONCE || (field === RESOURCES && this.#handler.wantsResources(this.#typeUrl));
  }

  #readField(view: Uint8Array, at: number): number {
    const length = Math.min(this.#fieldLeft, view.length - at);
    const isWhole = length === this.#fieldLeft;
    this.#messageLeft -= length;
    if (this.#isWanted && isWhole && this.#kept === undefined) this.#take(view.subarray(at, at + length));
    else if (this.#isWanted) this.#keep(view.subarray(at, at + length));
    this.#fieldLeft -= length;
    return at + length;
  }

  #keep(piece: Uint8Array): void {
    const kept = (this.#kept ??= bufferOf(this.#fieldLeft));
    kept.set(piece, this.#keptBytes);
    this.#keptBytes += piece.length;
    if (piece.length < this.#fieldLeft) return;
    this.#take(kept.subarray(0, this.#keptBytes));
    spares.push(kept);
    this.#kept = undefined;
    this.#keptBytes = 0;
  }

  #take(content: Uint8Array): void {
    if (this.#field === TYPE_URL) this.#typeUrl = text(content);
    else if (this.#field === NONCE) this.#nonce = text(content);
    else this.#handler.onResource(content);
  }

  #endMessage(): void {
    const [typeUrl, nonce, resources] = [this.#typeUrl, this.#nonce, this.#resources];
    this.#prefixed = 0;
    this.#typeUrl = '';
    this.#nonce = '';
    this.#resources = 0;
    this.#handler.onResponse(typeUrl, nonce, resources);
  }
}

/** A length-prefixed gRPC message. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}
