/**
 * An origin that remembers what it was sent, byte for byte, and misbehaves as a request's `x-do` field asks.
 *
 * `x-do` is a list of `name=value` between `;`, values percent-encoded:
 * `times` (only the first so many attempts), `delay` (ms before the head), `reset` (closes without an answer),
 * `raw` (these bytes instead of an answer, then `end=1` ends the connection and `cut=1` resets it),
 * `status`, `h` (a field's line), `body`, `size` (a body of so many bytes), `chunked`, `trailer` (a field's line), `interim` (a status), `close`.
 */
import { once } from 'node:events';
import net from 'node:net';

/** One request as it came in. */
export interface Seen {
  readonly line: string;
  /** Field lines as they came, in their order. */
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

export interface Origin {
  readonly port: number;
  /** Requests by their `x-case`, in the order in which they came. */
  seen(caseName: string): readonly Seen[];
  close(): Promise<void>;
}

type Wishes = ReadonlyMap<string, readonly string[]>;

function readWishes(text: string): Wishes {
  const wishes = new Map<string, string[]>();
  for (const part of text.split(';').filter((each) => each !== '')) {
    const [name = '', value = ''] = part.split('=', 2);
    wishes.set(name, [...(wishes.get(name) ?? []), decodeURIComponent(value)]);
  }
  return wishes;
}

function fieldOf(fields: readonly string[], name: string): string {
  const line = fields.find((each) => each.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? '' : line.slice(name.length + 1).trim();
}

interface Framed {
  readonly body: string;
  readonly trailers: readonly string[];
  readonly rest: string;
}

/** Takes a chunked body from the start of `text`; undefined where it is not all there. */
function takeChunked(text: string): Framed | undefined {
  let rest = text;
  let body = '';
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end < 0) return undefined;
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (size > 0) {
      if (rest.length < end + 4 + size) return undefined;
      body += rest.slice(end + 2, end + 2 + size);
      rest = rest.slice(end + 4 + size);
      continue;
    }
    const lines: string[] = [];
    rest = rest.slice(end + 2);
    for (;;) {
      const stop = rest.indexOf('\r\n');
      if (stop < 0) return undefined;
      const line = rest.slice(0, stop);
      rest = rest.slice(stop + 2);
      if (line === '') return { body, trailers: lines, rest };
      lines.push(line);
    }
  }
}

/** Takes one message's body; the same for requests and responses. */
export function takeBody(fields: readonly string[], text: string): Framed | undefined {
  if (/chunked/i.test(fieldOf(fields, 'transfer-encoding'))) return takeChunked(text);
  const length = Number(fieldOf(fields, 'content-length') || 0);
  return text.length < length ? undefined : { body: text.slice(0, length), trailers: [], rest: text.slice(length) };
}

function answerText(wishes: Wishes): string {
  const one = (name: string): string | undefined => wishes.get(name)?.[0];
  const body = wishes.has('size') ? 'x'.repeat(Number(one('size'))) : (one('body') ?? 'ok');
  const status = one('status') ?? '200';
  const isChunked = wishes.has('chunked') || wishes.has('trailer');
  const hasBody = status !== '204' && status !== '304';
  const fields = [...(wishes.get('h') ?? [])];
  if (isChunked) fields.push('transfer-encoding: chunked');
  else if (hasBody) fields.push(`content-length: ${body.length}`);
  if (wishes.has('close')) fields.push('connection: close');
  const head = `HTTP/1.1 ${status} Origin\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`;
  if (!hasBody) return head;
  if (!isChunked) return head + body;
  return `${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n${(wishes.get('trailer') ?? []).map((line) => `${line}\r\n`).join('')}\r\n`;
}

async function answer(socket: net.Socket, seen: Seen, wishes: Wishes): Promise<void> {
  const one = (name: string): string | undefined => wishes.get(name)?.[0];
  const delayMs = Number(one('delay') ?? 0);
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  if (socket.destroyed) return;
  for (const status of wishes.get('interim') ?? []) socket.write(`HTTP/1.1 ${status} Interim\r\nx-interim: ${status}\r\n\r\n`);
  if (wishes.has('reset')) return void socket.destroy();
  const raw = one('raw');
  if (raw !== undefined) {
    socket.write(raw, 'latin1');
    // the bytes are read before the reset overtakes them
    if (wishes.has('cut')) setTimeout(() => socket.resetAndDestroy(), 50);
    if (wishes.has('end')) socket.end();
    return;
  }
  const text = answerText(wishes);
  socket.write(seen.line.startsWith('HEAD ') ? text.slice(0, text.indexOf('\r\n\r\n') + 4) : text, 'latin1');
  if (wishes.has('close')) socket.end();
}

/** Bytes after an upgrade come back as they are. */
function upgrade(socket: net.Socket, rest: string): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: yes\r\n\r\n');
  if (rest !== '') socket.write(rest, 'latin1');
  socket.on('data', (bytes: Buffer) => socket.write(bytes));
}

/** Starts it on a port of loopback that is free. */
export async function startOrigin(): Promise<Origin> {
  const seen = new Map<string, Seen[]>();
  const sockets = new Set<net.Socket>();
  const serve = async (socket: net.Socket): Promise<void> => {
    let text = '';
    let isUpgraded = false;
    let wasContinued = false;
    const pump = async (): Promise<void> => {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0 || isUpgraded) return;
      const [line = '', ...fields] = text.slice(0, end).split('\r\n');
      if (/100-continue/i.test(fieldOf(fields, 'expect')) && !wasContinued) {
        wasContinued = true;
        socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      }
      const framed = takeBody(fields, text.slice(end + 4));
      if (framed === undefined) return;
      wasContinued = false;
      text = framed.rest;
      const request: Seen = { line, fields, body: framed.body, trailers: framed.trailers };
      const name = fieldOf(fields, 'x-case');
      const list = seen.get(name) ?? [];
      seen.set(name, [...list, request]);
      const wishes = readWishes(fieldOf(fields, 'x-do'));
      const isOver = list.length >= Number(wishes.get('times')?.[0] ?? Infinity);
      if (fieldOf(fields, 'upgrade') === 'websocket' && !wishes.has('status')) {
        isUpgraded = true;
        return upgrade(socket, framed.rest);
      }
      await answer(socket, request, isOver ? new Map() : wishes);
      await pump();
    };
    socket.on('data', (bytes: Buffer) => {
      if (isUpgraded) return;
      text += bytes.toString('latin1');
      void pump();
    });
    socket.on('error', () => socket.destroy());
    sockets.add(socket);
    await once(socket, 'close');
    sockets.delete(socket);
  };
  const server = net.createServer((socket) => void serve(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    seen: (name) => seen.get(name) ?? [],
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
