import assert from 'node:assert/strict';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { headersOf } from '../../../wire/http/headers.ts';
import { BrotliSchema } from '../../../xds/gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts';
import { GzipSchema } from '../../../xds/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts';
import { ZstdSchema } from '../../../xds/gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts';
import { DecompressorSchema } from '../../../xds/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts';
import { fakeScope } from '../../telemetry/testing/fake-stream.ts';
import { decompressor } from './decompressor.ts';
import { fieldsOf, filterBench, trailersOf } from './testing/filter-bench.ts';

const GZIP = { name: 'lib', typedConfig: anyPack(GzipSchema, create(GzipSchema)) };
const BROTLI = { name: 'lib', typedConfig: anyPack(BrotliSchema, create(BrotliSchema)) };
const ZSTD = { name: 'lib', typedConfig: anyPack(ZstdSchema, create(ZstdSchema)) };
const BODY = Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(200));

function filter(scope: ReturnType<typeof fakeScope>, init: MessageInitShape<typeof DecompressorSchema>) {
  return decompressor.create(decompressor.parse(create(DecompressorSchema, init), 'f'), scope);
}

function split(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

for (const [encoding, library, encode] of [
  ['gzip', GZIP, zlib.gzipSync],
  ['br', BROTLI, zlib.brotliCompressSync],
  ['zstd', ZSTD, zlib.zstdCompressSync],
] as const) {
  test(`decompresses requests and responses by ${encoding}, in pieces`, async () => {
    const bench = filterBench([filter(fakeScope(), { decompressorLibrary: library })], {
      headers: { 'content-encoding': encoding, 'content-length': '9' },
    });
    const bytes = encode(BODY);
    await bench.request(split(bytes, 32));
    assert.deepEqual(Buffer.concat(bench.upstream.pieces), BODY);
    assert.deepEqual(fieldsOf(bench.stream.request), { 'accept-encoding': encoding });
    assert.deepEqual(trailersOf(bench.stream.requestTrailers), {
      'x-envoy-decompressor-lib-compressed-bytes': String(bytes.length),
      'x-envoy-decompressor-lib-uncompressed-bytes': String(BODY.length),
    });
    await bench.respond(200, { 'content-encoding': `${encoding}, custom` }, [bytes], headersOf([['grpc-status', '0']]));
    assert.deepEqual(Buffer.concat(bench.client.pieces), BODY);
    assert.deepEqual(fieldsOf(bench.stream.response), { 'content-encoding': 'custom' });
    assert.equal(trailersOf(bench.stream.responseTrailers)?.['grpc-status'], '0');
    bench.complete();
  });
}

test('leaves alone what is not so encoded, and what nobody may transform', async () => {
  for (const headers of [{ 'content-encoding': 'br' }, {}, { 'content-encoding': 'gzip', 'cache-control': 'no-transform' }]) {
    const scope = fakeScope();
    const bench = filterBench([filter(scope, { decompressorLibrary: GZIP })]);
    await bench.request();
    await bench.respond(200, headers, ['plain']);
    assert.equal(Buffer.concat(bench.client.pieces).toString(), 'plain');
    assert.deepEqual(fieldsOf(bench.stream.response), headers);
    assert.equal(scope.stats.scope('decompressor.lib.gzip').counter('response.not_decompressed').value, 1);
  }
});

test('asks the upstream for the encoding once', async () => {
  const bench = filterBench([filter(fakeScope(), { decompressorLibrary: GZIP })], { headers: { 'accept-encoding': 'br, gzip;q=0.1' } });
  await bench.request();
  assert.equal(bench.stream.request.headers.get('accept-encoding'), 'br,gzip');
  const quiet = filter(fakeScope(), { decompressorLibrary: GZIP, requestDirectionConfig: { advertiseAcceptEncoding: false } });
  const other = filterBench([quiet]);
  await other.request();
  assert.equal(other.stream.request.headers.get('accept-encoding'), undefined);
});

test('data that are not encoded so end the body, and are counted', async () => {
  const scope = fakeScope();
  const bench = filterBench([filter(scope, { decompressorLibrary: GZIP })]);
  await bench.request();
  await bench.respond(200, { 'content-encoding': 'gzip' }, ['this is no gzip', 'nor this']);
  assert.equal(Buffer.concat(bench.client.pieces).length, 0);
  assert.equal(scope.stats.scope('decompressor.lib.gzip').counter('decompressor_library.zlib_data_error').value, 1);
});

test('what follows the end of what is encoded is dropped', async () => {
  const bytes = zlib.gzipSync(BODY);
  const bodies = [
    [Buffer.concat([bytes, Buffer.alloc(9)]), 'more'],
    [bytes, 'rest', 'more'],
    [bytes, zlib.gzipSync(BODY)],
    [bytes.subarray(0, -3)],
  ];
  const wants = [BODY, BODY, Buffer.concat([BODY, BODY]), BODY];
  for (const [i, pieces] of bodies.entries()) {
    const bench = filterBench([filter(fakeScope(), { decompressorLibrary: GZIP })]);
    await bench.request();
    await bench.respond(200, { 'content-encoding': 'gzip' }, pieces);
    assert.equal(Buffer.concat(bench.client.pieces).length, wants[i]?.length);
  }
});

test('a bomb does not go off', async () => {
  const scope = fakeScope();
  const bench = filterBench([filter(scope, { decompressorLibrary: GZIP })]);
  await bench.request();
  const bomb = zlib.gzipSync(Buffer.alloc(20_000_000));
  await bench.respond(200, { 'content-encoding': 'gzip' }, [bomb]);
  assert.ok(Buffer.concat(bench.client.pieces).length <= 100 * bomb.length);
  assert.equal(scope.stats.scope('decompressor.lib.gzip').counter('decompressor_library.zlib_data_error').value, 1);
  bench.complete();
});
