/** The origin's HTTP/2. */
import type { Duplex } from 'node:stream';
import { fieldOf } from './h1-body.ts';
import { ACK, data, END_STREAM, FRAME, frame, FrameReader, headers, SERVER_GREETING, uint32 } from './h2-frames.ts';
import type { Field } from './h2-hpack.ts';
import { codeName, codeOf } from './h2-names.ts';
import type { Notebook, Seen } from './origin.ts';
import { bodyOf, readWishes, type Wishes, wishOf } from './wishes.ts';

const PREFACE_BYTES = 24;

/** Nothing waits for an answer that nobody waits for any more. */
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

const lineOf = ([name, value]: Field): string => `${name}: ${value}`;

function fieldsOf(lines: readonly string[]): Field[] {
  return lines.map((line) => {
    const colon = line.indexOf(':', 1);
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
}

/** One request and its answer. */
class Stream {
  readonly #id: number;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #line: string;
  readonly #fields: readonly string[];
  readonly #secret: string | undefined;
  #wishes: Wishes = new Map();
  #body = '';
  #trailers: readonly string[] = [];
  #end = '';
  #isTunnel = false;
  constructor(id: number, fields: readonly Field[], write: (bytes: Uint8Array) => void, secret: string | undefined) {
    const pseudo = (name: string): string => fields.find(([each]) => each === name)?.[1] ?? '';
    this.#id = id;
    this.#write = write;
    this.#line = `${pseudo(':method')} ${pseudo(':path')} HTTP/2`;
    this.#fields = fields.filter(([name]) => name !== ':method' && name !== ':path').map(lineOf);
    this.#secret = secret;
  }

  /** Notes the request, and begins to answer where that does not wait for its end. */
  begin(notebook: Notebook): void {
    const count = notebook.note(fieldOf(this.#fields, 'x-case'), () => this.#seen());
    const wishes = readWishes(fieldOf(this.#fields, 'x-do'), this.#line);
    if (count < Number(wishOf(wishes, 'times') ?? Infinity)) this.#wishes = wishes;
    const isConnect = this.#line.startsWith('CONNECT ');
    this.#isTunnel = isConnect && !wishes.has('status');
    if (this.#isTunnel) this.#write(headers(this.#id, [[':status', '200']], false));
    else if (isConnect || wishes.has('early')) void this.#answer();
  }

  takeData(piece: string, isEnd: boolean): void {
    this.#body += piece;
    if (this.#isTunnel) this.#write(data(this.#id, piece, isEnd));
    if (isEnd) this.#ended();
  }

  takeTrailers(fields: readonly Field[]): void {
    this.#trailers = fields.map(lineOf);
    this.#ended();
  }

  /** The request has ended with its head. */
  endHead(): void {
    this.#ended();
  }

  takeReset(code: number): void {
    this.#end ||= `reset ${codeName(code)}`;
  }

  #ended(): void {
    if (!this.#line.startsWith('CONNECT ') && !this.#wishes.has('early')) void this.#answer();
  }

  #seen(): Seen {
    return {
      line: this.#line,
      fields: this.#fields,
      body: this.#body,
      trailers: this.#trailers,
      ...(this.#end === '' ? {} : { end: this.#end }),
      ...(this.#secret === undefined ? {} : { tls: this.#secret }),
    };
  }

  async #wait(name: string): Promise<void> {
    const ms = Number(wishOf(this.#wishes, name) ?? 0);
    if (ms > 0) await wait(ms);
  }

  #reset(name: string): void {
    this.#write(frame(FRAME.RST_STREAM, 0, this.#id, uint32(codeOf(wishOf(this.#wishes, name) ?? ''))));
  }

  async #answer(): Promise<void> {
    const wishes = this.#wishes;
    await this.#wait('delay');
    if (this.#end !== '') return;
    for (const status of wishes.get('interim') ?? []) {
      const interim: Field[] = [
        [':status', status],
        ['x-interim', status],
      ];
      this.#write(headers(this.#id, interim, false));
    }
    if (wishes.has('reset')) return this.#reset('reset');
    const status = wishOf(wishes, 'status') ?? '200';
    const body = bodyOf(wishes);
    const isBare = status === '204' || status === '304' || this.#line.startsWith('HEAD ') || (body === '' && !wishes.has('trailer'));
    this.#write(headers(this.#id, [[':status', status], ...fieldsOf(wishes.get('h') ?? [])], isBare));
    if (!isBare) await this.#answerBody(body);
    if (wishes.has('goaway')) this.#write(frame(FRAME.GOAWAY, 0, 0, Buffer.concat([uint32(this.#id), uint32(0)])));
  }

  async #answerBody(body: string): Promise<void> {
    const trailers = this.#wishes.get('trailer');
    await this.#wait('late');
    if (this.#end !== '') return;
    const isEnd = trailers === undefined && !this.#wishes.has('cut') && !this.#wishes.has('tail');
    if (body !== '' || isEnd) this.#write(data(this.#id, body, isEnd));
    await this.#wait('tail');
    if (trailers === undefined && this.#wishes.has('tail')) this.#write(data(this.#id, '', true));
    if (this.#wishes.has('cut')) {
      // what was written is passed on before the reset
      await wait(400);
      return this.#reset('cut');
    }
    if (trailers !== undefined) this.#write(headers(this.#id, fieldsOf(trailers), true));
  }
}

/** Serves a connection whose client has HTTP/2 in mind. `secret` says what its TLS was. */
export function serveHttp2(socket: Duplex, notebook: Notebook, secret?: string): void {
  const streams = new Map<number, Stream>();
  const write = (bytes: Uint8Array): void => {
    if (!socket.destroyed && socket.writable) socket.write(bytes);
  };
  const reader = new FrameReader({
    onFields(id, fields, isEnd) {
      const known = streams.get(id);
      if (known !== undefined) return known.takeTrailers(fields);
      const stream = new Stream(id, fields, write, secret);
      streams.set(id, stream);
      stream.begin(notebook);
      if (isEnd) stream.endHead();
    },
    onFrame(type, flags, id, payload) {
      if (type === FRAME.SETTINGS && (flags & ACK) === 0) write(frame(FRAME.SETTINGS, ACK, 0));
      if (type === FRAME.PING && (flags & ACK) === 0) write(frame(FRAME.PING, ACK, 0, payload));
      if (type === FRAME.DATA) streams.get(id)?.takeData(payload.toString('latin1'), (flags & END_STREAM) !== 0);
      if (type === FRAME.RST_STREAM) streams.get(id)?.takeReset(payload.readUInt32BE(0));
    },
  });
  write(SERVER_GREETING);
  let preface = PREFACE_BYTES;
  socket.on('data', (bytes: Buffer) => {
    const rest = bytes.subarray(Math.min(preface, bytes.length));
    preface -= bytes.length - rest.length;
    if (rest.length > 0) reader.take(rest);
  });
}
