/** PNG (RFC 2083) with a palette of 256 colours: a third of the size, for pictures of pages, which have few colours. */
import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
const COLOURS_MAX = 256;
/** Bits of a channel that tell colours apart. */
const BITS = 6;

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** A colour's class, of those that look alike. */
function classAt(pixels: Uint8Array, at: number): number {
  const shift = 8 - BITS;
  return (
    ((((pixels[at] ?? 0) >> shift) << (2 * BITS)) | (((pixels[at + 1] ?? 0) >> shift) << BITS) | ((pixels[at + 2] ?? 0) >> shift)) >>> 0
  );
}

/** Red, green and blue of a class. */
function coloursOf(key: number): readonly number[] {
  const mask = (1 << BITS) - 1;
  return [key >> (2 * BITS), (key >> BITS) & mask, key & mask].map((value) => Math.round((value * 255) / mask));
}

function distance(a: number, b: number): number {
  const [first, second] = [coloursOf(a), coloursOf(b)];
  return first.reduce((sum, value, index) => sum + (value - (second[index] ?? 0)) ** 2, 0);
}

/** The classes that occur most, and which of them stands for each. */
function paletteOf(pixels: Uint8Array): { readonly palette: readonly number[]; readonly indexOf: ReadonlyMap<number, number> } {
  const counts = new Map<number, number>();
  for (let at = 0; at < pixels.length; at += 4) {
    const key = classAt(pixels, at);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const keys = [...counts].toSorted(([, a], [, b]) => b - a).map(([key]) => key);
  const palette = keys.slice(0, COLOURS_MAX);
  const nearest = (key: number): number =>
    palette.reduce((best, each, index) => (distance(key, each) < distance(key, palette[best] ?? 0) ? index : best), 0);
  return { palette, indexOf: new Map(keys.map((key, index) => [key, index < COLOURS_MAX ? index : nearest(key)])) };
}

/** Encodes pixels of four bytes (red, green, blue, and one that is not looked at), row by row. */
export function indexedPng(pixels: Uint8Array, width: number, height: number): Buffer {
  const { palette, indexOf } = paletteOf(pixels);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // eight bits a pixel, which are indices
  header.set([8, 3, 0, 0, 0], 8);
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = indexOf.get(classAt(pixels, (y * width + x) * 4)) ?? 0;
  }
  const colours = Buffer.from(palette.flatMap(coloursOf));
  const end = new Uint8Array();
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', colours),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', end),
  ]);
}
