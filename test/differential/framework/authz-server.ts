/**
 * An authorization service by gRPC that says what it is told to: `x-answer` has a CheckResponse as base64 of its JSON,
 * and `{request}` in it stands for what the proxy has asked, without what no two runs have in common.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import { fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import { portOf } from '../../../src/net/testing/port-of.ts';
import { CheckRequestSchema, CheckResponseSchema } from '../../../src/xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import type { Servers } from './proxies.ts';

/** Values that differ from run to run, by their place in the request. */
const RANDOM = new Set(['id', 'time', 'portValue', 'x-request-id', 'x-answer', 'x-case']);

function plain(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, RANDOM.has(key) ? '...' : plain(each)]));
}

function answerFor(message: Uint8Array): Uint8Array {
  const request = fromBinary(CheckRequestSchema, message);
  const json = toJson(CheckRequestSchema, request);
  const { headers, headerMap } = request.attributes?.request?.http ?? {};
  const raw = headerMap?.headers.find(({ key }) => key === 'x-answer')?.rawValue ?? new Uint8Array(0);
  const answer = headers?.['x-answer'] ?? Buffer.from(raw).toString();
  const text = Buffer.from(answer, 'base64')
    .toString()
    .replaceAll('{request}', JSON.stringify(JSON.stringify(plain(json))).slice(1, -1));
  return toBinary(CheckResponseSchema, fromJson(CheckResponseSchema, text === '' ? {} : (JSON.parse(text) as JsonValue)));
}

function frame(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}

function serve(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => void pieces.push(piece));
  stream.on('error', () => undefined);
  stream.on('end', () => {
    const isRight = headers[':path'] === '/envoy.service.auth.v3.Authorization/Check' && headers['content-type'] === 'application/grpc';
    stream.respond({ ':status': isRight ? 200 : 404, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    const fails = headers['x-fail'];
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': fails === undefined ? '0' : '13' }));
    if (fails === undefined) stream.write(frame(answerFor(Buffer.concat(pieces).subarray(5))));
    stream.end();
  });
}

/** Starts it; its port is `authz`. */
export async function authzServer(): Promise<Servers> {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ports: { authz: portOf(server) },
    async close() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
