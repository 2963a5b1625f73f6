import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { HeaderBlock, headersOf } from '../http/headers.ts';
import { createRequestDecoder } from '../http1/decoder.ts';
import { REQUEST, RESPONSE, TRAILERS } from './field-collector.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';

const LIMITS = { maxHeadBytes: 1 << 20, maxHeaders: 1000 };

type Pair = readonly [name: string, value: string];

const hexOf = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

/** Fields of a block, in order. */
function pairsOf(headers: HeaderBlock): Pair[] {
  const pairs: Pair[] = [];
  headers.forEach((name, value) => pairs.push([name, value]));
  return pairs;
}

/** A block as a HTTP/1.1 server reads it. */
function blockOfLines(lines: readonly string[]): HeaderBlock {
  let headers = new HeaderBlock();
  const decoder = createRequestDecoder({ onHead: (head) => (headers = head.headers), onBody() {}, onEnd() {} });
  decoder.feed(Buffer.from(['GET / HTTP/1.1', 'host: a', ...lines, '', ''].join('\r\n'), 'latin1'));
  return headers;
}

test('a field goes into the table when it comes the second time, and is one byte from the third on', () => {
  const encoder = new HpackEncoder();
  const headers = headersOf([['x-mesh', 'first']]);
  const sizes = [1, 2, 3, 4].map(() => encoder.trailers(headers).length);
  assert.equal(sizes[0], 'x-mesh'.length + 'first'.length + 3);
  assert.ok((sizes[1] ?? 0) < (sizes[0] ?? 0), 'in Huffman code');
  assert.deepEqual(sizes.slice(2), [1, 1]);
  assert.equal(new HpackEncoder().trailers(headers).length, sizes[1], 'other connections know that it comes often');
});

test('lines that differ in case and blanks alone are one field', () => {
  const encoder = new HpackEncoder();
  const lines = ['X-Case: of  it', 'x-case:of  it', 'X-CASE: \tof  it '];
  for (let i = 0; i < 2; i++) for (const line of lines) encoder.trailers(blockOfLines([line]));
  const blocks = lines.map((line) => encoder.trailers(blockOfLines([line])));
  assert.deepEqual(new Set(blocks).size, 1);
  assert.equal(blocks[0]?.length, 1);
});

const UNINDEXED: readonly { name: string; field: Pair; first: number }[] = [
  { name: 'a credential', field: ['authorization', 'Bearer abcdefghijklmnopqrstuvwxyz'], first: 0x1f },
  { name: 'a credential for proxies', field: ['proxy-authorization', 'Basic abc'], first: 0x1f },
  { name: 'a short cookie', field: ['cookie', 'a=b'], first: 0x1f },
  { name: 'a long cookie', field: ['cookie', 'a='.padEnd(40, 'b')], first: 0x0f },
  { name: 'an id', field: ['x-request-id', '1234'], first: 0x00 },
  { name: 'an entity tag', field: ['etag', '"1"'], first: 0x0f },
];

for (const { name, field, first } of UNINDEXED) {
  test(`${name} is never put in the table`, () => {
    const encoder = new HpackEncoder();
    const blocks = [1, 2, 3].map(() => encoder.trailers(headersOf([field])));
    assert.equal(new Set(blocks).size, 1);
    assert.equal(blocks[0]?.charCodeAt(0), first);
    assert.equal(encoder.trailers(blockOfLines([`${field[0].toUpperCase()}: ${field[1]}`])), blocks[0], 'nor as a line');
  });
}

test('what HTTP/2 does not have is not sent', () => {
  const fields: Pair[] = [
    ['connection', 'close'],
    ['keep-alive', 'x'],
    ['proxy-connection', 'x'],
    ['transfer-encoding', 'chunked'],
    ['upgrade', 'x'],
    ['http2-settings', 'x'],
    ['host', 'x'],
    ['te', 'gzip'],
    [':path', '/x'],
    [':unknown', 'x'],
  ];
  assert.equal(new HpackEncoder().trailers(headersOf(fields)), '');
  assert.equal(hexOf(new HpackEncoder().response(200, headersOf([['te', 'trailers']]))).slice(0, 4), '8800');
});

test('pseudo-fields come first, of the static table where they are in it', () => {
  const encoder = new HpackEncoder();
  assert.equal(hexOf(encoder.request('GET', 'https', '', '/', '', headersOf([]))), '828784');
  assert.equal(hexOf(encoder.request('CONNECT', '', 'a:1', '', '', headersOf([]))).slice(-10), '0103613a31');
  assert.equal(hexOf(encoder.response(404, headersOf([]))), '8d');
});

test('the peer is told of table sizes with the next block: the smallest between, and the last', () => {
  const encoder = new HpackEncoder(65536);
  const decoder = new HpackDecoder(LIMITS, 65536);
  const field = headersOf([['x-size', 'told']]);
  const send = (): string => {
    const block = encoder.trailers(field);
    const { compressionError, headers } = decoder.decode(Buffer.from(block, 'latin1'), 0, block.length, TRAILERS);
    assert.equal(compressionError, undefined);
    assert.equal(headers.get('x-size'), 'told');
    return hexOf(block);
  };
  for (let i = 0; i < 3; i++) send();
  assert.equal(send(), 'be');
  encoder.setMaxTableBytes(4096);
  assert.equal(send(), 'be', 'no change');
  encoder.setMaxTableBytes(10);
  encoder.setMaxTableBytes(1 << 20);
  assert.match(send(), /^2a3fe1ff03 ?40/, '10, then 65536, which is our own most, and an empty table');
  assert.equal(send(), 'be');
  encoder.setMaxTableBytes(0);
  assert.match(send(), /^2000/);
  assert.match(send(), /^00/, 'there is no table');
  assert.match(hexOf(new HpackEncoder(100).trailers(field)), /^3f45/, 'a smaller table of our own is told of too');
});

