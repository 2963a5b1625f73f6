/**
 * Flows as bytes: numbers by their size, texts that repeat as numbers of a dictionary, those that are unique in place.
 * A record begins with its length (2 bytes), when it came (4 bytes of ms after its segment began) and what it is
 * (1 byte), so that whoever looks for others passes over it without reading it.
 */
import { type Flow, type FlowEnd, type FlowRequest, REPORTERS, FLOW_PROTOCOLS } from '../../model/flow.ts';
import type { Provenance } from '../../model/provenance.ts';

/** Texts by numbers; 0 is the empty text. */
export class Dictionary {
  readonly texts: string[] = [''];
  /** What it takes in memory, at most: two bytes a character, a string's head, its place in list and map. */
  bytes = 0;
  #numbers: Map<string, number> | undefined = new Map([['', 0]]);

  number(text: string): number {
    const known = this.#numbers?.get(text);
    if (known !== undefined) return known;
    this.bytes += text.length * 2 + TEXT_BYTES;
    this.#numbers?.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }

  /** No more texts come: what was only for finding them is given up. */
  seal(): void {
    this.#numbers = undefined;
  }
}

const TEXT_BYTES = 88;
/** Length, time, kind. */
const HEAD_BYTES = 7;
const KIND_AT = 6;
/** Longest text that is kept; more of it is cut. */
const MAX_TEXT = 4096;
/** What a record takes at most beside the texts in place: its numbers, each of at most 8 bytes. */
const NUMBERS_BYTES = 320;

const HAS_REQUEST = 0x10;
const IS_MUTUAL = 0x20;
const IS_OPEN = 0x40;

/** A place in bytes that is written or read at. */
interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** Base 128, low bits first; whole numbers below 2^53. */
function putNumber(cursor: Cursor, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    cursor.bytes[cursor.at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  cursor.bytes[cursor.at++] = rest;
}

function takeNumber(cursor: Cursor): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = cursor.bytes[cursor.at++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
}

function putText(cursor: Cursor, text: string): void {
  const length = Buffer.byteLength(text);
  putNumber(cursor, length);
  cursor.at += cursor.bytes.write(text, cursor.at);
}

function takeText(cursor: Cursor): string {
  const length = takeNumber(cursor);
  const text = cursor.bytes.toString('utf8', cursor.at, cursor.at + length);
  cursor.at += length;
  return text;
}

/** An address apart: its host repeats, its port does not. */
const ADDRESS = /^(.+):(\d{1,5})$/;

function putEnd(cursor: Cursor, { namespace, workload, address, principal }: FlowEnd, texts: Dictionary): void {
  putNumber(cursor, texts.number(namespace));
  putNumber(cursor, texts.number(workload));
  putNumber(cursor, texts.number(principal));
  const [, host = address, port] = ADDRESS.exec(address) ?? [];
  putNumber(cursor, texts.number(host));
  putNumber(cursor, port === undefined ? 0 : Number(port) + 1);
}

function takeEnd(cursor: Cursor, texts: readonly string[]): FlowEnd {
  const text = (): string => texts[takeNumber(cursor)] ?? '';
  const [namespace, workload, principal, host] = [text(), text(), text(), text()];
  const port = takeNumber(cursor);
  return { namespace, workload, address: port === 0 ? host : `${host}:${port - 1}`, principal };
}

function putOrigin(cursor: Cursor, origin: Provenance | undefined, texts: Dictionary): void {
  putNumber(cursor, origin === undefined ? 0 : texts.number(origin.kind) + 1);
  if (origin === undefined) return;
  for (const text of [origin.namespace, origin.name, origin.file, origin.field]) putNumber(cursor, texts.number(text));
  putNumber(cursor, origin.line);
}

function takeOrigin(cursor: Cursor, texts: readonly string[]): Provenance | undefined {
  const kind = takeNumber(cursor);
  if (kind === 0) return undefined;
  const text = (): string => texts[takeNumber(cursor)] ?? '';
  const [namespace, name, file, field] = [text(), text(), text(), text()];
  return { kind: texts[kind - 1] ?? '', namespace, name, file, line: takeNumber(cursor), field };
}

function putRequest(cursor: Cursor, request: FlowRequest, texts: Dictionary): void {
  putNumber(cursor, texts.number(request.method));
  putNumber(cursor, texts.number(request.authority));
  putNumber(cursor, texts.number(request.path));
  putNumber(cursor, request.status);
  putNumber(cursor, request.grpcStatus === undefined ? 0 : request.grpcStatus + 1);
  putNumber(cursor, request.headers === undefined ? 0 : texts.number(JSON.stringify(request.headers)));
}

function takeRequest(cursor: Cursor, texts: readonly string[]): FlowRequest {
  const text = (): string => texts[takeNumber(cursor)] ?? '';
  const [method, authority, path] = [text(), text(), text()];
  const status = takeNumber(cursor);
  const grpcStatus = takeNumber(cursor);
  const headers = text();
  return {
    method,
    authority,
    path,
    status,
    ...(grpcStatus > 0 && { grpcStatus: grpcStatus - 1 }),
    ...(headers !== '' && { headers: JSON.parse(headers) }),
  };
}

const micros = (ms: number): number => Math.max(0, Math.round(ms * 1000));

/** Texts as long as they are kept. */
function cut(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}

function cutRequest(request: FlowRequest): FlowRequest {
  return { ...request, authority: cut(request.authority), path: cut(request.path) };
}

/** Bytes that `flow` takes at most in a segment, its texts in the dictionary not counted. */
export function recordBytesMax({ id, traceId }: Flow): number {
  return NUMBERS_BYTES + 3 * (Math.min(id.length, MAX_TEXT) + Math.min(traceId.length, MAX_TEXT));
}

/** Writes `flow` at `start`, where {@link recordBytesMax} bytes must be free. Returns where it ends. */
export function putRecord(bytes: Buffer, start: number, flow: Flow, sinceMs: number, texts: Dictionary): number {
  const cursor: Cursor = { bytes, at: start + HEAD_BYTES };
  const { request, policy, routeOrigin, upstreamMs } = flow;
  bytes[start + KIND_AT] =
    REPORTERS.indexOf(flow.reporter) |
    (FLOW_PROTOCOLS.indexOf(flow.protocol) << 2) |
    (request === undefined ? 0 : HAS_REQUEST) |
    (flow.isMutualTls ? IS_MUTUAL : 0) |
    (flow.isOpen === true ? IS_OPEN : 0);
  bytes.writeUInt32LE(sinceMs, start + 2);
  cursor.at = bytes.writeDoubleLE(flow.startMs, cursor.at);
  putNumber(cursor, micros(flow.durationMs));
  putNumber(cursor, upstreamMs === undefined ? 0 : micros(upstreamMs) + 1);
  putText(cursor, cut(flow.id));
  putText(cursor, cut(flow.traceId));
  for (const text of [flow.proxy, flow.service, flow.cluster, flow.route, flow.flags.join(','), flow.details]) {
    putNumber(cursor, texts.number(cut(text)));
  }
  putNumber(cursor, flow.bytesSent);
  putNumber(cursor, flow.bytesReceived);
  putEnd(cursor, flow.source, texts);
  putEnd(cursor, flow.destination, texts);
  putOrigin(cursor, policy, texts);
  putOrigin(cursor, routeOrigin, texts);
  if (request !== undefined) putRequest(cursor, cutRequest(request), texts);
  bytes.writeUInt16LE(cursor.at - start, start);
  return cursor.at;
}

/** Where the record at `start` ends. */
export function recordEnd(bytes: Buffer, start: number): number {
  return start + bytes.readUInt16LE(start);
}

/** When the record at `start` came, in ms after its segment began. */
export function recordSinceMs(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start + 2);
}

/** Reads the record at `start`; what is not in it is the ring's: the verdict, and when its segment began. */
export function takeRecord(
  bytes: Buffer,
  start: number,
  texts: readonly string[],
  { verdict, baseMs }: { readonly verdict: Flow['verdict']; readonly baseMs: number },
): Flow {
  const kind = bytes[start + KIND_AT] ?? 0;
  const cursor: Cursor = { bytes, at: start + HEAD_BYTES };
  const startMs = bytes.readDoubleLE(cursor.at);
  cursor.at += 8;
  const durationMs = takeNumber(cursor) / 1000;
  const upstream = takeNumber(cursor);
  const id = takeText(cursor);
  const traceId = takeText(cursor);
  const text = (): string => texts[takeNumber(cursor)] ?? '';
  const [proxy, service, cluster, route, flags, details] = [text(), text(), text(), text(), text(), text()];
  const [bytesSent, bytesReceived] = [takeNumber(cursor), takeNumber(cursor)];
  const source = takeEnd(cursor, texts);
  const destination = takeEnd(cursor, texts);
  const policy = takeOrigin(cursor, texts);
  const routeOrigin = takeOrigin(cursor, texts);
  return {
    id,
    proxy,
    reporter: REPORTERS[kind & 3] ?? 'source',
    startMs,
    receivedMs: baseMs + recordSinceMs(bytes, start),
    durationMs,
    ...(upstream > 0 && { upstreamMs: (upstream - 1) / 1000 }),
    protocol: FLOW_PROTOCOLS[(kind >> 2) & 3] ?? 'tcp',
    source,
    destination,
    service,
    cluster,
    verdict,
    flags: flags === '' ? [] : flags.split(','),
    details,
    ...(policy !== undefined && { policy }),
    route,
    ...(routeOrigin !== undefined && { routeOrigin }),
    isMutualTls: (kind & IS_MUTUAL) !== 0,
    ...((kind & IS_OPEN) !== 0 && { isOpen: true }),
    bytesSent,
    bytesReceived,
    traceId,
    ...((kind & HAS_REQUEST) !== 0 && { request: takeRequest(cursor, texts) }),
  };
}
