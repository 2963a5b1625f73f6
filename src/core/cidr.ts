/** IP addresses and CIDR blocks as bytes. RFC 4632 (IPv4), RFC 4291 section 2.2 (IPv6 text). */
export interface Cidr {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Leading bits that count. */
  readonly prefixLength: number;
}

/** The 4 bytes of a dotted quad; leading zeros are refused, since readers disagree on octal. */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[index] = Number(part);
  }
  return bytes;
}

/** The groups of one side of `::`; a dotted quad may stand last. */
function parseGroups(text: string): readonly number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes('.')) {
      const quad = parseIpv4(part);
      if (quad === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = quad;
      groups.push(a * 256 + b, c * 256 + d);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = parseGroups(sides[0] ?? '');
  const tail = parseGroups(sides[1] ?? '');
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The 4 or 16 bytes of an IP address, or undefined where `text` is none. Zone indexes are refused. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** A block `address/bits`, or a bare address as the block of itself; undefined where `text` is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const address = parseIp(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = address.length * 8;
  if (slash === -1) return { address, prefixLength: bits };
  const length = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) return undefined;
  return { address, prefixLength: Number(length) };
}

/** True where `address` (bytes of {@link parseIp}) lies in the block; families never mix. */
export function cidrContains(block: Cidr, address: Uint8Array): boolean {
  if (block.address.length !== address.length) return false;
  const whole = block.prefixLength >> 3;
  for (let index = 0; index < whole; index++) if (block.address[index] !== address[index]) return false;
  const rest = block.prefixLength & 7;
  return rest === 0 || ((block.address[whole] ?? 0) ^ (address[whole] ?? 0)) >> (8 - rest) === 0;
}
