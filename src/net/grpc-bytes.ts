/**
 * Bidirectional gRPC streams of bytes, for whoever has messages encoded already and sends the same ones to many: what is
 * sent is never copied. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import type { GrpcPeer } from './grpc-server.ts';

/** One open stream, as its handler sees it. */
interface ByteStream {
  readonly peer: GrpcPeer;
  /** The caller's bearer token, if it has one. */
  readonly token: string | undefined;
  /** Sends the message that `parts` make up one after the other; dropped where the stream has ended. */
  send(parts: readonly Uint8Array[]): void;
}

/** What is told to a handler. */
interface ByteStreamOwner {
  /** A message came. What it throws ends the stream with that status. */
  receive(message: Buffer): void;
  /** The stream is over; `isGoodbye` where the client ended it in order. Called once. */
  close(isGoodbye: boolean): void;
}

/** Takes a new stream. What it throws refuses the stream. */
export type ByteMethod = (stream: ByteStream) => ByteStreamOwner;

const PREFIX_BYTES = 5;
/** Largest request taken. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
const OK = 0;

/** Cuts the bytes of a stream into messages. */
function messageReader(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let length = 0;
  let wanted = PREFIX_BYTES;
  return (chunk) => {
    parts.push(chunk);
    length += chunk.length;
    while (length >= wanted) {
      const all = parts.length === 1 ? (parts[0] ?? chunk) : Buffer.concat(parts, length);
      const size = wantedOf(all);
      wanted = PREFIX_BYTES + size;
      if (length < wanted) {
        parts = [all];
        return;
      }
      const message = all.subarray(PREFIX_BYTES, wanted);
      parts = [all.subarray(wanted)];
      length -= wanted;
      wanted = PREFIX_BYTES;
      onMessage(message);
    }
  };
}

/** Length of the message that `frame` begins with. */
function wantedOf(frame: Buffer): number {
  if (frame[0] !== 0) throw new ConnectError('messages are taken uncompressed only', Code.Unimplemented);
  const size = frame.readUInt32BE(1);
  if (size > MESSAGE_BYTES_MAX) {
    throw new ConnectError(`the message has ${size} bytes; more than ${MESSAGE_BYTES_MAX} are not read`, Code.ResourceExhausted);
  }
  return size;
}

function prefixOf(parts: readonly Uint8Array[]): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    1,
  );
  return prefix;
}

function trailersOf(error: ConnectError | undefined): Record<string, string> {
  if (error === undefined) return { 'grpc-status': String(OK) };
  return { 'grpc-status': String(error.code), 'grpc-message': encodeURIComponent(error.rawMessage) };
}

function bearerOf({ headers }: Http2ServerRequest): string | undefined {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
}

/** Serves one call by `method` until it ends. */
export function serveBytes(request: Http2ServerRequest, response: Http2ServerResponse, peer: GrpcPeer, method: ByteMethod): void {
  const { stream } = response;
  let owner: ByteStreamOwner | undefined;
  let failure: ConnectError | undefined;
  const finish = (isGoodbye: boolean): void => {
    const mine = owner;
    owner = undefined;
    mine?.close(isGoodbye);
    if (stream.destroyed || stream.writableEnded) return;
    response.addTrailers(trailersOf(failure));
    response.end();
  };
  const attempt = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      failure = ConnectError.from(error);
      finish(false);
    }
  };
  const send = (parts: readonly Uint8Array[]): void => {
    if (stream.destroyed || stream.writableEnded) return;
    stream.cork();
    stream.write(prefixOf(parts));
    for (const part of parts) stream.write(part);
    stream.uncork();
  };
  stream.on('aborted', () => finish(false));
  stream.on('error', () => finish(false));
  stream.on('close', () => finish(false));
  response.writeHead(200, { 'content-type': 'application/grpc' });
  attempt(() => {
    owner = method({ peer, token: bearerOf(request), send });
  });
  const read = messageReader((message) => owner?.receive(message));
  stream.on('data', (chunk: Buffer) => attempt(() => read(chunk)));
  stream.on('end', () => finish(!stream.aborted));
}
