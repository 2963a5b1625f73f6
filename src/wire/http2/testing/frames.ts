/** Frames by hand, and frames as they were written, for tests. */
import { frameHeadText, HEADERS, PREFACE, SETTINGS, uint31At, uint32At, uint32Text } from '../frames.ts';
import { Http2Connection } from '../connection.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../options.ts';
import { type FrameSink, H2, type Http2Options, type Http2Owner, type Http2Reader, type Http2Stream } from '../types.ts';
import type { HeaderBlock } from '../../http/headers.ts';

/** A frame; the payload is text of one byte a character. */
export function frame(type: number, flags: number, id: number, payload = ''): string {
  return frameHeadText(payload.length, type, flags, id) + payload;
}

type Fields = readonly (readonly [name: string, value: string])[];

/** A field block that leaves all tables as they are. */
export function block(fields: Fields): string {
  return fields.map(([name, value]) => `\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`).join('');
}

export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];
export const POST: Fields = [[':method', 'POST'], ...GET.slice(1)];

/** HEADERS that are whole. */
export function heads(id: number, fields: Fields, isEnd: boolean): string {
  return frame(HEADERS, isEnd ? 5 : 4, id, block(fields));
}

/** SETTINGS of the given identifiers and values. */
export function settings(values: Fields | readonly (readonly [number, number])[] = []): string {
  return frame(SETTINGS, 0, 0, values.map(([id, value]) => String.fromCharCode(0, Number(id)) + uint32Text(Number(value))).join(''));
}

/** How a client begins. */
export const HELLO = PREFACE + settings();

const TYPES = ['DATA', 'HEADERS', 'PRIORITY', 'RST_STREAM', 'SETTINGS', 'PUSH_PROMISE', 'PING', 'GOAWAY', 'WINDOW_UPDATE', 'CONTINUATION'];
const CODES = Object.keys(H2);

function describe(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): string {
  const name = TYPES[type] ?? String(type);
  switch (name) {
    case 'RST_STREAM':
      return `RST_STREAM ${id} ${CODES[uint32At(bytes, start)]}`;
    case 'GOAWAY':
      return `GOAWAY ${uint31At(bytes, start)} ${CODES[uint32At(bytes, start + 4)]}`;
    case 'WINDOW_UPDATE':
      return `WINDOW_UPDATE ${id} +${uint31At(bytes, start)}`;
    case 'SETTINGS':
      return (flags & 1) === 0 ? 'SETTINGS' : 'SETTINGS ack';
    case 'PING':
      return (flags & 1) === 0 ? 'PING' : 'PING ack';
    case 'DATA':
      return `DATA ${id} ${end - start}${(flags & 1) === 0 ? '' : ' end'}`;
    default:
      return `${name} ${id}${(flags & 1) === 0 ? '' : ' end'}`;
  }
}

/** A sink that keeps everything. */
export class Tape implements FrameSink {
  #text = '';
  pendingBytes = 0;
  isStuck = false;

  writeText(text: string): boolean {
    this.#text += text;
    if (this.isStuck) this.pendingBytes += text.length;
    return !this.isStuck;
  }

  writeBytes(bytes: Uint8Array): boolean {
    return this.writeText(Buffer.from(bytes).toString('latin1'));
  }

  /** Bytes since the last time. */
  take(): Buffer {
    const bytes = Buffer.from(this.#text, 'latin1');
    this.#text = '';
    return bytes;
  }

  /** Frames since the last time, one line each, without a client's preface. */
  frames(): string[] {
    let bytes = this.take();
    if (bytes.subarray(0, PREFACE.length).toString('latin1') === PREFACE) bytes = bytes.subarray(PREFACE.length);
    const found: string[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 9 + ((bytes[at] ?? 0) << 16) + ((bytes[at + 1] ?? 0) << 8) + (bytes[at + 2] ?? 0);
      found.push(describe(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, uint31At(bytes, at + 5), bytes, at + 9, end));
      at = end;
    }
    return found;
  }
}

/** Feeds bytes as a socket does: in a buffer that is used for other bytes right after. */
export function feed(connection: Http2Connection, bytes: string | Uint8Array): void {
  const borrowed = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
  connection.feed(borrowed);
  borrowed.fill(0xa5);
}

/** A reader that writes down what it is told. */
export function recorder(name: number | string, log: string[]): Http2Reader {
  const fields = (headers: HeaderBlock | undefined): string => {
    let text = '';
    headers?.forEach((field, value) => (text += ` ${field}=${value}`));
    return text;
  };
  return {
    onHead: (head, isEnd) => void log.push(`head ${name} ${head.status}${fields(head.headers)}${isEnd ? ' end' : ''}`),
    onData: (view) => void log.push(`data ${name} ${Buffer.from(view).toString('latin1')}`),
    onEnd: (trailers) => void log.push(`end ${name}${fields(trailers)}`),
    onReset: (code, detail) => void log.push(`reset ${name} ${CODES[code]} ${detail}`),
    onDrain: () => void log.push(`drain ${name}`),
  };
}

/** A connection whose events are written down, with its streams. */
export interface Recorded {
  readonly connection: Http2Connection;
  readonly tape: Tape;
  readonly log: string[];
  readonly streams: Map<number, Http2Stream>;
}

export function record(role: 'server' | 'client', options: Partial<Http2Options> = {}, nowMs: () => number = () => 0): Recorded {
  const log: string[] = [];
  const tape = new Tape();
  const streams = new Map<number, Http2Stream>();
  const owner: Http2Owner = {
    onRequest(stream, head, isEnd) {
      streams.set(stream.id, stream);
      log.push(`request ${stream.id} ${head.method} ${head.path}${isEnd ? ' end' : ''}`);
      return recorder(stream.id, log);
    },
    onSettings() {},
    onGoAway: (code) => void log.push(`goaway ${CODES[code]}`),
    onPong: () => void log.push('pong'),
    onStreamClosed: () => void log.push('closed'),
    onFatal: (error) => void log.push(`fatal ${error.code}`),
  };
  const clock = { monotonicMs: nowMs, wallMs: nowMs };
  const connection = new Http2Connection(role, { ...DEFAULT_HTTP2_OPTIONS, ...options }, tape, owner, clock);
  return { connection, tape, log, streams };
}
