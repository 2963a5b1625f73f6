/**
 * Bidirectional gRPC streams of bytes, for whoever has messages encoded already and sends the same ones to many: what is
 * sent is never copied. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import { Buffer } from 'node:buffer';
import { Code, ConnectError } from '@connectrpc/connect';
import { coalesced, type GrpcCall } from './grpc-call.ts';
import type { GrpcPeer } from './grpc-server.ts';

/** One open stream, as its handler sees it. */
interface ByteStream {
  readonly peer: GrpcPeer;
  /** The caller's bearer token, if it has one. */
  readonly token: string | undefined;
  /** Sends the message that `parts`, which must not change, make up one after the other; dropped where the stream has ended. */
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

/** Cuts the bytes of a stream, which are borrowed, into messages, which are not. */
function messageReader(onMessage: (message: Buffer) => void): (view: Uint8Array) => void {
  // a large message is put together once, when all of it is here
  let pieces: Buffer[] = [];
  let pieceBytes = 0;
  let wantedBytes = PREFIX_BYTES;
  return (view) => {
    pieces.push(Buffer.from(view));
    pieceBytes += view.length;
    if (pieceBytes < wantedBytes) return;
    const [only] = pieces;
    let bytes = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces, pieceBytes);
    wantedBytes = PREFIX_BYTES;
    while (bytes.length >= PREFIX_BYTES) {
      wantedBytes = PREFIX_BYTES + sizeOf(bytes);
      if (bytes.length < wantedBytes) break;
      const message = bytes.subarray(PREFIX_BYTES, wantedBytes);
      bytes = bytes.subarray(wantedBytes);
      wantedBytes = PREFIX_BYTES;
      onMessage(message);
    }
    pieces = bytes.length === 0 ? [] : [bytes];
    pieceBytes = bytes.length;
  };
}

/** Length of the message that `frame` begins with. */
function sizeOf(frame: Buffer): number {
  if (frame[0] !== 0) throw new ConnectError('messages are taken uncompressed only', Code.Unimplemented);
  const size = frame.readUInt32BE(1);
  if (size > MESSAGE_BYTES_MAX) {
    throw new ConnectError(`the message has ${size} bytes; more than ${MESSAGE_BYTES_MAX} are not read`, Code.ResourceExhausted);
  }
  return size;
}

/** The length of a message, and its first part behind it: a few bytes, which are not worth a piece of their own. */
function withPrefix([first, ...parts]: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = first ?? Buffer.alloc(0);
  const prefixed = Buffer.allocUnsafe(PREFIX_BYTES + head.length);
  prefixed[0] = 0;
  prefixed.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, head.length),
    1,
  );
  prefixed.set(head, PREFIX_BYTES);
  return coalesced([prefixed, ...parts]);
}

/** The pieces of a message, kept for the next stream: whoever sends the same list of parts to many sends the same pieces. */
function pieceMaker(): (parts: readonly Uint8Array[]) => readonly Uint8Array[] {
  let last: readonly Uint8Array[] | undefined;
  let pieces: readonly Uint8Array[] = [];
  return (parts) => {
    if (last !== parts) {
      last = parts;
      pieces = withPrefix(parts);
    }
    return pieces;
  };
}

const piecesOf = pieceMaker();

function trailersOf(error: ConnectError | undefined): [string, string][] {
  if (error === undefined) return [['grpc-status', String(OK)]];
  return [
    ['grpc-status', String(error.code)],
    ['grpc-message', encodeURIComponent(error.rawMessage)],
  ];
}

const HEADERS: readonly (readonly [string, string])[] = [['content-type', 'application/grpc']];

/** Serves one call by `method` until it ends; `isEnd` where the client says nothing. */
export function serveBytes(call: GrpcCall, isEnd: boolean, method: ByteMethod): void {
  let owner: ByteStreamOwner | undefined;
  let failure: ConnectError | undefined;
  const finish = (isGoodbye: boolean): void => {
    const mine = owner;
    owner = undefined;
    mine?.close(isGoodbye);
    call.finish(trailersOf(failure));
  };
  const attempt = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      failure = ConnectError.from(error);
      finish(false);
    }
  };
  const read = messageReader((message) => owner?.receive(message));
  call.read({
    onBytes: (view) => attempt(() => read(view)),
    onEnd: () => finish(true),
    onLost: () => finish(false),
  });
  call.respond(200, HEADERS);
  const token = /^Bearer (.+)$/i.exec(call.headers.get('authorization') ?? '')?.[1];
  attempt(() => {
    owner = method({ peer: call.peer, token, send: (parts) => void call.sendPieces(piecesOf(parts)) });
  });
  if (isEnd) finish(true);
}
