/** Tells HTTP from other protocols by the first bytes of a connection, as Envoy's http_inspector does. */
import { PREFACE } from '../http2/frames.ts';

/** What the bytes so far are: a version, nothing HTTP, or not yet known. */
export type SniffedHttp = 'http/1.0' | 'http/1.1' | 'h2c' | 'not-http' | 'incomplete';

/** The longest request line that is waited for. */
const LINE_BYTES_MAX = 8192;

const METHOD_CHARACTERS = /^[!#$%&'*+.^_`|~0-9A-Z-]*$/i;
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Z-]+ [^ \r\n]+ HTTP\/1\.([01])$/i;

/** What the first line lacks to be a request line is told as soon as a byte shows it. */
function isPossiblePrefix(text: string): boolean {
  const [method = '', target, version, more] = text.split(' ');
  if (!METHOD_CHARACTERS.test(method) || more !== undefined) return false;
  if (target === undefined) return method.length <= 32;
  if (method === '' || (target === '' && version !== undefined)) return false;
  return version === undefined || 'HTTP/1.1\r'.startsWith(version) || 'HTTP/1.0\r'.startsWith(version);
}

/** Judges the first bytes of a connection, all that have arrived so far. Never throws. */
export function sniffHttp(bytes: Uint8Array): SniffedHttp {
  const text = String.fromCharCode(...bytes.subarray(0, LINE_BYTES_MAX));
  if (text.startsWith(PREFACE)) return 'h2c';
  if (PREFACE.startsWith(text)) return 'incomplete';
  const lineEnd = text.indexOf('\n');
  if (lineEnd === -1) return isPossiblePrefix(text) && bytes.length < LINE_BYTES_MAX ? 'incomplete' : 'not-http';
  const match = REQUEST_LINE.exec(text.slice(0, lineEnd).replace(/\r$/, ''));
  if (match === null) return 'not-http';
  return match[1] === '0' ? 'http/1.0' : 'http/1.1';
}
