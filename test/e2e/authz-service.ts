/**
 * A service that decides about requests for others, as Envoy asks by HTTP or by gRPC (SPEAKS): it lets pass who says
 * `x-user: alice`, and of connections those of the service account `client`. By HTTP it also serves the keys of a token
 * issuer (KEYS).
 */
import http from 'node:http';
import http2 from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CheckRequestSchema, CheckResponseSchema } from '../../src/xds/gen/envoy/service/auth/v3/external_auth_pb.ts';

const { PORT, SPEAKS, KEYS = '' } = process.env;

const byHttp = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
  request.resume();
  if (request.url === '/keys') response.end(KEYS);
  else if (request.headers['x-user'] === 'alice') response.setHeader('x-decided-by', `http ${request.url}`).end();
  else response.writeHead(401, { 'x-why': 'not alice' }).end('who are you?');
});

function answerTo(message: Uint8Array): Uint8Array {
  const { request, source } = fromBinary(CheckRequestSchema, message).attributes ?? {};
  const isAllowed =
    request?.http === undefined ? source?.principal.endsWith('/sa/client') === true : request.http.headers['x-user'] === 'alice';
  const header = { key: 'x-decided-by', value: 'grpc' };
  return toBinary(
    CheckResponseSchema,
    create(CheckResponseSchema, {
      status: { code: isAllowed ? 0 : 7 },
      httpResponse: isAllowed
        ? { case: 'okResponse', value: { headers: [{ header }] } }
        : { case: 'deniedResponse', value: { status: { code: 403 }, body: 'not by gRPC' } },
    }),
  );
}

const byGrpc = http2.createServer().on('stream', (stream) => {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('error', () => undefined);
  stream.on('end', () => {
    const message = answerTo(Buffer.concat(pieces).subarray(5));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([prefix, message]));
  });
});

(SPEAKS === 'grpc' ? byGrpc : byHttp).listen(Number(PORT), '0.0.0.0');
