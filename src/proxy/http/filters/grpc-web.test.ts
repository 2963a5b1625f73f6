import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { headersOf } from '../../../wire/http/headers.ts';
import { fakeScope } from '../../telemetry/testing/fake-stream.ts';
import { grpcWeb } from './grpc-web.ts';
import { type FilterBench, fieldsOf, filterBench } from './testing/filter-bench.ts';

function bench(headers: Record<string, string>): FilterBench {
  return filterBench([grpcWeb.create(undefined, fakeScope())], { request: { method: 'POST' }, headers });
}

function frame(text: string, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

const GRPC = { 'content-type': 'application/grpc' };
const OK = (): ReturnType<typeof headersOf> => headersOf([['grpc-status', '0']]);

test('a binary call: the head is gRPC, and trailers end the body', async () => {
  const b = bench({ 'content-type': 'application/grpc-web+proto', 'content-length': '7', 'x-grpc-web': '1' });
  await b.request([frame('hi')]);
  assert.deepEqual(fieldsOf(b.stream.request), {
    'x-grpc-web': '1',
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-accept-encoding': 'identity',
  });
  assert.equal(b.stream.request.contentLength, -1);
  await b.respond(200, GRPC, [frame('ho')], OK());
  assert.deepEqual(fieldsOf(b.stream.response), { 'content-type': 'application/grpc-web+proto' });
  assert.deepEqual(Buffer.concat(b.client.pieces), Buffer.concat([frame('ho'), frame('grpc-status:0\r\n', 0x80)]));
  assert.equal(b.stream.responseTrailers, undefined);
});

test('a call in text: base64 both ways, each frame by itself', async () => {
  const b = bench({ 'content-type': 'application/grpc-web-text', accept: 'application/grpc-web-text' });
  const text = frame('hello').toString('base64') + frame('world!').toString('base64');
  await b.request([text.slice(0, 3), text.slice(3, 10), text.slice(10)]);
  assert.deepEqual(Buffer.concat(b.upstream.pieces), Buffer.concat([frame('hello'), frame('world!')]));
  const body = Buffer.concat([frame('a'), frame('bc')]);
  await b.respond(200, GRPC, [body.subarray(0, 2), body.subarray(2, 9), body.subarray(9)], OK());
  assert.equal(b.stream.response?.headers.get('content-type'), 'application/grpc-web-text+proto');
  const want = [frame('a'), frame('bc'), frame('grpc-status:0\r\n', 0x80)].map((each) => each.toString('base64')).join('');
  assert.equal(Buffer.concat(b.client.pieces).toString(), want);
});

test('frames in any pieces become the same text, and a whole frame is never held back', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.string({ maxLength: 9, unit: fc.constantFrom('a', 'b') }), { minLength: 1, maxLength: 4 }),
    fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
    async (texts, sizes) => {
      const b = bench({ 'content-type': 'application/grpc-web', accept: 'application/grpc-web-text' });
      await b.request(['x']);
      const frames = texts.map((text) => frame(text));
      const all = Buffer.concat(frames);
      const pieces: Buffer[] = [];
      for (let at = 0, i = 0; at < all.length; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        pieces.push(all.subarray(at, at + size));
        at += size;
      }
      await b.respond(200, GRPC, pieces);
      assert.equal(Buffer.concat(b.client.pieces).toString(), frames.map((each) => each.toString('base64')).join(''));
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

for (const [name, pieces, details] of [
  ['of a wrong length', ['AAAAA'], 'grpc_base_64_decode_failed_bad_size'],
  ['of wrong characters', ['AA!A'], 'grpc_base_64_decode_failed'],
  ['with padding inside', ['A=AA'], 'grpc_base_64_decode_failed'],
] as const) {
  test(`refuses base64 ${name}`, async () => {
    const b = bench({ 'content-type': 'application/grpc-web-text' });
    await b.request(pieces);
    assert.deepEqual(b.replies, [{ status: 400, body: 'Bad gRPC-web request, invalid base64 data.', details }]);
  });
}

test('an answer that is no gRPC becomes a status in the head', async () => {
  const b = bench({ 'content-type': 'application/grpc-web' });
  await b.request(['x']);
  assert.equal(b.stream.isGrpcWeb, true);
  await b.respond(503, { 'content-type': 'text/plain', 'content-length': '14' }, ['no healthy', ' up%']);
  assert.deepEqual(fieldsOf(b.stream.response), {
    'content-type': 'application/grpc-web+proto',
    'grpc-message': 'no healthy up%25',
    'grpc-status': '14',
    'content-length': '0',
  });
  assert.equal(b.client.pieces.length, 0);
});

test('the rest of a long answer that is no gRPC is dropped', async () => {
  const b = bench({ 'content-type': 'application/grpc-web' });
  await b.request(['x']);
  await b.respond(500, {}, ['a'.repeat(20_000), 'b', 'c']);
  assert.equal(b.stream.response?.headers.get('grpc-message'), 'a'.repeat(16_384));
  assert.equal(b.stream.response?.headers.get('grpc-status'), '2');
  assert.equal(b.client.pieces.length, 0);
});

test('an answer without a body keeps its status in the head', async () => {
  const b = bench({ 'content-type': 'application/grpc-web' });
  await b.request(['x']);
  await b.respond(200, { ...GRPC, 'grpc-status': '7' });
  assert.deepEqual(fieldsOf(b.stream.response), { 'grpc-status': '7', 'content-type': 'application/grpc-web+proto' });
});

test('other requests pass as they are', async () => {
  const b = bench({ 'content-type': 'application/json' });
  await b.request(['{}']);
  await b.respond(200, { 'content-type': 'application/json' }, ['[]'], OK());
  assert.deepEqual(fieldsOf(b.stream.request), { 'content-type': 'application/json' });
  assert.equal(Buffer.concat(b.client.pieces).toString(), '[]');
  assert.notEqual(b.stream.responseTrailers, undefined);
});
