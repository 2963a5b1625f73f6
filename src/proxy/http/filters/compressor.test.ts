import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { BrotliSchema } from '../../../xds/gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts';
import { GzipSchema } from '../../../xds/gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts';
import { ZstdSchema } from '../../../xds/gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts';
import { CompressorPerRouteSchema, CompressorSchema } from '../../../xds/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import { fakeScope } from '../../telemetry/testing/fake-stream.ts';
import { setUp } from '../../testing/hcm-setup.ts';
import { httpFilter } from '../../testing/http-harness.ts';
import type { HttpFilterHandlers } from '../filter.ts';
import { chooseEncoding } from './compression/accept-encoding.ts';
import { compressor } from './compressor.ts';
import { fieldsOf, filterBench } from './testing/filter-bench.ts';

const GZIP = { name: 'lib', typedConfig: anyPack(GzipSchema, create(GzipSchema)) };
const BROTLI = { name: 'lib', typedConfig: anyPack(BrotliSchema, create(BrotliSchema)) };
const ZSTD = { name: 'lib', typedConfig: anyPack(ZstdSchema, create(ZstdSchema)) };

type Init = MessageInitShape<typeof CompressorSchema>;

function filters(scope: ReturnType<typeof fakeScope>, ...inits: readonly Init[]): HttpFilterHandlers[] {
  return inits.map((init, i) => compressor.create(compressor.parse(create(CompressorSchema, init), 'f'), { ...scope, name: `${i}` }));
}

function route(init: MessageInitShape<typeof CompressorPerRouteSchema>): unknown {
  return compressor.parseRoute?.(create(CompressorPerRouteSchema, init), 'r');
}

const BODY = 'the quick brown fox jumps over the lazy dog. '.repeat(20);

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
  zstd: zlib.zstdDecompressSync,
};

for (const [encoding, library] of [
  ['gzip', GZIP],
  ['br', BROTLI],
  ['zstd', ZSTD],
] as const) {
  test(`compresses responses by ${encoding}, and lets each piece out at once`, async () => {
    const scope = fakeScope();
    const bench = filterBench(filters(scope, { compressorLibrary: library }), { headers: { 'accept-encoding': encoding } });
    await bench.request();
    await bench.respond(200, { 'content-type': 'text/plain', etag: '"a"', 'content-length': String(BODY.length * 3) }, [BODY, BODY, BODY]);
    assert.deepEqual(fieldsOf(bench.stream.response), {
      'content-type': 'text/plain',
      'content-encoding': encoding,
      vary: 'Accept-Encoding',
    });
    assert.equal(bench.stream.response?.contentLength, -1);
    const decode = DECODERS[encoding];
    assert.equal(decode?.(Buffer.concat(bench.client.pieces)).toString(), BODY.repeat(3));
    bench.complete();
    const { stats } = scope;
    const prefix = `compressor.lib.${encoding === 'br' ? 'brotli' : encoding}`;
    assert.equal(stats.counter(`${prefix}.compressed`).value, 1);
    assert.equal(stats.counter(`${prefix}.total_uncompressed_bytes`).value, BODY.length * 3);
    assert.equal(stats.counter(`${prefix}.header_compressor_used`).value, 1);
    assert.equal(stats.counter(`${prefix}.total_compressed_bytes`).value, Buffer.concat(bench.client.pieces).length);
  });
}

