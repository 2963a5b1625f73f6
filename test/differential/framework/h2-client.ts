/** A client of HTTP/2 that writes frames as it is told, right or wrong, and notes all that comes back. */
import type net from 'node:net';
import type { Answer, Talk, Target } from './case.ts';
import { connect } from './h1-client.ts';
import { ACK, data, END_STREAM, FRAME, frame, FrameReader, GREETING, headers, uint32 } from './h2-frames.ts';
import type { Field } from './h2-hpack.ts';
import { codeName } from './h2-names.ts';

const PATIENCE_MS = 60_000;

const OPENING = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), GREETING]);

/** One stream, as its client sees it. */
class ClientStream {
  readonly id: number;
  readonly #client: H2Client;
  readonly #interim: Answer[] = [];
  #head: readonly Field[] | undefined;
  #body = '';
  #trailers: readonly Field[] = [];
  #end = '';
  constructor(client: H2Client, id: number) {
    this.#client = client;
    this.id = id;
  }

  /** Sends a piece of the body. */
  data(piece: string, isEnd = false): this {
    this.#client.send(data(this.id, piece, isEnd));
    return this;
  }

  trailers(fields: readonly Field[]): this {
    this.#client.send(headers(this.id, fields, true));
    return this;
  }

  reset(code: number): this {
    this.#client.send(frame(FRAME.RST_STREAM, 0, this.id, uint32(code)));
    this.#end ||= 'reset by client';
    return this;
  }

  /** Resolves once a final head has come, or the stream has ended without one. */
  answered(): Promise<void> {
    return this.#client.until(() => this.#head !== undefined || this.#end !== '');
  }

  /** Resolves once so many bytes of the body have come, or the stream has ended. */
  received(bytes: number): Promise<void> {
    return this.#client.until(() => this.#body.length >= bytes || this.#end !== '');
  }

  /** Resolves once the other side has ended it. */
  ended(): Promise<void> {
    return this.#client.until(() => this.#end !== '');
  }

  get isOver(): boolean {
    return this.#end !== '';
  }

  /** What came, as answers: interim ones, then the final one. */
  answers(): readonly Answer[] {
    const isWhole = this.#end === 'end';
    const end = isWhole ? {} : { end: this.#end };
    if (this.#head === undefined) return [...this.#interim, { line: 'nothing', fields: [], body: '', trailers: [], isWhole, ...end }];
    return [...this.#interim, { ...answerOf(this.#head), body: this.#body, trailers: this.#trailers.map(lineOf), isWhole, ...end }];
  }

  /** A head or trailers have come. */
  takeFields(fields: readonly Field[], isEnd: boolean): void {
    if (this.#head !== undefined) this.#trailers = fields;
    else if (statusOf(fields).startsWith('1')) this.#interim.push({ ...answerOf(fields), body: '', trailers: [], isWhole: true });
    else this.#head = fields;
    if (isEnd) this.#end ||= 'end';
  }

  /** Another frame of this stream has come. */
  take(type: number, flags: number, payload: Buffer): void {
    if (type === FRAME.RST_STREAM) this.#end ||= `reset ${codeName(payload.readUInt32BE(0))}`;
    if (type !== FRAME.DATA) return;
    this.#body += payload.toString('latin1');
    if ((flags & END_STREAM) !== 0) this.#end ||= 'end';
  }

  /** The connection has ended. */
  cut(): void {
    this.#end ||= 'cut';
  }
}

const statusOf = (fields: readonly Field[]): string => fields.find(([name]) => name === ':status')?.[1] ?? '';
const lineOf = ([name, value]: Field): string => `${name}: ${value}`;

function answerOf(fields: readonly Field[]): Pick<Answer, 'line' | 'fields'> {
  return { line: `HTTP/2 ${statusOf(fields)}`, fields: fields.filter(([name]) => name !== ':status').map(lineOf) };
}

/** One connection. */
class H2Client {
  readonly #socket: net.Socket;
  readonly #streams = new Map<number, ClientStream>();
  readonly #waiting = new Set<() => void>();
  #isOver = false;
  #goAway = '';
  #pongs = 0;
  #settings = 0;
  constructor(socket: net.Socket) {
    this.#socket = socket;
    const reader = new FrameReader({
      onFields: (id, fields, isEnd) => this.#streams.get(id)?.takeFields(fields, isEnd),
      onFrame: (type, flags, id, payload) => this.#take(type, flags, id, payload),
    });
    socket.on('data', (bytes: Buffer) => {
      reader.take(bytes);
      this.#wake();
    });
    for (const event of ['end', 'error', 'close']) socket.on(event, () => this.#ended());
    socket.setTimeout(PATIENCE_MS, () => {
      this.#goAway ||= 'nobody: it is open and silent';
      socket.destroy();
    });
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** A stream of the next number of a client's, nothing sent of it. */
  open(): ClientStream {
    const stream = new ClientStream(this, this.#streams.size * 2 + 1);
    this.#streams.set(stream.id, stream);
    return stream;
  }

  /** Opens a stream by a head of these fields as they are. */
  request(fields: readonly Field[], isEnd = true): ClientStream {
    const stream = this.open();
    this.send(headers(stream.id, fields, isEnd));
    return stream;
  }

  /** Resolves once the other side's SETTINGS have come. */
  ready(): Promise<void> {
    return this.until(() => this.#settings > 0);
  }

  /** Resolves once the other side has closed the connection. */
  closed(): Promise<void> {
    return this.until(() => false);
  }

  /** Resolves once all that was sent has been read: a PING came back. */
  async ping(): Promise<void> {
    const before = this.#pongs;
    this.send(frame(FRAME.PING, 0, 0, Buffer.from('question')));
    await this.until(() => this.#pongs > before);
  }

  /** Resolves once `isTrue`, or the connection has ended. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue() && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  /** Waits for all streams to end, and says what has come of them and of the connection. */
  async finish(): Promise<Talk> {
    const { localPort: port = 0 } = this.#socket;
    const streams = [...this.#streams.values()];
    await this.until(() => streams.every((stream) => stream.isOver));
    await this.ping();
    const by = this.#goAway === '' ? '' : ` by ${this.#goAway}`;
    const connection = `${this.#isOver || by !== '' ? 'closed' : 'kept'}${by}`;
    this.#socket.destroy();
    for (const stream of streams) stream.cut();
    return { answers: streams.flatMap((stream) => stream.answers()), connection, port };
  }

  #ended(): void {
    this.#isOver = true;
    for (const stream of this.#streams.values()) stream.cut();
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #take(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === FRAME.SETTINGS && (flags & ACK) === 0) {
      this.#settings++;
      this.send(frame(FRAME.SETTINGS, ACK, 0));
    }
    if (type === FRAME.PING && (flags & ACK) === 0) this.send(frame(FRAME.PING, ACK, 0, payload));
    if (type === FRAME.PING && (flags & ACK) !== 0) this.#pongs++;
    if (type === FRAME.GOAWAY) this.#goAway = `GOAWAY ${codeName(payload.readUInt32BE(4))}`;
    this.#streams.get(id)?.take(type, flags, payload);
  }
}

/** What a case does with its connection; the connection is watched until all its streams have ended. */
export type Script = (client: H2Client, target: Target) => void | Promise<void>;

/** Runs `script` on a new connection to `target`. */
export async function talk2(target: Target, script: Script): Promise<Talk> {
  const client = new H2Client(await connect(target, ['h2']));
  client.send(OPENING);
  await script(client, target);
  return client.finish();
}
