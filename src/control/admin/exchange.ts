/** One call of the admin API, and how its body is read. */
import type http from 'node:http';
import { messageOf, ProtocolError } from '../../core/errors.ts';
import type { ControlState } from '../control-state.ts';

/** What a call is answered by. */
export interface Exchange {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** As asked, without the query. */
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly state: ControlState;
  readonly version: string;
  /** True on the Unix socket. */
  readonly isPrivate: boolean;
}

const BODY_BYTES_MAX = 64 * 1024;
/** Kubernetes' form of names. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** The body as text. Throws ProtocolError where it is too large. */
export async function readText(request: http.IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // who sends too much is told so: the connection is not broken off
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > bytesMax) throw new ProtocolError('body_too_large', 413, `the body is larger than ${bytesMax} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The body as JSON. Throws ProtocolError where it is too large or something else. */
export async function readBody(request: http.IncomingMessage, bytesMax = BODY_BYTES_MAX): Promise<unknown> {
  const text = await readText(request, bytesMax);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('bad_json', 400, `the body is not JSON: ${messageOf(cause)}`);
  }
}

/** A part of a path, decoded. Throws ProtocolError where it cannot be. */
export function decodedPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ProtocolError('bad_path', 400, `${JSON.stringify(part)} is not part of a path`);
  }
}

/** Refuses a call that came over TCP; `what` says what it asked for. */
export function checkPrivate({ isPrivate }: Exchange, what: string): void {
  if (!isPrivate) throw new ProtocolError('not_private', 403, `${what} only over the Unix socket`);
}

/** `value` where it is a name; `key` says what it names in the error. */
export function checkName(value: unknown, key: string): string {
  if (typeof value === 'string' && NAME.test(value)) return value;
  throw new ProtocolError(
    'bad_field',
    400,
    `"${key}" must be a name of lower-case letters, digits, "-" and ".", not ${JSON.stringify(value)}`,
  );
}

/** The name under `key` of a body. */
export function nameIn(body: unknown, key: string): string {
  return checkName(typeof body === 'object' && body !== null ? Reflect.get(body, key) : undefined, key);
}
