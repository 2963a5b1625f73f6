/** Fields that compressing and decompressing look at and change. */
import type { HeaderMap, RequestHead, ResponseHead } from '../../../../wire/http/message.ts';

/** The values of a field as one list; undefined where it is missing. */
export function joined(headers: HeaderMap, name: string): string | undefined {
  return headers.has(name) ? headers.getAll(name).join(',') : undefined;
}

/** Whether a comma-separated list has an element, whatever its case. */
function hasToken(list: string | undefined, token: string): boolean {
  return list !== undefined && list.split(',').some((element) => element.trim().toLowerCase() === token);
}

/** `cache-control: no-transform`: nobody on the way may change the body. RFC 9110 section 7.7. */
export function forbidsTransform(headers: HeaderMap): boolean {
  return hasToken(joined(headers, 'cache-control'), 'no-transform');
}

/** The media type without parameters, in lower case; undefined where the field is missing. */
export function mediaType(headers: HeaderMap): string | undefined {
  return headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
}

/** The body's length is about to change. */
export function forgetLength(head: RequestHead | ResponseHead): void {
  head.headers.remove('content-length');
  head.contentLength = -1;
}

/** A caller after this one must know that the answer depends on what the client accepts. */
export function addVary(headers: HeaderMap): void {
  const vary = joined(headers, 'vary');
  if (vary === undefined) headers.set('vary', 'Accept-Encoding');
  else if (!vary.split(',').some((element) => element.trim() === 'Accept-Encoding')) headers.set('vary', `${vary}, Accept-Encoding`);
}

/** A strong entity tag names bytes that are no longer sent: it is weakened, or removed. RFC 9110 section 8.8.3. */
export function sanitizeEtag(headers: HeaderMap, weakens: boolean): void {
  const etag = headers.get('etag');
  if (etag === undefined || /^w\//i.test(etag)) return;
  if (weakens) headers.set('etag', `W/${etag}`);
  else headers.remove('etag');
}
