/** The origin's HTTP/2, by Node's own. */
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { fieldOf } from './h1-body.ts';
import type { Notebook, Seen } from './origin.ts';
import { bodyOf, readWishes, type Wishes, wishOf } from './wishes.ts';

const { constants } = http2;

/** Error codes of RST_STREAM and GOAWAY by name, as RFC 9113 section 7 has them. */
const CODES: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(constants)
    .filter(([name]) => name.startsWith('NGHTTP2_') && !name.startsWith('NGHTTP2_ERR_') && /^[A-Z0-9_]+$/.test(name))
    .map(([name, value]) => [name.slice('NGHTTP2_'.length), Number(value)]),
);

const NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** The name of an error code. */
export const codeName = (code: number): string => NAMES[code] ?? `code ${code}`;
const codeOf = (name: string): number => CODES[name] ?? constants.NGHTTP2_INTERNAL_ERROR;

function linesOf(raw: readonly string[]): string[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => `${raw[2 * index]}: ${raw[2 * index + 1]}`);
}

function headersOf(lines: readonly string[]): http2.OutgoingHttpHeaders {
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    (headers[line.slice(0, colon).toLowerCase()] ??= []).push(line.slice(colon + 1).trim());
  }
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function finish(stream: http2.ServerHttp2Stream, wishes: Wishes): void {
  const body = bodyOf(wishes);
  if (wishes.has('cut')) {
    stream.write(body);
    // what was written leaves before the reset
    setTimeout(() => stream.close(codeOf(wishOf(wishes, 'cut') ?? '')), 30);
    return;
  }
  stream.end(body);
  if (wishes.has('goaway')) stream.session?.goaway(constants.NGHTTP2_NO_ERROR);
}

async function answer(stream: http2.ServerHttp2Stream, isHead: boolean, wishes: Wishes): Promise<void> {
  const delayMs = Number(wishOf(wishes, 'delay') ?? 0);
  if (delayMs > 0) await wait(delayMs);
  if (stream.destroyed) return;
  for (const status of wishes.get('interim') ?? []) stream.additionalHeaders({ ':status': Number(status), 'x-interim': status });
  if (wishes.has('reset')) return stream.close(codeOf(wishOf(wishes, 'reset') ?? ''));
  const status = Number(wishOf(wishes, 'status') ?? 200);
  const head = { ':status': status, ...headersOf(wishes.get('h') ?? []) };
  const trailers = wishes.get('trailer');
  const hasBody = status !== 204 && status !== 304 && !isHead && (trailers !== undefined || bodyOf(wishes) !== '');
  stream.respond(head, {
    endStream: !hasBody,
    waitForTrailers: trailers !== undefined,
    sendDate: false,
  } as http2.ServerStreamResponseOptions);
  if (!hasBody) return;
  if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(headersOf(trailers)));
  const lateMs = Number(wishOf(wishes, 'late') ?? 0);
  if (lateMs > 0) await wait(lateMs);
  if (!stream.destroyed) finish(stream, wishes);
}

function serveStream(stream: http2.ServerHttp2Stream, raw: readonly string[], notebook: Notebook, secret: string | undefined): void {
  const lines = linesOf(raw);
  const pseudo = (name: string): string => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
  const line = `${pseudo(':method')} ${pseudo(':path')} HTTP/2`;
  const fields = lines.filter((each) => !/^:(method|path): /.test(each));
  let body = '';
  let trailers: readonly string[] = [];
  let end: string | undefined;
  const seen = (): Seen => ({
    line,
    fields,
    body,
    trailers,
    ...(end === undefined ? {} : { end }),
    ...(secret === undefined ? {} : { tls: secret }),
  });
  const wishes = readWishes(fieldOf(fields, 'x-do'), line);
  const count = notebook.note(fieldOf(fields, 'x-case'), seen);
  const isOver = count >= Number(wishOf(wishes, 'times') ?? Infinity);
  const reply = (): Promise<void> => answer(stream, line.startsWith('HEAD '), isOver ? new Map() : wishes);
  stream.on('error', () => {});
  stream.on('aborted', () => (end = `reset ${codeName(stream.rstCode)}`));
  stream.on('trailers', (_headers, _flags, rawTrailers: string[]) => (trailers = linesOf(rawTrailers)));
  if (line.startsWith('CONNECT ') && !wishes.has('status')) {
    stream.respond({ ':status': 200 }, { sendDate: false } as http2.ServerStreamResponseOptions);
    stream.pipe(stream);
    return;
  }
  if (wishes.has('early')) void reply();
  stream.on('data', (bytes: Buffer) => (body += bytes.toString('latin1')));
  stream.on('end', () => {
    if (!wishes.has('early')) void reply();
  });
}

/** Serves a connection whose client has HTTP/2 in mind. `secret` says what its TLS was. */
export function serveHttp2(socket: Duplex, notebook: Notebook, secret?: string): void {
  const session = http2.performServerHandshake(socket, { settings: { enableConnectProtocol: true } });
  session.on('error', () => session.destroy());
  session.on('stream', (stream, _headers, _flags, rawHeaders: string[]) => serveStream(stream, rawHeaders, notebook, secret));
}
