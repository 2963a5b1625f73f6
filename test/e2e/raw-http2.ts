/** An HTTP/2 client that says what it is told to, right or wrong, and reads only when it wants to. */
import { once } from 'node:events';
import net from 'node:net';
import { until } from '../../src/core/testing/eventually.ts';
import { ACK, FRAME, frame, FrameReader, GREETING, headers } from '../differential/framework/h2-frames.ts';
import type { Field } from '../differential/framework/h2-hpack.ts';
import { codeName } from '../differential/framework/h2-names.ts';

/** RFC 9113 section 3.4. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** The fields of a request. */
export function head(method: string, path: string, ...more: readonly Field[]): Field[] {
  return [[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'any.test'], ...more];
}

/** HEADERS of a GET that ends with them. */
export const get = (stream: number, path: string): Buffer => headers(stream, head('GET', path), true);

export class RawHttp2 {
  readonly socket: net.Socket;
  isClosed = false;
  /** The error code of GOAWAY; '' where none came. */
  goAway = '';
  /** The last stream that GOAWAY says is served; the lowest of several. */
  goAwayStream = Infinity;
  /** Final statuses by stream. */
  readonly statuses = new Map<number, string>();
  /** Codes of RST_STREAM by stream. */
  readonly resets = new Map<number, string>();
  /** Streams that the proxy has ended in order. */
  readonly ended = new Set<number>();
  /** It does not answer PINGs. */
  isDumb = false;
  #pongs = 0;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    const reader = new FrameReader({
      onFields: (id, fields, isEnd) => this.#takeFields(id, fields, isEnd),
      onFrame: (type, flags, id, payload) => this.#take(type, flags, id, payload),
    });
    socket.on('data', (bytes: Buffer) => reader.take(bytes));
    socket.on('error', () => {});
    for (const event of ['end', 'close']) socket.on(event, () => (this.isClosed = true));
  }

  /** Connects and says hello; `greeting` is the SETTINGS and what follows them. */
  static async connect(port: number, greeting: Uint8Array = GREETING): Promise<RawHttp2> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    const client = new RawHttp2(socket);
    socket.write(PREFACE);
    socket.write(greeting);
    return client;
  }

  send(bytes: Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Sends, and resolves once it is all with the kernel, or the connection is closed. */
  async push(bytes: Uint8Array): Promise<void> {
    if (!this.socket.writable || this.isClosed) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.socket.off('close', done);
        resolve();
      };
      this.socket.once('close', done);
      this.socket.write(bytes, done);
    });
  }

  /** Resolves with true once all that was sent has been read; with false where the connection is closed. */
  async ping(): Promise<boolean> {
    const before = this.#pongs;
    this.send(frame(FRAME.PING, 0, 0, Buffer.from('question')));
    await until(() => this.#pongs > before || this.isClosed);
    return this.#pongs > before;
  }

  async closed(): Promise<void> {
    await until(() => this.isClosed);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #takeFields(id: number, fields: readonly Field[], isEnd: boolean): void {
    const status = fields.find(([name]) => name === ':status')?.[1];
    if (status !== undefined && !status.startsWith('1')) this.statuses.set(id, status);
    if (isEnd) this.ended.add(id);
  }

  #take(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === FRAME.SETTINGS && (flags & ACK) === 0) this.send(frame(FRAME.SETTINGS, ACK, 0));
    if (type === FRAME.PING && (flags & ACK) !== 0) this.#pongs++;
    else if (type === FRAME.PING && !this.isDumb) this.send(frame(FRAME.PING, ACK, 0, payload));
    if (type === FRAME.RST_STREAM) this.resets.set(id, codeName(payload.readUInt32BE(0)));
    if (type === FRAME.GOAWAY) {
      this.goAway = codeName(payload.readUInt32BE(4));
      this.goAwayStream = Math.min(this.goAwayStream, payload.readUInt32BE(0));
    }
    if (type === FRAME.DATA && (flags & 1) !== 0) this.ended.add(id);
  }
}
