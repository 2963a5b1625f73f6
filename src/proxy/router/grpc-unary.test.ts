import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { headersOf } from '../../wire/http/headers.ts';
import { frameMessage, readUnary } from './grpc-unary.ts';
import type { SideResult } from './side-request.ts';

const OK = headersOf([['grpc-status', '0']]);

function answer(body: Uint8Array, more: Partial<Extract<SideResult, { kind: 'answer' }>> = {}): SideResult {
  return { kind: 'answer', status: 200, headers: headersOf([]), body, trailers: OK, ...more };
}

test('a message goes into a frame and comes out of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
      const result = readUnary(answer(frameMessage(message)));
      assert.ok(result.kind === 'message');
      assert.deepEqual(Buffer.from(result.bytes), Buffer.from(message));
    }),
  );
});

const FRAME = frameMessage(Buffer.from('abc'));
const FAILURES: readonly [name: string, result: SideResult, reason: string][] = [
  ['no answer', { kind: 'failure', reason: 'timeout' }, 'timeout'],
  ['a status of HTTP', answer(FRAME, { status: 503 }), 'HTTP status 503'],
  ['a status of gRPC', answer(FRAME, { trailers: headersOf([['grpc-status', '7']]) }), 'gRPC status 7'],
  ['a status in the head', answer(FRAME, { headers: headersOf([['grpc-status', '14']]), trailers: undefined }), 'gRPC status 14'],
  ['no status', answer(FRAME, { trailers: undefined }), 'gRPC status missing'],
  ['no message', answer(Buffer.alloc(0)), 'no message'],
  ['half a message', answer(FRAME.subarray(0, 6)), 'not one message'],
  ['two messages', answer(Buffer.concat([FRAME, FRAME])), 'not one message'],
  ['a compressed message', answer(Buffer.concat([Buffer.from([1]), FRAME.subarray(1)])), 'a compressed message'],
];

for (const [name, result, reason] of FAILURES) {
  test(`fails by ${name}`, () => assert.deepEqual(readUnary(result), { kind: 'failure', reason }));
}

test('no bytes make the reader throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (body) => void readUnary(answer(body))));
});
