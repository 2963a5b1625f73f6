/** Nanoseconds per HTTP/2 head of ten fields: encoded, decoded, forwarded to HTTP/2 and to HTTP/1.1; and per Huffman character. */
import type { HeaderBlock } from '../src/wire/http/headers.ts';
import { headersOf } from '../src/wire/http/headers.ts';
import { createRequestDecoder } from '../src/wire/http1/decoder.ts';
import { REQUEST } from '../src/wire/http2/field-collector.ts';
import { HpackDecoder } from '../src/wire/http2/hpack-decoder.ts';
import { HpackEncoder } from '../src/wire/http2/hpack-encoder.ts';
import { decodeHuffman } from '../src/wire/http2/huffman-decode.ts';
import { encodeHuffman } from '../src/wire/http2/huffman-encode.ts';

const TABLE_BYTES = 65536;
const LIMITS = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };
const HEADS = 256;

const hex = (seed: number, length: number): string => {
  let text = '';
  for (let i = 0; text.length < length; i++) text += (Math.imul(seed * 31 + i + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
  return text.slice(0, length);
};

/** Ten fields of which path, identity and trace differ each time. */
function fieldsOf(seed: number): [string, string][] {
  return [
    ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36'],
    ['accept', 'application/json, text/plain, */*'],
    ['accept-encoding', 'gzip, deflate, br'],
    ['accept-language', 'en-GB,en;q=0.9'],
    ['authorization', `Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxMjM0NTY3ODkwIn0.${hex(seed, 16)}`],
    ['cookie', `session=${hex(seed, 32)}; theme=dark; consent=1`],
    ['x-request-id', hex(seed, 36)],
    ['traceparent', `00-${hex(seed, 32)}-${hex(seed + 1, 16)}-01`],
    ['x-forwarded-proto', 'https'],
    ['content-type', 'application/json'],
  ];
}

const AUTHORITY = 'orders.shop.svc.cluster.local:8080';
const pathOf = (seed: number): string => `/api/v1/orders/${hex(seed, 8)}?limit=20&sort=desc`;

/** The heads as blocks of lines, as a HTTP/1.1 server reads them. */
function blocks(): HeaderBlock[] {
  const made: HeaderBlock[] = [];
  const decoder = createRequestDecoder({ onHead: (head) => made.push(head.headers), onBody() {}, onEnd() {} });
  for (let seed = 0; seed < HEADS; seed++) {
    const lines = fieldsOf(seed).map(([name, value]) => `${name}: ${value}`);
    decoder.feed(Buffer.from([`GET ${pathOf(seed)} HTTP/1.1`, `host: ${AUTHORITY}`, ...lines, '', ''].join('\r\n')));
    decoder.next();
  }
  return made;
}

const BLOCKS = blocks();
const PATHS = BLOCKS.map((_, seed) => pathOf(seed));

function newEncoder(): HpackEncoder {
  const encoder = new HpackEncoder(TABLE_BYTES);
  encoder.setMaxTableBytes(TABLE_BYTES);
  return encoder;
}

const encode = (encoder: HpackEncoder, i: number): string =>
  encoder.request('GET', 'https', AUTHORITY, PATHS[i] ?? '', '', BLOCKS[i] ?? headersOf([]));

/** Blocks of a standing connection, and a decoder that has read what came before them. */
function standing(): { decoder: HpackDecoder; wire: Buffer[] } {
  const encoder = newEncoder();
  const decoder = new HpackDecoder(LIMITS, TABLE_BYTES);
  const wire: Buffer[] = [];
  for (let i = 0; i < HEADS * 2; i++) {
    const bytes = Buffer.from(encode(encoder, i % HEADS), 'latin1');
    if (i < HEADS) decoder.decode(bytes, 0, bytes.length, REQUEST);
    else wire.push(bytes);
  }
  return { decoder, wire };
}

const encoder = newEncoder();
const out = newEncoder();
const { decoder, wire } = standing();
const sink = Buffer.alloc(4096);

function decodeAt(i: number): ReturnType<HpackDecoder['decode']> {
  const bytes = wire[i % HEADS] ?? sink;
  return decoder.decode(bytes, 0, bytes.length, REQUEST);
}

/** Best of five rounds, in nanoseconds a call. */
function measure(run: (i: number) => number): number {
  const calls = 200_000;
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) run(i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
  }
  return Math.round(best);
}

const TEXT = fieldsOf(1)
  .map(([, value]) => value)
  .join('');
const CODED = Buffer.from(encodeHuffman(TEXT), 'latin1');
const plain = new Uint8Array(TEXT.length * 2 + 1);

console.log(`head of ${wire[0]?.length} bytes, 10 fields`);
console.log(`encode               ${measure((i) => encode(encoder, i % HEADS).length)} ns`);
console.log(`encode, write out    ${measure((i) => sink.write(encode(encoder, i % HEADS), 'latin1'))} ns`);
console.log(`decode               ${measure((i) => decodeAt(i).path.length)} ns`);
console.log(`decode, read a field ${measure((i) => decodeAt(i).headers.get('x-request-id')?.length ?? 0)} ns`);
console.log(
  `to HTTP/1.1          ${measure((i) => sink.write(`GET ${PATHS[i % HEADS]} HTTP/1.1\r\n${decodeAt(i).headers.toText()}`, 'latin1'))} ns`,
);
console.log(
  `to HTTP/2            ${measure((i) => {
    const head = decodeAt(i);
    head.headers.set('x-envoy-attempt-count', '1');
    return sink.write(out.request(head.method, head.scheme, head.authority, head.path, '', head.headers), 'latin1');
  })} ns`,
);
console.log(`Huffman encode       ${measure(() => encodeHuffman(TEXT).length) / TEXT.length} ns a character`);
console.log(`Huffman decode       ${measure(() => decodeHuffman(CODED, 0, CODED.length, plain)) / TEXT.length} ns a character`);
