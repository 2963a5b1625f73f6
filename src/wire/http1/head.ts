/**
 * Heads of HTTP/1.1 messages, and how their bodies are framed (RFC 9112 section 6). Anything that two parsers could
 * read in two ways is refused.
 */
import type { ProtocolError } from '../../core/errors.ts';
import { HeaderBlock, trimBlanks } from '../http/headers.ts';
import type { HttpProtocol, IncomingRequest, IncomingResponse } from '../http/message.ts';
import { IS_AUTHORITY, isAll, latin1 } from './bytes.ts';
import { fault } from './faults.ts';
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  type HeadLimits,
  HOST,
  KEEP_ALIVE,
  newFieldScan,
  scanFields,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from './fields.ts';
import { newStartLine, parseTarget, readRequestLine, readStatusLine } from './start-line.ts';

export interface RequestOptions extends HeadLimits {
  readonly allowsCustomMethods: boolean;
  /** Authority of HTTP/1.0 requests without Host; '' for none. */
  readonly defaultHost: string;
  /** A request with both Content-Length and chunks is read by its chunks (RFC 9112 section 6.3), not refused. */
  readonly allowsChunkedLength?: boolean;
}

/** A request of HTTP/1.x. */
export interface Http1Request extends IncomingRequest {
  readonly isChunked: boolean;
  /** Whether the client lets the connection serve another request. */
  readonly isPersistent: boolean;
}

/** A response of HTTP/1.x. */
export interface Http1Response extends IncomingResponse {
  readonly protocol: HttpProtocol;
  readonly isChunked: boolean;
  readonly isPersistent: boolean;
  /** The body lasts until the connection ends. */
  readonly isUntilClose: boolean;
  /** For how many seconds the server keeps the connection without requests, as its Keep-Alive says; -1 where it does not. */
  readonly keepAliveSeconds: number;
}

/** What reading a head came to: `consumed` bytes, or -1 for "not all there yet", or an error. */
export interface HeadResult<Head> {
  consumed: number;
  head: Head | undefined;
  error: ProtocolError | undefined;
}

const scan = newFieldScan();
const line = newStartLine();

/** The codec's own fields, collected from the lines that `scan` set aside. */
interface Framing {
  host: string | undefined;
  contentLength: number;
  isChunked: boolean;
  isClose: boolean;
  isKeepAlive: boolean;
  isUpgrade: boolean;
  upgrade: string;
  acceptsTrailers: boolean;
  expectsContinue: boolean;
  keepAliveSeconds: number;
  /** Fields that `Connection` nominates: they end here. */
  nominated: string[] | undefined;
  error: ProtocolError | undefined;
}

const framing: Framing = {
  host: undefined,
  contentLength: -1,
  isChunked: false,
  isClose: false,
  isKeepAlive: false,
  isUpgrade: false,
  upgrade: '',
  acceptsTrailers: false,
  expectsContinue: false,
  keepAliveSeconds: -1,
  nominated: undefined,
  error: undefined,
};

function resetFraming(): void {
  framing.host = undefined;
  framing.contentLength = -1;
  framing.isChunked = false;
  framing.isClose = false;
  framing.isKeepAlive = false;
  framing.isUpgrade = false;
  framing.upgrade = '';
  framing.acceptsTrailers = false;
  framing.expectsContinue = false;
  framing.keepAliveSeconds = -1;
  framing.nominated = undefined;
  framing.error = undefined;
}

const LONGEST_LENGTH = 15;

/** Decimal digits only, at most 15 of them so that the number is exact; -1 otherwise. */
function parseLength(value: string): number {
  if (value.length === 0 || value.length > LONGEST_LENGTH) return -1;
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** The parameter `timeout` (RFC 2068 section 19.7.1.1), which Node's servers say in every response; -1 without one. */
function readKeepAlive(value: string): number {
  const seconds = /(?:^|[,; ])timeout=(\d{1,9})(?:$|[,; ])/i.exec(value)?.[1];
  return seconds === undefined ? -1 : Number(seconds);
}

function readConnection(value: string): void {
  const lower = value.toLowerCase();
  if (lower === 'keep-alive') framing.isKeepAlive = true;
  else if (lower === 'close') framing.isClose = true;
  else for (const option of lower.split(',')) readConnectionOption(option.trim());
}

function readConnectionOption(option: string): void {
  if (option === 'close') framing.isClose = true;
  else if (option === 'keep-alive') framing.isKeepAlive = true;
  else if (option === 'upgrade') framing.isUpgrade = true;
  else if (option !== '' && option !== 'te' && option !== 'http2-settings') (framing.nominated ??= []).push(option);
}

function readSpecial(kind: number, value: string): void {
  if (kind === HOST) {
    if (framing.host !== undefined) framing.error ??= fault('http1.duplicate_host');
    framing.host = value;
  } else if (kind === CONTENT_LENGTH) {
    const length = parseLength(value);
    if (length < 0 || framing.contentLength >= 0) framing.error ??= fault('http1.content_length');
    framing.contentLength = length;
  } else if (kind === TRANSFER_ENCODING) {
    if (framing.isChunked || value.toLowerCase() !== 'chunked') framing.error ??= fault('http1.transfer_encoding');
    framing.isChunked = true;
  } else if (kind === CONNECTION) readConnection(value);
  else if (kind === UPGRADE) framing.upgrade = framing.upgrade === '' ? value.toLowerCase() : `${framing.upgrade},${value.toLowerCase()}`;
  else if (kind === KEEP_ALIVE) framing.keepAliveSeconds = readKeepAlive(value);
  else if (kind === TE) framing.acceptsTrailers ||= /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value);
  else if (kind === EXPECT) {
    if (value.toLowerCase() !== '100-continue') framing.error ??= fault('http1.expect');
    framing.expectsContinue = true;
  }
}

