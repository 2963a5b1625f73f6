import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { REQUEST, RESPONSE, TRAILERS, type BlockKind, type DecodedHead } from './field-collector.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { plainString } from './hpack-text.ts';

const LIMITS = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

function decodeHex(decoder: HpackDecoder, hex: string, kind: BlockKind): DecodedHead {
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  // Somewhere in a larger read, as blocks are.
  const bytes = Buffer.concat([Buffer.from('before'), block, Buffer.from('behind')]);
  return decoder.decode(bytes, 6, 6 + block.length, kind);
}

/** A head as lines; pseudo-fields as `:name value`. */
function show(head: DecodedHead): string[] {
  if (head.compressionError !== undefined) return [`compression ${head.compressionError.code}`];
  const pseudo: readonly [string, string | number][] = [
    [':method', head.method],
    [':scheme', head.scheme],
    [':path', head.path],
    [':protocol', head.protocol],
    [':authority', head.authority],
    [':status', head.status === 0 ? '' : head.status],
  ];
  return [
    ...(head.malformed === undefined ? [] : [`malformed ${head.malformed.code}`]),
    ...(head.isTooLarge ? ['too large'] : []),
    ...pseudo.filter(([, value]) => value !== '').map(([name, value]) => `${name} ${value}`),
    ...head.headers.toText().split('\r\n').slice(0, -1),
  ];
}

