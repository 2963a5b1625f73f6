/** Heads as HTTP/1.1 text. What frames a message or concerns the hop is written here and nowhere else. */
import type { HeaderBlock } from '../http/headers.ts';

/**
 * A request head. `path` and `authority` go out as they are; `connection` is the value of Connection, '' for none;
 * `upgrade` likewise.
 */
export function requestHeadText(
  method: string,
  path: string,
  authority: string,
  headers: HeaderBlock,
  isChunked: boolean,
  connection: string,
  upgrade: string,
): string {
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\n${headers.toText()}`;
  if (isChunked) text += 'transfer-encoding: chunked\r\n';
  if (upgrade !== '') text += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
  else if (connection !== '') text += `connection: ${connection}\r\n`;
  return `${text}\r\n`;
}

/** Reason phrases; a status without one goes out as `Unknown`. Source: IANA's registry of status codes. */
const REASONS = {
  100: 'Continue',
  101: 'Switching Protocols',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Entity',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  510: 'Not Extended',
  511: 'Network Authentication Required',
} as const;

const UNKNOWN = 'Unknown';
const REASON_BY_STATUS: ReadonlyMap<number, string> = new Map(Object.entries(REASONS).map(([code, reason]) => [Number(code), reason]));

/** The reason phrase of a status. */
export function reasonOf(status: number): string {
  return REASON_BY_STATUS.get(status) ?? UNKNOWN;
}

/** Status lines by status, so that none is put together for a response. */
const STATUS_LINES: readonly string[] = Array.from({ length: 1000 }, (_, status) => {
  const reason = REASON_BY_STATUS.get(status) ?? UNKNOWN;
  return `HTTP/1.1 ${status} ${reason}\r\n`;
});

/** Names of a head's lines written Like-This. */
export function properCase(head: string): string {
  return head.replace(/^[^:\r\n]+(?=:)/gm, (name) => name.toLowerCase().replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase()));
}

/** A response head; parameters as of `requestHeadText`. */
export function responseHeadText(status: number, headers: HeaderBlock, isChunked: boolean, connection: string, upgrade: string): string {
  let text = (STATUS_LINES[status] ?? `HTTP/1.1 ${status} \r\n`) + headers.toText();
  if (isChunked) text += 'transfer-encoding: chunked\r\n';
  if (upgrade !== '') text += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
  else if (connection !== '') text += `connection: ${connection}\r\n`;
  return `${text}\r\n`;
}

export const CONTINUE_TEXT = 'HTTP/1.1 100 Continue\r\n\r\n';
