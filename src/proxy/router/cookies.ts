/** Cookies of requests. RFC 6265 section 4.2.1. */
import type { RequestHead } from '../../wire/http/message.ts';

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function valueIn(field: string, name: string): string | undefined {
  for (const pair of field.split(';')) {
    const equals = pair.indexOf('=');
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return unquoted(pair.slice(equals + 1).trim());
  }
  return undefined;
}

/** The first value of a cookie over all `cookie` fields, without quotes; undefined where there is none. */
export function cookieValue(head: RequestHead, name: string): string | undefined {
  for (const field of head.headers.getAll('cookie')) {
    const value = valueIn(field, name);
    if (value !== undefined) return value;
  }
  return undefined;
}
