/** `POST /api/explain`: what would become of a request, as `tulle explain -o json` says it. It changes nothing. */
import { ProtocolError } from '../../core/errors.ts';
import { isObject } from '../../core/object.ts';
import type { Tool } from './tool.ts';

const TEXT_CHARS_MAX = 2_000;
const HEADERS_MAX = 50;

function textIn(body: Readonly<Record<string, unknown>>, key: string): string {
  const value = body[key] ?? '';
  if (typeof value !== 'string' || value.length > TEXT_CHARS_MAX || /[\0\r\n]/.test(value))
    throw new ProtocolError('bad_field', 400, `"${key}" must be one line of at most ${TEXT_CHARS_MAX} characters`);
  return value.trim();
}

function headersIn({ headers = [] }: Readonly<Record<string, unknown>>): string[] {
  const isText = (each: unknown): each is string => typeof each === 'string' && each.length <= TEXT_CHARS_MAX && !/[\0\r\n]/.test(each);
  if (Array.isArray(headers) && headers.length <= HEADERS_MAX && headers.every(isText)) return headers;
  throw new ProtocolError('bad_field', 400, `"headers" must be a list of at most ${HEADERS_MAX} texts "name: value"`);
}

/** The command line for a body `{ to, from?, gateway?, method?, headers? }`. Throws ProtocolError. */
export function explainArguments(body: unknown): string[] {
  if (!isObject(body)) throw new ProtocolError('bad_body', 400, 'the body must be a JSON object');
  const to = textIn(body, 'to');
  if (to === '') throw new ProtocolError('bad_field', 400, '"to" must be a URL');
  // one argument each, so that no text is taken for an option
  const named = ['from', 'gateway', 'method'].flatMap((key) => {
    const value = textIn(body, key);
    return value === '' ? [] : [`--${key}=${value}`];
  });
  return ['explain', `--to=${to}`, ...named, ...headersIn(body).map((header) => `--header=${header}`)];
}

/** Asks the tool. */
export async function explainRequest(tool: Tool, body: unknown): Promise<object> {
  const answer = await tool.run(explainArguments(body));
  return isObject(answer) ? answer : {};
}