// RFC 7541, appendices C.3 to C.6: each row's blocks share one table.
const EXAMPLES: readonly {
  name: string;
  kind: BlockKind;
  tableBytes?: number;
  blocks: readonly (readonly [hex: string, want: string[]])[];
}[] = [
  {
    name: 'requests without Huffman code (C.3)',
    kind: REQUEST,
    blocks: [
      ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', [':method GET', ':scheme http', ':path /', ':authority www.example.com']],
      [
        '8286 84be 5808 6e6f 2d63 6163 6865',
        [':method GET', ':scheme http', ':path /', ':authority www.example.com', 'cache-control: no-cache'],
      ],
      [
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
        [':method GET', ':scheme https', ':path /index.html', ':authority www.example.com', 'custom-key: custom-value'],
      ],
    ],
  },
  {
    name: 'requests with Huffman code (C.4)',
    kind: REQUEST,
    blocks: [
      ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', [':method GET', ':scheme http', ':path /', ':authority www.example.com']],
      [
        '8286 84be 5886 a8eb 1064 9cbf',
        [':method GET', ':scheme http', ':path /', ':authority www.example.com', 'cache-control: no-cache'],
      ],
      [
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
        [':method GET', ':scheme https', ':path /index.html', ':authority www.example.com', 'custom-key: custom-value'],
      ],
    ],
  },
  {
    name: 'responses without Huffman code, and eviction (C.5)',
    kind: RESPONSE,
    tableBytes: 256,
    blocks: [
      [
        `3fe101 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e
         1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`.replaceAll('\n', ' '),
        [':status 302', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', 'location: https://www.example.com'],
      ],
      [
        '4803 3330 37c1 c0bf',
        [':status 307', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', 'location: https://www.example.com'],
      ],
      [
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153
         444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369
         6f6e 3d31`.replaceAll('\n', ' '),
        [
          ':status 200',
          'cache-control: private',
          'date: Mon, 21 Oct 2013 20:13:22 GMT',
          'location: https://www.example.com',
          'content-encoding: gzip',
          'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
        ],
      ],
    ],
  },
];

for (const { name, kind, tableBytes, blocks } of EXAMPLES) {
  test(`HpackDecoder reads the RFC's ${name}`, () => {
    const decoder = new HpackDecoder(LIMITS, tableBytes);
    for (const [hex, want] of blocks) assert.deepEqual(show(decodeHex(decoder, hex, kind)), want);
  });
}

type Pair = readonly [name: string, value: string];

/** A block of literals that no table takes. */
function literals(pairs: readonly Pair[]): string {
  return Buffer.from(pairs.map(([name, value]) => `\0${plainString(name)}${plainString(value)}`).join(''), 'latin1').toString('hex');
}

const GET: readonly Pair[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a.b'],
  [':path', '/'],
];
const get = (...pairs: Pair[]): Pair[] => [...GET, ...pairs];

const HEADS: readonly { name: string; kind?: BlockKind; pairs: readonly Pair[]; want: string | string[] }[] = [
  { name: 'cookies, joined', pairs: get(['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2']), want: ['x: y', 'cookie: a=1; b=2'] },
  { name: 'an empty cookie before another', pairs: get(['cookie', ''], ['cookie', 'b=2']), want: ['cookie: b=2'] },
  { name: 'te: trailers', pairs: get(['te', 'trailers']), want: ['te: trailers'] },
  { name: 'an empty value', pairs: get(['x', '']), want: ['x: '] },
  { name: 'a value with blanks and high bytes inside', pairs: get(['x', 'a \t\xe9']), want: ['x: a \t\xe9'] },
  { name: 'host beside :authority', pairs: get(['host', 'c.d']), want: [] },
  { name: 'expect: 100-continue', pairs: get(['expect', '100-continue']), want: [] },
  { name: 'another expect', pairs: get(['expect', 'x']), want: ['expect: x'] },
  { name: 'http2-settings', pairs: get(['http2-settings', 'AAA']), want: [] },
  { name: 'content-length', pairs: get(['content-length', '12']), want: ['content-length: 12'] },
  { name: 'two of content-length', pairs: get(['content-length', '1'], ['content-length', '1']), want: 'http2.content_length' },
  { name: 'a negative content-length', pairs: get(['content-length', '-1']), want: 'http2.content_length' },
  { name: 'an empty content-length', pairs: get(['content-length', '']), want: 'http2.content_length' },
  { name: 'te: gzip', pairs: get(['te', 'gzip']), want: 'http2.te' },
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((field) => ({
    name: field,
    pairs: get([field, 'x']),
    want: 'http2.connection_field',
  })),
  { name: 'a name in upper case', pairs: get(['X-Y', 'z']), want: 'http2.header_name' },
  { name: 'a known name in upper case', pairs: get(['Connection', 'z']), want: 'http2.header_name' },
  { name: 'an empty name', pairs: get(['', 'z']), want: 'http2.header_name' },
  { name: 'a blank in a name', pairs: get(['x y', 'z']), want: 'http2.header_name' },
  { name: 'a colon in a name', pairs: get(['x:', 'z']), want: 'http2.header_name' },
  { name: 'CR LF in a name', pairs: get(['x\r\ny', 'z']), want: 'http2.header_name' },
  { name: 'a name that is longer than keys of lines can say', pairs: get(['x'.repeat(0x10001), 'z']), want: 'http2.header_name' },
  ...['\r', '\n', '\0', '\x01', '\x7f'].map((character) => ({
    name: `${JSON.stringify(character)} in a value`,
    pairs: get(['x', `a${character}b`]),
    want: 'http2.header_value',
  })),
  ...[' a', 'a ', '\ta', 'a\t', ' '].map((value) => ({
    name: `blanks around a value: ${JSON.stringify(value)}`,
    pairs: get(['x', value]),
    want: 'http2.header_value',
  })),
  { name: 'a pseudo-field after a field', pairs: [['x', 'y'], ...GET], want: 'http2.pseudo_late' },
  { name: 'a pseudo-field after a cookie', pairs: [['cookie', 'y'], ...GET], want: 'http2.pseudo_late' },
  { name: 'a pseudo-field twice', pairs: get([':path', '/']), want: 'http2.pseudo_duplicate' },
  { name: 'an unknown pseudo-field', pairs: get([':x', 'y']), want: 'http2.pseudo_unknown' },
  { name: 'a lone colon', pairs: get([':', 'y']), want: 'http2.pseudo_unknown' },
  { name: ':status in a request', pairs: get([':status', '200']), want: 'http2.pseudo_unknown' },
  { name: 'no :method', pairs: GET.slice(1), want: 'http2.pseudo_missing' },
  { name: 'no :path', pairs: GET.slice(0, 3), want: 'http2.pseudo_missing' },
  { name: 'neither :authority nor host', pairs: GET.filter(([name]) => name !== ':authority'), want: 'http2.pseudo_missing' },
  { name: 'an empty host', pairs: [...GET.filter(([name]) => name !== ':authority'), ['host', '']], want: 'http2.pseudo_missing' },
  { name: 'an empty :path', pairs: [...GET.slice(0, 3), [':path', '']], want: 'http2.pseudo_empty' },
  {
    name: 'no :scheme',
    pairs: [
      [':method', 'GET'],
      [':path', '/'],
    ],
    want: 'http2.pseudo_missing',
  },
  { name: 'a blank in :path', pairs: [...GET.slice(0, 3), [':path', '/a b']], want: 'http2.path' },
  { name: 'a :path that is not one', pairs: [...GET.slice(0, 3), [':path', 'a']], want: 'http2.path_form' },
  { name: ':path * of GET', pairs: [...GET.slice(0, 3), [':path', '*']], want: 'http2.path_form' },
  { name: 'a blank in :method', pairs: [[':method', 'G T'], ...GET.slice(1)], want: 'http2.method' },
  { name: 'user information in :authority', pairs: [[':authority', 'u@h'], ...GET.slice(0, 2), [':path', '/']], want: 'http2.authority' },
  { name: 'two of host', pairs: get(['host', 'a'], ['host', 'a']), want: 'http2.authority' },
  {
    name: ':protocol without CONNECT',
    pairs: get([':path', '/'])
      .slice(0, 4)
      .concat([[':protocol', 'x']]),
    want: 'http2.connect',
  },
  { name: 'CONNECT with a path', pairs: [[':method', 'CONNECT'], ...GET.slice(1)], want: 'http2.connect' },
  { name: 'CONNECT without an authority', pairs: [[':method', 'CONNECT']], want: 'http2.connect' },
  { name: 'a response without :status', kind: RESPONSE, pairs: [['x', 'y']], want: 'http2.pseudo_missing' },
  { name: ':status 101', kind: RESPONSE, pairs: [[':status', '101']], want: 'http2.status' },
  { name: ':status 20', kind: RESPONSE, pairs: [[':status', '20']], want: 'http2.status' },
  {
    name: ':path in a response',
    kind: RESPONSE,
    pairs: [
      [':status', '200'],
      [':path', '/'],
    ],
    want: 'http2.pseudo_unknown',
  },
  { name: 'trailers', kind: TRAILERS, pairs: [['grpc-status', '0']], want: ['grpc-status: 0'] },
  { name: ':status in trailers', kind: TRAILERS, pairs: [[':status', '200']], want: 'http2.pseudo_unknown' },
];

for (const { name, kind = REQUEST, pairs, want } of HEADS) {
  test(`HpackDecoder reads ${name}`, () => {
    const lines = show(decodeHex(new HpackDecoder({ ...LIMITS, maxHeadBytes: 200_000 }), literals(pairs), kind));
    if (typeof want === 'string') assert.equal(lines[0], `malformed ${want}`);
    else
      assert.deepEqual(
        lines.filter((line) => !/^:(method|scheme|path|authority) /.test(line)),
        want,
      );
  });
}

test('HpackDecoder makes the authority of host, reads CONNECT of both kinds, and says what a request expects', () => {
  const decoder = new HpackDecoder(LIMITS);
  const decode = (pairs: readonly Pair[]): string[] => show(decodeHex(decoder, literals(pairs), REQUEST));
  assert.deepEqual(
    decode([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      ['host', 'h'],
    ]).at(-1),
    ':authority h',
  );
  assert.deepEqual(
    decode([
      [':method', 'CONNECT'],
      [':authority', 'a:1'],
    ]),
    [':method CONNECT', ':authority a:1'],
  );
  assert.deepEqual(decode([[':method', 'CONNECT'], ...GET.slice(1), [':protocol', 'websocket']])[3], ':protocol websocket');
  assert.deepEqual(
    decode([
      [':method', 'OPTIONS'],
      [':scheme', 'http'],
      [':path', '*'],
      [':authority', 'h'],
    ])[2],
    ':path *',
  );
  const head = decodeHex(decoder, literals(get(['expect', '100-Continue'], ['content-length', '5'])), REQUEST);
  assert.equal(head.expectsContinue, true);
  assert.equal(head.contentLength, 5);
  assert.equal(head.headers.get('content-length'), '5');
  assert.equal(decodeHex(decoder, literals(GET), REQUEST).contentLength, -1);
});

const BROKEN: readonly [name: string, hex: string, code: string][] = [
  ['index 0', '80', 'http2.hpack_index'],
  ['an index behind the table', 'be', 'http2.hpack_index'],
  ['a name behind the table', '7e0161', 'http2.hpack_index'],
  ['an index that is cut off', 'ff', 'http2.hpack_index'],
  ['an index beyond all bounds', 'ffffffffffffffffff7f', 'http2.hpack_index'],
  ['a length beyond all bounds', '007fffffffffffff7f', 'http2.hpack_integer'],
  ['a name that is cut off', '000561', 'http2.hpack_string'],
  ['a name alone', '000161', 'http2.hpack_string'],
  ['a value that is cut off', '0001610261', 'http2.hpack_string'],
  ['bad Huffman code', '00016181ff', 'http2.hpack_huffman'],
  ['a size above the advertised', '3fe21f', 'http2.hpack_table_size'],
  ['a size behind a field', '8220', 'http2.hpack_table_size'],
];

for (const [name, hex, code] of BROKEN) {
  test(`HpackDecoder gives the connection up at ${name}`, () => {
    assert.deepEqual(show(decodeHex(new HpackDecoder(LIMITS), hex, REQUEST)), [`compression ${code}`]);
  });
}

test('HpackDecoder wants a smaller table told of, once it is acknowledged', () => {
  const decoder = new HpackDecoder(LIMITS, 8192);
  assert.deepEqual(show(decodeHex(decoder, '3fe13f 88', RESPONSE)), [':status 200'], '8192 is allowed');
  decoder.setMaxTableBytes(0);
  assert.deepEqual(show(decodeHex(decoder, '88', RESPONSE)), ['compression http2.hpack_table_size']);
  assert.deepEqual(show(decodeHex(decoder, '20 88', RESPONSE)), [':status 200']);
  assert.deepEqual(show(decodeHex(decoder, '4001610162 be', TRAILERS)), ['compression http2.hpack_index'], 'nothing is kept');
});

test('HpackDecoder keeps its table right through heads that are malformed or too large', () => {
  const decoder = new HpackDecoder({ maxHeadBytes: 200, maxHeaders: 3 });
  // Upper case, and put into the table all the same.
  assert.deepEqual(show(decodeHex(decoder, '88 4001410162', RESPONSE))[0], 'malformed http2.header_name');
  assert.deepEqual(show(decodeHex(decoder, '88 be', RESPONSE))[0], 'malformed http2.header_name', 'each time it is named');
  const many = decodeHex(decoder, '88 4001610162 4001630164 4001650166 4001670168', RESPONSE);
  assert.deepEqual(show(many), ['too large', ':status 200', 'a: b', 'c: d']);
  assert.deepEqual(show(decodeHex(decoder, '88 be bf', RESPONSE)), [':status 200', 'g: h', 'e: f']);
  const long = decodeHex(decoder, `88 4001697f41${'6a'.repeat(192)}`, RESPONSE);
  assert.deepEqual(show(long), ['too large', ':status 200']);
  assert.deepEqual(show(decodeHex(decoder, '88 bf', RESPONSE)), [':status 200', 'g: h'], 'it is counted');
});

test('HpackDecoder keeps nothing of the bytes it was given', () => {
  const decoder = new HpackDecoder(LIMITS);
  const bytes = Buffer.from('88400161 0162 0001630164'.replaceAll(' ', ''), 'hex');
  const { headers } = decoder.decode(bytes, 0, bytes.length, RESPONSE);
  bytes.fill(0);
  assert.equal(headers.toText(), 'a: b\r\nc: d\r\n');
  assert.deepEqual(show(decodeHex(decoder, '88be', RESPONSE)), [':status 200', 'a: b']);
});

test('a head of a thousand references costs a thousand references, and not their text', () => {
  const decoder = new HpackDecoder({ maxHeadBytes: 10_000, maxHeaders: 1000 }, 65536);
  const value = `40 0161 7fe11f ${'62'.repeat(4192)}`;
  const head = decodeHex(decoder, `88 3fe1ff03 ${value}`.replace('88 3fe1ff03', '3fe1ff03 88') + 'be'.repeat(10_000), RESPONSE);
  assert.equal(head.compressionError, undefined);
  assert.equal(head.isTooLarge, true);
  assert.ok(head.headers.toText().length < 10_000);
});

// Stories of eight encoders; the cases of one share a table. They are published with other implementations, not with this.
interface Story {
  readonly cases: readonly {
    readonly wire: string;
    readonly header_table_size?: number;
    readonly headers: readonly Record<string, string>[];
  }[];
}

const vectors = path.resolve(import.meta.dirname, '../../../../shared/data/hpack');
const skip = existsSync(vectors) ? false : `no vectors in ${vectors}`;

/** What a head should be, the fields that HTTP/2 does not allow being what makes it malformed. */
function wanted(headers: readonly Record<string, string>[]): { fields: string[]; isMalformed: boolean } {
  const pairs = headers.flatMap((field) => Object.entries(field));
  const cookies = pairs.filter(([name]) => name === 'cookie').map(([, value]) => value);
  const isBad = ([name, value]: [string, string]): boolean =>
    ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].includes(name) || value.trim() !== value;
  const fields = pairs
    .filter(([name]) => name !== 'cookie')
    .map(([name, value]) => (name.startsWith(':') ? `${name} ${value}` : `${name}: ${value}`));
  if (cookies.length > 0) fields.push(`cookie: ${cookies.join('; ')}`);
  return {
    fields: fields.filter((line) => !/^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade): /.test(line)),
    isMalformed: pairs.some(isBad),
  };
}

test('HpackDecoder reads what eight other encoders wrote', { skip }, () => {
  let blocks = 0;
  for (const file of globSync('*/story_*.json', { cwd: vectors })) {
    const story: Story = JSON.parse(readFileSync(path.join(vectors, file), 'utf8'));
    const decoder = new HpackDecoder({ maxHeadBytes: 1 << 20, maxHeaders: 1000 }, 65536);
    for (const { wire, headers } of story.cases) {
      const kind = headers.some((field) => ':status' in field) ? RESPONSE : REQUEST;
      const head = decodeHex(decoder, wire, kind);
      const want = wanted(headers);
      const lines = show(head).filter((line) => !line.startsWith('malformed'));
      assert.deepEqual(lines.toSorted(), want.fields.toSorted(), `${file}, ${wire}`);
      assert.equal(head.malformed !== undefined, want.isMalformed, `${file}: ${head.malformed?.message}`);
      blocks++;
    }
  }
  assert.ok(blocks > 100, `${blocks} blocks`);
});

const anyByte = fc.oneof(fc.nat(255), fc.constantFrom(0x20, 0x3f, 0x40, 0x80, 0x82, 0x84, 0x86, 0x88, 0xbe, 0xff, 0x00, 0x01, 0x61));

test('whatever comes, a decoder neither throws nor gives text that is not safe in HTTP/1.1', () => {
  const blocks = fc.array(
    fc.uint8Array({ maxLength: 40 }).chain((bytes) => fc.array(anyByte, { maxLength: 20 }).map((more) => [...bytes, ...more])),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  const property = fc.property(blocks, fc.constantFrom<BlockKind>(REQUEST, RESPONSE, TRAILERS), (all, kind) => {
    const decoder = new HpackDecoder({ maxHeadBytes: 300, maxHeaders: 8 }, 128);
    for (const bytes of all) {
      const head = decoder.decode(Uint8Array.from(bytes), 0, bytes.length, kind);
      if (head.compressionError !== undefined) break;
      assert.ok(head.headers.toText().length <= 300);
      if (head.malformed === undefined)
        assert.match(head.headers.toText(), /^(?:[!#$%&'*+\-.^_`|~0-9a-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)*$/);
    }
  });
  fc.assert(property, { numRuns: fuzzRuns(3000) });
});
