/** The gRPC server with a foreign client: Node's own HTTP/2. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { silentLog } from '../core/log.ts';
import type { ByteMethod } from './grpc-bytes.ts';
import { type GrpcServer, serveGrpc } from './grpc-server.ts';

const LARGE_BYTES = 3_000_000;
const large = new Uint8Array(LARGE_BYTES).map((_, i) => i);
const ends: boolean[] = [];

/** Answers each message by itself in three parts, of which one is large where it is asked for. */
const echo: ByteMethod = (stream) => ({
  receive(message) {
    const text = message.toString();
    if (text === 'fail') throw new ConnectError('no more', Code.ResourceExhausted);
    if (text === 'who') stream.send([Buffer.from(`${stream.peer.transport} ${stream.token}`)]);
    else if (text === 'large') stream.send([Buffer.from('<'), large, Buffer.from('>')]);
    else stream.send([Buffer.from('<'), message, Buffer.from('>')]);
  },
  close: (isGoodbye) => void ends.push(isGoodbye),
});

const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-grpc-'));
const servers: GrpcServer[] = [];

before(async () => {
  const methods = new Map([['/test.Bytes/Echo', echo]]);
  for (const at of [{ path: path.join(folder, 'grpc.sock') }, { host: '127.0.0.1', port: 0 }])
    servers.push(await serveGrpc(at, () => undefined, silentLog, methods));
});

after(async () => {
  await Promise.all(servers.map((server) => server.close()));
  rmSync(folder, { recursive: true });
});

function framed(text: string): Buffer {
  const frame = Buffer.alloc(5 + text.length);
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5);
  return frame;
}

interface Answer {
  readonly messages: readonly string[];
  readonly status: string;
  readonly message: string;
}

function messagesOf(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.toString('latin1', at + 5, end));
    at = end;
  }
  return messages;
}

/** Calls a method with the given chunks, which may cut messages anywhere. */
async function call(authority: string, options: http2.ClientSessionOptions, pathOf: string, chunks: readonly Buffer[]): Promise<Answer> {
  const session = http2.connect(authority, options);
  const stream = session.request({ ':method': 'POST', ':path': pathOf, 'content-type': 'application/grpc', authorization: 'Bearer abc' });
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('response', (headers) => (trailers = headers['grpc-status'] === undefined ? trailers : headers));
  stream.on('trailers', (headers) => (trailers = headers));
  const bytes: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => bytes.push(chunk));
  stream.on('error', () => undefined);
  const closed = once(stream, 'close');
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await closed;
  session.destroy();
  return {
    messages: messagesOf(Buffer.concat(bytes)),
    status: String(trailers['grpc-status']),
    message: String(trailers['grpc-message'] ?? ''),
  };
}

const unix = (): [string, http2.ClientSessionOptions & { path: string }] => ['http://localhost', { path: servers[0]?.address ?? '' }];
const tcp = (): [string, http2.ClientSessionOptions] => [`http://${servers[1]?.address}`.replace(/:0$/, `:${servers[1]?.port}`), {}];

for (const [name, target] of [['unix', unix] as const, ['tcp', tcp] as const]) {
  test(`${name}: messages come and go whole, however they are cut`, async () => {
    const all = Buffer.concat([framed('one'), framed('two'), framed(''), framed('who')]);
    const cuts = [all.subarray(0, 3), all.subarray(3, 11), all.subarray(11, 12), all.subarray(12)];
    const { messages, status } = await call(...target(), '/test.Bytes/Echo', cuts);
    assert.deepEqual(messages, ['<one>', '<two>', '<>', `${name} abc`]);
    assert.equal(status, '0');
    assert.equal(ends.at(-1), true);
  });

  test(`${name}: a large message comes whole, with those behind it`, async () => {
    const text = 'large message '.repeat(LARGE_BYTES / 10);
    const { messages } = await call(...target(), '/test.Bytes/Echo', [framed('one'), Buffer.concat([framed(text), framed('two')])]);
    assert.deepEqual(
      messages.map((message) => message.length),
      [5, text.length + 2, 5],
    );
    assert.ok(messages[1] === `<${text}>`);
  });

  test(`${name}: a large message goes through a small window`, async () => {
    const [authority, options] = target();
    const small = { ...options, settings: { initialWindowSize: 10_000 } };
    const { messages, status } = await call(authority, small, '/test.Bytes/Echo', [framed('large'), framed('end')]);
    const [first = '', second] = messages;
    assert.equal(first.length, LARGE_BYTES + 2);
    assert.ok(Buffer.from(first.slice(1, -1), 'latin1').equals(large));
    assert.equal(second, '<end>');
    assert.equal(status, '0');
  });

  test(`${name}: what a method throws is the status, and ends the call`, async () => {
    const answer = await call(...target(), '/test.Bytes/Echo', [framed('one'), framed('fail')]);
    assert.deepEqual(answer, { messages: ['<one>'], status: '8', message: 'no%20more' });
    assert.equal(ends.at(-1), false);
  });

  test(`${name}: a method that is not there is unimplemented`, async () => {
    assert.equal((await call(...target(), '/test.Bytes/Other', [])).status, '12');
  });

  test(`${name}: a client that breaks off is no goodbye`, async () => {
    const [authority, options] = target();
    const before = ends.length;
    const session = http2.connect(authority, options);
    const stream = session.request({ ':method': 'POST', ':path': '/test.Bytes/Echo' });
    stream.on('error', () => undefined);
    stream.write(framed('one'));
    await once(stream, 'data');
    session.destroy();
    while (ends.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(ends.at(-1), false);
  });
}
