import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headersOf } from '../../wire/http/headers.ts';
import { fault } from '../../wire/http1/faults.ts';
import { breachDetails, localMessage } from './local-reply.ts';

const textOf = (type: string | undefined, status: number, body: string): string => {
  const request = type === undefined ? undefined : headersOf([['content-type', type]]);
  const { head, body: bytes } = localMessage(request, { status, body, headers: [['x-a', '1']] });
  return `${head.status}\r\n${head.headers.toText()}\r\n${Buffer.from(bytes).toString()}`;
};

test('a reply has a length, and a type where it has a body', () => {
  assert.equal(textOf(undefined, 403, 'no \u00e9'), '403\r\nx-a: 1\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nno \u00e9');
  assert.equal(textOf('text/html', 404, ''), '404\r\nx-a: 1\r\n\r\n');
  assert.equal(textOf('application/grpc-web', 204, ''), '204\r\nx-a: 1\r\n\r\n');
});

test('a client of gRPC gets a status of gRPC, and the body as its message', () => {
  for (const [status, grpc] of [
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [503, 14],
    [504, 14],
    [418, 2],
  ] as const) {
    const want = `200\r\nx-a: 1\r\ncontent-type: application/grpc\r\ngrpc-status: ${grpc}\r\n`;
    assert.equal(textOf('application/grpc+proto', status, ''), `${want}\r\n`);
    assert.equal(textOf('application/grpc', status, 'a%\n\u00e9'), `${want}grpc-message: a%25%0A%C3%A9\r\n\r\n`);
  }
});

test('breaches of the protocol have the words that Envoy has for them', () => {
  assert.equal(breachDetails(fault('http1.head_too_large')), 'http1.headers_too_large');
  assert.equal(breachDetails(fault('http1.chunk_size')), 'http1.codec_error');
});
