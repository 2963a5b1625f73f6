/** Cookies of a request. Source: RFC 6265; quotes as in Envoy. */
import type { HeaderMap } from '../../../wire/http/message.ts';

/** The value of a cookie, without quotes around it; undefined where there is none. */
export function cookieOf(headers: HeaderMap, name: string): string | undefined {
  if (!headers.has('cookie')) return undefined;
  for (const field of headers.getAll('cookie')) {
    for (const pair of field.split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
      const value = pair.slice(equals + 1).trim();
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return undefined;
}