/** Fields that a sender may not get rid of by nominating them. */
const NEVER_NOMINATED: ReadonlySet<string> = new Set(['content-length', 'host', 'cookie', 'set-cookie', 'authorization']);

/** Fills `framing` from the scanned lines, and gives the header block without what concerned this hop. */
function collect(text: string, allowsChunkedLength: boolean): HeaderBlock {
  resetFraming();
  const special = scan.special;
  for (let i = 0; i < special.length; i += 3) {
    readSpecial(special[i] ?? 0, trimBlanks(text, special[i + 1] ?? 0, special[i + 2] ?? 0));
  }
  const hasBoth = framing.isChunked && framing.contentLength >= 0;
  if (hasBoth && !allowsChunkedLength) framing.error ??= fault('http1.content_length_and_chunked');
  const headers = new HeaderBlock(text, scan.marks, scan.bits);
  if (hasBoth) headers.remove('content-length');
  if (framing.acceptsTrailers) headers.add('te', 'trailers');
  for (const name of framing.nominated ?? []) if (!NEVER_NOMINATED.has(name)) headers.remove(name);
  return headers;
}

function authorityFault(): ProtocolError | undefined {
  if (framing.host === undefined || framing.host === '') return fault('http1.missing_host');
  return isAll(framing.host, IS_AUTHORITY) ? undefined : fault('http1.host');
}

/** Reads a request head from `start` into `result`. */
export function readRequestHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  options: RequestOptions,
  result: HeadResult<Http1Request>,
): void {
  result.head = undefined;
  result.consumed = readRequestLine(bytes, start, end, options.allowsCustomMethods, line);
  result.error = result.consumed === -2 ? line.error : undefined;
  if (result.consumed < 0) return;
  const after = scanFields(bytes, result.consumed, end, start, options, scan);
  result.consumed = after;
  result.error = after === -2 ? scan.error : undefined;
  if (after < 0) return;
  const headers = collect(latin1(bytes, start, after), options.allowsChunkedLength === true);
  const target = parseTarget(line.method, line.target);
  if (line.minor === 0 && framing.host === undefined && options.defaultHost !== '') framing.host = options.defaultHost;
  if (target === undefined) framing.error ??= fault('http1.target');
  if (line.minor === 0 && framing.isChunked) framing.error ??= fault('http1.transfer_encoding_1_0');
  if (line.minor === 1 || framing.host !== undefined) framing.error ??= authorityFault();
  result.error = framing.error;
  if (framing.error !== undefined || target === undefined) return;
  const isHttp11 = line.minor === 1;
  result.head = {
    method: line.method,
    path: target.path,
    authority: target.authority === '' ? (framing.host ?? '') : target.authority,
    scheme: target.scheme,
    protocol: isHttp11 ? 'HTTP/1.1' : 'HTTP/1.0',
    headers,
    contentLength: framing.isChunked ? -1 : Math.max(0, framing.contentLength),
    isChunked: framing.isChunked,
    isPersistent: isHttp11 ? !framing.isClose : framing.isKeepAlive && !framing.isClose,
    expectsContinue: framing.expectsContinue && isHttp11,
    upgrade: framing.isUpgrade && isHttp11 ? framing.upgrade : '',
    isAbsolute: target.scheme !== '',
  };
}

/**
 * Reads a response head. `isToHead`: it answers HEAD, so it has no body whatever it declares (RFC 9110 section 9.3.2);
 * nor have 1xx, 204 and 304.
 */
export function readResponseHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: HeadLimits,
  isToHead: boolean,
  result: HeadResult<Http1Response>,
): void {
  result.head = undefined;
  result.consumed = readStatusLine(bytes, start, end, line);
  result.error = result.consumed === -2 ? line.error : undefined;
  if (result.consumed < 0) return;
  const after = scanFields(bytes, result.consumed, end, start, limits, scan);
  result.consumed = after;
  result.error = after === -2 ? scan.error : undefined;
  if (after < 0) return;
  const headers = collect(latin1(bytes, start, after), false);
  const { status, minor } = line;
  if (minor === 0 && framing.isChunked) framing.error ??= fault('http1.transfer_encoding_1_0');
  result.error = framing.error;
  if (framing.error !== undefined) return;
  const isBodiless = isToHead || status < 200 || status === 204 || status === 304;
  const isUntilClose = !isBodiless && !framing.isChunked && framing.contentLength < 0;
  result.head = {
    status,
    headers,
    protocol: minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0',
    contentLength: isBodiless ? 0 : framing.isChunked ? -1 : framing.contentLength,
    isChunked: framing.isChunked && !isBodiless,
    isPersistent: !isUntilClose && (minor === 1 ? !framing.isClose : framing.isKeepAlive && !framing.isClose),
    upgrade: framing.isUpgrade ? framing.upgrade : '',
    isUntilClose,
    keepAliveSeconds: framing.keepAliveSeconds,
  };
}
