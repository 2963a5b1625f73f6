/** The data of A (RFC 1035, section 3.4.1) and AAAA (RFC 3596) records. */

/** Four bytes of an IPv4 address in dotted form. */
export function ipv4Bytes(address: string): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? pairs(group) : [Number.parseInt(group, 16)]));
}

function pairs(dotted: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** Sixteen bytes of an IPv6 address in any text form of RFC 4291, section 2.2, without a zone. */
export function ipv6Bytes(address: string): Uint8Array {
  const [left = '', right] = address.split('::');
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return Uint8Array.from([...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]));
}