const name = fc.oneof(
  fc.constantFrom('accept', 'x-request-id', 'cookie', 'set-cookie', 'authorization', 'user-agent', 'x-a', 'x-b', 'te'),
  fc.stringMatching(/^[a-z0-9!#$%&'*+\-.^_`|~]{1,12}$/),
);
const value = fc.oneof(
  fc.constantFrom('trailers', '*/*', 'a', 'b'),
  fc.stringMatching(/^[!-~\xa0-\xff]([\t -~\xa0-\xff]{0,30}[!-~\xa0-\xff])?$/),
);
const fields = fc.array(fc.tuple(name, value), { maxLength: 8 });

/** Fields that the decoder gives back as they are: the others are special to HTTP/2. */
function isPlain([field, text]: Pair): boolean {
  const special = [
    'connection',
    'keep-alive',
    'proxy-connection',
    'transfer-encoding',
    'upgrade',
    'host',
    'expect',
    'http2-settings',
    'content-length',
  ];
  return !special.includes(field) && (field !== 'te' || text === 'trailers') && field !== 'cookie';
}

test('what is encoded decodes to the same, in any order of heads and table sizes, from lines and from added fields', () => {
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        fields,
        isLines: fc.boolean(),
        path: fc.webPath().map((text) => `/${text}`),
        times: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ tableBytes: fc.constantFrom(0, 64, 200, 4096, 65536) }) },
  );
  const property = fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    const encoder = new HpackEncoder(65536);
    const decoder = new HpackDecoder(LIMITS, 65536);
    for (const one of steps) {
      if ('tableBytes' in one) {
        encoder.setMaxTableBytes(one.tableBytes);
        continue;
      }
      // Whether `te` is among lines is the business of HTTP/1.1.
      const plain = one.fields.filter((pair) => isPlain(pair) && !(one.isLines && pair[0] === 'te'));
      for (let i = 0; i < one.times; i++) {
        const headers = one.isLines
          ? blockOfLines(plain.map(([field, text]) => `${field.toUpperCase()}:  ${text} `))
          : headersOf(plain.map(([field, text]) => [field, ` ${text}\t`] as const));
        const block = encoder.request('PUT', 'https', 'shop.example', one.path, '', headers);
        const head = decoder.decode(Buffer.from(block, 'latin1'), 0, block.length, REQUEST);
        assert.equal(head.compressionError, undefined);
        assert.equal(head.malformed, undefined);
        assert.deepEqual([head.method, head.scheme, head.authority, head.path], ['PUT', 'https', 'shop.example', one.path]);
        assert.deepEqual(pairsOf(head.headers), plain);
      }
    }
  });
  fc.assert(property, { numRuns: fuzzRuns(300) });
});

test('heads that never come again leave room for those that do', () => {
  const encoder = new HpackEncoder();
  const often = headersOf([['x-often', 'the same']]);
  for (let i = 0; i < 3; i++) encoder.trailers(often);
  for (let i = 0; i < 20_000; i++) encoder.trailers(headersOf([['x-unique', `value ${i}`]]));
  assert.equal(encoder.trailers(often).length, 1);
});

test("a foreign decoder reads our encoder: Node's", async () => {
  const heads: Pair[][] = [
    [
      ['accept', '*/*'],
      ['x-mesh', 'one'],
      ['cookie', 'a=b'],
    ],
    [
      ['accept', '*/*'],
      ['x-mesh', 'two'],
      ['authorization', 'x'],
    ],
    [
      ['accept', '*/*'],
      ['x-mesh', 'one'],
      ['x-high', 'caf\xe9'],
    ],
    [
      ['accept', '*/*'],
      ['x-mesh', 'one'],
    ],
  ];
  const seen: unknown[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const server = http2.createServer();
  server.on('stream', (stream, { ':path': path, accept, 'x-mesh': mesh, cookie, authorization, 'x-high': high }) => {
    seen.push({ path, accept, mesh, cookie, authorization, high });
    stream.respond({ ':status': 204 }, { endStream: true });
    if (seen.length === heads.length) resolve();
  });
  server.on('sessionError', reject);
  const { Duplex } = await import('node:stream');
  const duplex = new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() });
  server.emit('connection', duplex);
  const frame = (type: number, flags: number, id: number, payload: Buffer): Buffer =>
    Buffer.concat([Buffer.of(0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, id), payload]);
  const encoder = new HpackEncoder();
  duplex.push(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))]));
  for (const [i, fieldsOfHead] of heads.entries()) {
    const block = encoder.request('GET', 'http', 'a.b', `/${i}`, '', headersOf(fieldsOfHead));
    duplex.push(frame(1, 5, i * 2 + 1, Buffer.from(block, 'latin1')));
  }
  await promise;
  duplex.destroy();
  server.close();
  const none = { cookie: undefined, authorization: undefined, high: undefined };
  assert.deepEqual(seen, [
    { path: '/0', accept: '*/*', mesh: 'one', ...none, cookie: 'a=b' },
    { path: '/1', accept: '*/*', mesh: 'two', ...none, authorization: 'x' },
    { path: '/2', accept: '*/*', mesh: 'one', ...none, high: 'caf\xe9' },
    { path: '/3', accept: '*/*', mesh: 'one', ...none },
  ]);
});

test('a status of any kind goes there and back', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(LIMITS);
  for (let status = 100; status < 600; status++) {
    const block = encoder.response(status, headersOf([]));
    const head = decoder.decode(Buffer.from(block, 'latin1'), 0, block.length, RESPONSE);
    assert.equal(head.status, status === 101 ? 0 : status);
  }
});
