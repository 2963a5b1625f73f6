/** Bodies of HTTP/1.1 messages in text, as clients and origins of the comparison read them. */

export interface Framed {
  readonly body: string;
  readonly trailers: readonly string[];
  readonly rest: string;
}

/** The value of the first field line of that name; '' without one. */
export function fieldOf(fields: readonly string[], name: string): string {
  const line = fields.find((each) => each.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? '' : line.slice(name.length + 1).trim();
}

/** Takes a chunked body from the start of `text`; undefined where it is not all there. */
function takeChunked(text: string): Framed | undefined {
  let rest = text;
  let body = '';
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end < 0) return undefined;
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (size > 0) {
      if (rest.length < end + 4 + size) return undefined;
      body += rest.slice(end + 2, end + 2 + size);
      rest = rest.slice(end + 4 + size);
      continue;
    }
    const lines: string[] = [];
    rest = rest.slice(end + 2);
    for (;;) {
      const stop = rest.indexOf('\r\n');
      if (stop < 0) return undefined;
      const line = rest.slice(0, stop);
      rest = rest.slice(stop + 2);
      if (line === '') return { body, trailers: lines, rest };
      lines.push(line);
    }
  }
}

/** Takes one message's body; the same for requests and responses. */
export function takeBody(fields: readonly string[], text: string): Framed | undefined {
  if (/chunked/i.test(fieldOf(fields, 'transfer-encoding'))) return takeChunked(text);
  const length = Number(fieldOf(fields, 'content-length') || 0);
  return text.length < length ? undefined : { body: text.slice(0, length), trailers: [], rest: text.slice(length) };
}
