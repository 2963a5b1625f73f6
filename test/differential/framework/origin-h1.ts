/** The origin's HTTP/1.1. */
import type net from 'node:net';
import { fieldOf, takeBody } from './h1-body.ts';
import type { Notebook, Seen } from './origin.ts';
import { bodyOf, readWishes, type Wishes, wishOf } from './wishes.ts';

function answerText(wishes: Wishes): string {
  const body = bodyOf(wishes);
  const status = wishOf(wishes, 'status') ?? '200';
  const isChunked = wishes.has('chunked') || wishes.has('trailer');
  const hasBody = status !== '204' && status !== '304';
  const fields = [...(wishes.get('h') ?? [])];
  if (isChunked) fields.push('transfer-encoding: chunked');
  else if (hasBody) fields.push(`content-length: ${body.length}`);
  if (wishes.has('close')) fields.push('connection: close');
  const head = `HTTP/1.1 ${status} Origin\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`;
  if (!hasBody) return head;
  if (!isChunked) return head + body;
  const trailers = (wishes.get('trailer') ?? []).map((line) => `${line}\r\n`).join('');
  return `${head}${body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n${trailers}\r\n`;
}

/** Nothing waits for an answer that nobody waits for any more. */
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

async function answer(socket: net.Socket, line: string, wishes: Wishes): Promise<void> {
  const delayMs = Number(wishOf(wishes, 'delay') ?? 0);
  if (delayMs > 0) await wait(delayMs);
  if (socket.destroyed) return;
  for (const status of wishes.get('interim') ?? []) socket.write(`HTTP/1.1 ${status} Interim\r\nx-interim: ${status}\r\n\r\n`);
  if (wishes.has('reset')) return void socket.destroy();
  const raw = wishOf(wishes, 'raw');
  if (raw !== undefined) {
    socket.write(raw, 'latin1');
    // the bytes are read before the reset overtakes them
    if (wishes.has('cut')) setTimeout(() => socket.resetAndDestroy(), 400);
    if (wishes.has('end')) socket.end();
    return;
  }
  const text = answerText(wishes);
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
  const lateMs = Number(wishOf(wishes, 'late') ?? 0);
  if (lateMs > 0) {
    socket.write(head, 'latin1');
    await wait(lateMs);
  }
  socket.write(line.startsWith('HEAD ') ? head : text.slice(lateMs > 0 ? head.length : 0), 'latin1');
  if (wishes.has('close')) socket.end();
}

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: yes\r\n\r\n';
const CONNECTED = 'HTTP/1.1 200 Connected\r\n\r\n';

/** Bytes of a tunnel come back as they are. */
function echo(socket: net.Socket, accepted: string, rest: string): void {
  socket.write(accepted);
  if (rest !== '') socket.write(rest, 'latin1');
  socket.on('data', (bytes: Buffer) => socket.write(bytes));
}

/** Serves a connection. `secret` says what its TLS was. */
export function serveHttp1(socket: net.Socket, notebook: Notebook, secret?: string): void {
  let text = '';
  let isTunnel = false;
  let wasContinued = false;
  const pump = async (): Promise<void> => {
    const end = text.indexOf('\r\n\r\n');
    if (end < 0 || isTunnel) return;
    const [line = '', ...fields] = text.slice(0, end).split('\r\n');
    if (/100-continue/i.test(fieldOf(fields, 'expect')) && !wasContinued) {
      wasContinued = true;
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    }
    const framed = takeBody(fields, text.slice(end + 4));
    if (framed === undefined) return;
    wasContinued = false;
    text = framed.rest;
    const seen: Seen = { line, fields, body: framed.body, trailers: framed.trailers, ...(secret === undefined ? {} : { tls: secret }) };
    const count = notebook.note(fieldOf(fields, 'x-case'), () => seen);
    const wishes = readWishes(fieldOf(fields, 'x-do'), line);
    const isConnect = line.startsWith('CONNECT ');
    if ((isConnect || fieldOf(fields, 'upgrade') === 'websocket') && !wishes.has('status')) {
      isTunnel = true;
      return echo(socket, isConnect ? CONNECTED : SWITCHING, framed.rest);
    }
    await answer(socket, line, count >= Number(wishOf(wishes, 'times') ?? Infinity) ? new Map() : wishes);
    await pump();
  };
  socket.on('data', (bytes: Buffer) => {
    if (isTunnel) return;
    text += bytes.toString('latin1');
    void pump();
  });
  socket.on('error', () => socket.destroy());
}
