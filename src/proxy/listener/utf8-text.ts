const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** How many bytes the character has whose first byte this is. */
function lengthFrom(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}

/** Bytes as text: UTF-8, and `!` for every byte that is none, as Envoy writes what it puts into metadata. */
export function utf8Text(bytes: Uint8Array): string {
  const whole = decode(bytes);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = lengthFrom(bytes[at] ?? 0);
    const character = decode(bytes.subarray(at, at + length));
    text += character ?? '!';
    at += character === undefined ? 1 : length;
  }
  return text;
}