test('a piece of a stream does not wait for the next one', async () => {
  const bench = filterBench(filters(fakeScope(), { compressorLibrary: GZIP }), { headers: { 'accept-encoding': 'gzip' } });
  await bench.request();
  let seen = '';
  const unzip = zlib.createGunzip().on('data', (bytes: Buffer) => (seen += bytes.toString()));
  const done = bench.respond(200, { 'content-type': 'text/plain' }, ['first', 'second']);
  while (bench.client.pieces.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  for (const piece of bench.client.pieces) unzip.write(piece);
  while (!seen.startsWith('first')) await new Promise((resolve) => void setImmediate(resolve));
  await done;
});

const PASSED: readonly {
  name: string;
  init?: Init & object;
  accept?: string;
  status?: number;
  headers?: Record<string, string>;
  varies?: boolean;
}[] = [
  { name: 'a client that accepts none', accept: '', varies: true },
  { name: 'a client that forbids it', accept: 'gzip;q=0', varies: true },
  { name: 'a short body', headers: { 'content-length': '29' } },
  { name: 'another type', headers: { 'content-type': 'image/png' } },
  { name: 'an encoded body', headers: { 'content-encoding': 'br' } },
  { name: 'no-transform', headers: { 'cache-control': 'max-age=1, No-Transform' } },
  {
    name: 'an entity tag where it disables',
    init: { responseDirectionConfig: { disableOnEtagHeader: true } },
    headers: { etag: '"a"' },
  },
  { name: 'a status that is listed', init: { responseDirectionConfig: { uncompressibleResponseCodes: [206] } }, status: 206 },
  { name: 'a filter that is off', init: { responseDirectionConfig: { commonConfig: { enabled: { defaultValue: false } } } } },
];

for (const { name, init = {}, accept = 'gzip', status = 200, headers = {}, varies = false } of PASSED) {
  test(`leaves alone: ${name}`, async () => {
    const bench = filterBench(
      filters(
        fakeScope(),
        Object.assign(create(CompressorSchema, init), {
          compressorLibrary: create(CompressorSchema, { compressorLibrary: GZIP }).compressorLibrary,
        }),
      ),
      {
        headers: accept === '' ? {} : { 'accept-encoding': accept },
      },
    );
    await bench.request();
    const sent = { 'content-type': 'text/html; charset=utf-8', 'content-length': String(BODY.length), ...headers };
    await bench.respond(status, sent, [BODY]);
    assert.deepEqual(fieldsOf(bench.stream.response), { ...sent, ...(varies ? { vary: 'Accept-Encoding' } : {}) });
    assert.equal(Buffer.concat(bench.client.pieces).toString(), BODY);
  });
}

test('weakens an entity tag where asked, and keeps a weak one', async () => {
  for (const [etag, weakens, want] of [
    ['"a"', true, 'W/"a"'],
    ['W/"a"', false, 'W/"a"'],
    ['"a"', false, undefined],
  ] as const) {
    const init = { compressorLibrary: GZIP, responseDirectionConfig: { weakenEtagOnCompress: weakens } };
    const bench = filterBench(filters(fakeScope(), init), { headers: { 'accept-encoding': 'gzip' } });
    await bench.request();
    await bench.respond(200, { 'content-type': 'text/html', vary: 'Origin', etag }, [BODY]);
    assert.equal(bench.stream.response?.headers.get('etag'), want);
    assert.equal(bench.stream.response?.headers.get('vary'), 'Origin, Accept-Encoding');
  }
});

test('one of two compressors answers a wish, and the other knows', async () => {
  const scope = fakeScope();
  const chain = filters(scope, { compressorLibrary: GZIP }, { compressorLibrary: BROTLI });
  const bench = filterBench(chain, { headers: { 'accept-encoding': 'gzip;q=0.5, br' } });
  await bench.request();
  await bench.respond(200, { 'content-type': 'text/html' }, [BODY]);
  assert.equal(bench.stream.response?.headers.get('content-encoding'), 'br');
  assert.equal(scope.stats.counter('compressor.lib.brotli.header_compressor_used').value, 1);
  assert.equal(scope.stats.counter('compressor.lib.gzip.header_compressor_overshadowed').value, 1);
});

test('routes turn it off and on, and take accept-encoding away', async () => {
  const off = filterBench(filters(fakeScope(), { compressorLibrary: GZIP }), {
    headers: { 'accept-encoding': 'gzip' },
    perRoute: route({ override: { case: 'disabled', value: true } }),
  });
  await off.request();
  await off.respond(200, { 'content-type': 'text/html' }, [BODY]);
  assert.equal(off.stream.response?.headers.get('content-encoding'), undefined);

  const init = { compressorLibrary: GZIP, responseDirectionConfig: { commonConfig: { enabled: { defaultValue: false } } } };
  const on = filterBench(filters(fakeScope(), init), {
    headers: { 'accept-encoding': 'gzip' },
    perRoute: route({ override: { case: 'overrides', value: { responseDirectionConfig: { removeAcceptEncodingHeader: true } } } }),
  });
  await on.request();
  assert.equal(on.stream.request.headers.get('accept-encoding'), undefined);
  await on.respond(200, { 'content-type': 'text/html' }, [BODY]);
  assert.equal(on.stream.response?.headers.get('content-encoding'), 'gzip');
});

test('compresses requests where asked', async () => {
  const scope = fakeScope();
  const bench = filterBench(filters(scope, { compressorLibrary: GZIP, requestDirectionConfig: {} }), {
    request: { method: 'POST', contentLength: BODY.length },
    headers: { 'content-type': 'application/json', 'content-length': String(BODY.length) },
  });
  await bench.request([BODY]);
  assert.equal(zlib.gunzipSync(Buffer.concat(bench.upstream.pieces)).toString(), BODY);
  assert.deepEqual(fieldsOf(bench.stream.request), { 'content-type': 'application/json', 'content-encoding': 'gzip' });
  assert.equal(scope.stats.counter('compressor.lib.gzip.request.compressed').value, 1);
});

test('a long body that is read slowly arrives whole, over sockets', async (t) => {
  const body = randomBytes(3_000_000).toString('base64');
  const setup = await setUp(t, {
    hcm: { httpFilters: [httpFilter(compressor.name, CompressorSchema, { compressorLibrary: GZIP })] },
    answer: () => `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  });
  const request = http.get({ port: setup.proxy.port, host: '127.0.0.1', agent: false, headers: { 'accept-encoding': 'gzip' } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  assert.equal(response.headers['content-encoding'], 'gzip');
  const hash = createHash('sha256');
  for await (const piece of response.pipe(zlib.createGunzip())) {
    hash.update(piece as Buffer);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  assert.equal(hash.digest('hex'), createHash('sha256').update(body).digest('hex'));
});

const WISHES: readonly [accept: string, offers: string, encoding: string, kind: string][] = [
  ['gzip', 'gzip', 'gzip', 'compressor'],
  ['gzip;q=1.0, identity; q=0.5', 'gzip', 'gzip', 'compressor'],
  ['gzip;q=0.5, identity', 'gzip', 'identity', 'identity'],
  ['*', 'gzip,br', 'gzip', 'wildcard'],
  ['gzip;q=0, *', 'gzip,br', 'br', 'wildcard'],
  ['deflate, br;q=0.2', 'gzip,br', 'br', 'compressor'],
  ['gzip, br', 'gzip,br!', 'br', 'compressor'],
  ['gzip, br', 'gzip,br', 'gzip', 'compressor'],
  ['deflate', 'gzip', 'identity', 'invalid'],
  ['gzip;q=x', 'gzip', 'identity', 'invalid'],
  ['gzip;level=9', 'gzip', 'gzip', 'compressor'],
  ['', 'gzip', 'identity', 'invalid'],
];

for (const [accept, offers, encoding, kind] of WISHES) {
  test(`accept-encoding: ${accept} of ${offers}`, () => {
    const list = offers.split(',').map((each) => ({ encoding: each.replace('!', ''), choosesFirst: each.endsWith('!') }));
    assert.deepEqual(chooseEncoding(accept, list), { encoding, kind });
  });
}

test('any text of accept-encoding gives an encoding that is offered, or none', () => {
  fc.assert(
    fc.property(fc.string(), (accept) => {
      const { encoding } = chooseEncoding(accept, [{ encoding: 'gzip', choosesFirst: false }]);
      assert.ok(encoding === 'gzip' || encoding === 'identity');
    }),
  );
});

const REFUSED: readonly [name: string, schema: DescMessage, init: Record<string, unknown>, want: RegExp][] = [
  ['a window', GzipSchema, { windowBits: 8 }, /typed_config\.window_bits: 8 is not in \[9, 15\]/],
  ['a quality', BrotliSchema, { quality: 12 }, /typed_config\.quality: 12/],
  ['another library', CompressorSchema, {}, /is not supported by Tulle/],
];

for (const [name, schema, init, want] of REFUSED) {
  test(`refuses ${name}`, () => {
    const typedConfig = anyPack(schema, create(schema, init));
    assert.throws(() => compressor.parse(create(CompressorSchema, { compressorLibrary: { name: 'x', typedConfig } }), 'f'), want);
  });
}
