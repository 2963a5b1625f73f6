/** Request line and status line (RFC 9112 sections 3 and 4): exactly one space between parts, nothing around them. */
import type { ProtocolError } from '../../core/errors.ts';
import { CR, IS_AUTHORITY, IS_TARGET, isAll, IS_VALUE, latin1, LF, LOWER_TOKEN, SPACE } from './bytes.ts';
import { fault } from './faults.ts';

/** Methods that are registered with IANA or that clients are known to use; others are refused unless allowed. */
const METHODS: ReadonlySet<string> = new Set(
  (
    'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK ' +
    'M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE NOTIFY ORDERPATCH PRI PROPFIND PROPPATCH PURGE ' +
    'REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNCHECKOUT UNLINK UNLOCK UNSUBSCRIBE UPDATE UPDATEREDIRECTREF VERSION-CONTROL'
  ).split(' '),
);

const LONGEST_METHOD = 64;

/** A start line as read. One object is used again: take what is needed before the next one. */
export interface StartLine {
  method: string;
  target: string;
  /** 0 or 1. */
  minor: number;
  status: number;
  error: ProtocolError | undefined;
}

export function newStartLine(): StartLine {
  return { method: '', target: '', minor: 1, status: 0, error: undefined };
}

function failed(line: StartLine, error: ProtocolError): number {
  line.error = error;
  return -2;
}

const VERSION = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e] as const; // HTTP/1.
const VERSION_BYTES = 8;

/** Minor version of the `HTTP/1.x` at `at`, 2 for another version of HTTP, -1 for anything else. */
function minorVersionAt(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 5; i++) if (bytes[at + i] !== VERSION[i]) return -1;
  const minor = (bytes[at + 7] ?? 0) - 0x30;
  if (bytes[at + 5] !== VERSION[5] || bytes[at + 6] !== VERSION[6]) return 2;
  return minor >= 0 && minor <= 1 ? minor : 2;
}

/**
 * Reads a request line from `start`. Gives the offset after its CR LF; -1 where `end` comes first; -2 with
 * `line.error` set.
 */
export function readRequestLine(bytes: Uint8Array, start: number, end: number, allowsCustomMethods: boolean, line: StartLine): number {
  let at = start;
  while (at < end && LOWER_TOKEN[bytes[at] ?? 0] !== 0) at++;
  if (at - start > LONGEST_METHOD) return failed(line, fault('http1.method'));
  if (at >= end) return -1;
  if (bytes[at] !== SPACE || at === start) return failed(line, fault('http1.method'));
  const targetStart = at + 1;
  at = targetStart;
  while (at < end && IS_TARGET[bytes[at] ?? 0] === 1) at++;
  if (at >= end) return -1;
  // a line that ends here is HTTP/0.9's
  if (bytes[at] === CR && at > targetStart) return failed(line, fault('http1.version'));
  if (bytes[at] !== SPACE || at === targetStart) return failed(line, fault('http1.target'));
  const versionStart = at + 1;
  const lineEnd = versionStart + VERSION_BYTES;
  if (lineEnd + 2 > end) return -1;
  const minor = minorVersionAt(bytes, versionStart);
  if (minor === -1) return failed(line, fault('http1.request_line'));
  if (minor === 2) return failed(line, fault('http1.version'));
  if (bytes[lineEnd] !== CR || bytes[lineEnd + 1] !== LF) return failed(line, fault('http1.request_line'));
  line.method = latin1(bytes, start, targetStart - 1);
  if (!allowsCustomMethods && !METHODS.has(line.method)) return failed(line, fault('http1.method'));
  line.target = latin1(bytes, targetStart, versionStart - 1);
  line.minor = minor;
  return lineEnd + 2;
}

/** Reads a status line; results as of `readRequestLine`. */
export function readStatusLine(bytes: Uint8Array, start: number, end: number, line: StartLine): number {
  const codeStart = start + VERSION_BYTES + 1;
  if (codeStart + 5 > end) return -1;
  const minor = minorVersionAt(bytes, start);
  if (minor === -1 || minor === 2 || bytes[codeStart - 1] !== SPACE) return failed(line, fault('http1.status_line'));
  let status = 0;
  for (let i = codeStart; i < codeStart + 3; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return failed(line, fault('http1.status_line'));
    status = status * 10 + digit;
  }
  let at = codeStart + 3;
  // The space before an empty reason is often left out.
  if (status < 100 || (bytes[at] !== SPACE && bytes[at] !== CR)) return failed(line, fault('http1.status_line'));
  while (at < end && IS_VALUE[bytes[at] ?? 0] === 1) at++;
  if (at + 1 >= end) return at >= end || bytes[at] === CR ? -1 : failed(line, fault('http1.status_line'));
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return failed(line, fault('http1.status_line'));
  line.status = status;
  line.minor = minor;
  return at + 2;
}

/** A request target taken apart. `authority` and `scheme` are '' where it does not say. */
export interface Target {
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
}

const ABSOLUTE = /^(https?):\/\/([^/?]+)(.*)$/i;

/** The four forms of a target (RFC 9112 section 3.2), or undefined where `target` is none that `method` may have. */
export function parseTarget(method: string, target: string): Target | undefined {
  if (method === 'CONNECT') {
    return /:\d{1,5}$/.test(target) && isAll(target, IS_AUTHORITY) ? { path: '', authority: target, scheme: '' } : undefined;
  }
  if (target.charCodeAt(0) === 0x2f) return { path: target, authority: '', scheme: '' };
  if (target === '*') return method === 'OPTIONS' ? { path: '*', authority: '', scheme: '' } : undefined;
  const [, scheme = '', authority = '', rest = ''] = ABSOLUTE.exec(target) ?? [];
  if (authority === '' || !isAll(authority, IS_AUTHORITY)) return undefined;
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority, scheme: scheme.toLowerCase() };
}
