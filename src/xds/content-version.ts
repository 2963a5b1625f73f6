/**
 * Versions made of content: the same bytes have the same version whoever sends them and whenever, so that nothing
 * unchanged crosses the wire again after a restart.
 */

/** FNV-1a over 32 bits in two lanes with different offsets, as 16 hexadecimal digits. Not for adversaries. */
function hashBytes(bytes: Uint8Array): string {
  let a = 0x811c9dc5;
  let b = 0xcbf29ce4;
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x01000193) + 0x9e37;
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}

const encoder = new TextEncoder();

/** The version of one resource's bytes. */
export function contentVersion(bytes: Uint8Array): string {
  return hashBytes(bytes);
}

/** The version of a set of resources, whatever their order. */
export function setVersion(resources: Iterable<{ readonly name: string; readonly version: string }>): string {
  const rows = [...resources].map(({ name, version }) => `${name}\u0000${version}`).toSorted();
  return hashBytes(encoder.encode(rows.join('\n')));
}
