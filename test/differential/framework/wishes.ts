/**
 * What a request asks of the origin, by its `x-do` field, or by `do` in its query where the proxy itself asks.
 *
 * A list of `name=value` between `;`, values percent-encoded:
 * `times` (only the first so many attempts), `delay` (ms before the head), `interim` (a status), `status`,
 * `h` (a field's line), `body`, `size` (a body of so many bytes), `trailer` (a field's line), `late` (ms before the body's end),
 * `reset` (closes without an answer; HTTP/2: RST_STREAM, its value the code's name), `cut` (resets in mid-body),
 * HTTP/1.1 alone: `raw` (these bytes instead of an answer, then `end=1` ends the connection), `chunked`, `close`;
 * HTTP/2 alone: `tail` (ms between the body and its end), `goaway` (after the answer), `early` (answers before the request's body has ended).
 */

export type Wishes = ReadonlyMap<string, readonly string[]>;

function parse(text: string): Wishes {
  const wishes = new Map<string, string[]>();
  for (const part of text.split(';').filter((each) => each !== '')) {
    const [name = '', value = ''] = part.split('=', 2);
    wishes.set(name, [...(wishes.get(name) ?? []), decodeURIComponent(value)]);
  }
  return wishes;
}

/** Wishes of a request: of its field, else of its target's query. */
export function readWishes(field: string, target: string): Wishes {
  if (field !== '') return parse(field);
  const asked = /[?&]do=([^&]*)/.exec(target)?.[1] ?? '';
  return parse(decodeURIComponent(asked));
}

/** The first value of a wish. */
export function wishOf(wishes: Wishes, name: string): string | undefined {
  return wishes.get(name)?.[0];
}

/** The body that is wished for. */
export function bodyOf(wishes: Wishes): string {
  const size = wishOf(wishes, 'size');
  return size === undefined ? (wishOf(wishes, 'body') ?? 'ok') : 'x'.repeat(Number(size));
}

/** A `delay` that is over when everybody has given up, in ms. */
export const FOREVER = 100_000;

/** A wish's text for a field's line. */
export const field = (line: string): string => `h=${encodeURIComponent(line)}`;
/** A wish's text for a trailer's line. */
export const trailer = (line: string): string => `trailer=${encodeURIComponent(line)}`;
