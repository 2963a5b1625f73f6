import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { latin1 } from '../wire/http1/bytes.ts';

/** Pieces of at most this size are copied into the text that goes out with them; larger ones stay bytes of their own. */
const SMALL_BYTES = 2048;

/**
 * What is to be written in this turn of the event loop, gathered so that a head and its body are one write. Text is
 * latin1: one byte a character.
 */
export class WriteQueue {
  #text = '';
  #parts: (string | Uint8Array)[] | undefined = undefined;
  #partBytes = 0;

  get bytes(): number {
    return this.#partBytes + this.#text.length;
  }

  addText(text: string): void {
    this.#text += text;
  }

  /** `isBorrowed`: `bytes` will change after this call. */
  addBytes(bytes: Uint8Array, isBorrowed: boolean): void {
    if (bytes.length <= SMALL_BYTES) {
      this.#text += latin1(bytes, 0, bytes.length);
      return;
    }
    const parts = (this.#parts ??= []);
    this.#endText(parts);
    parts.push(isBorrowed ? Buffer.from(bytes) : bytes);
    this.#partBytes += bytes.length;
  }

  /** Writes everything to the socket at once. False: its buffer is full, `drain` follows. */
  flush(socket: Socket): boolean {
    const parts = this.#parts;
    if (parts === undefined) {
      const text = this.#text;
      this.#text = '';
      return text === '' || socket.write(text, 'latin1');
    }
    this.#endText(parts);
    this.#parts = undefined;
    this.#partBytes = 0;
    socket.cork();
    let hasRoom = true;
    for (const part of parts) hasRoom = typeof part === 'string' ? socket.write(part, 'latin1') : socket.write(part);
    socket.uncork();
    return hasRoom;
  }

  clear(): void {
    this.#text = '';
    this.#parts = undefined;
    this.#partBytes = 0;
  }

  #endText(parts: (string | Uint8Array)[]): void {
    if (this.#text === '') return;
    parts.push(this.#text);
    this.#partBytes += this.#text.length;
    this.#text = '';
  }
}
