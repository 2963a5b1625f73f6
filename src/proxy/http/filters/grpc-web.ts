/**
 * gRPC for browsers: requests of gRPC-Web become gRPC, trailers of the answer a frame at the end of its body.
 * Source: gRPC, PROTOCOL-WEB.md. Envoy: envoy.filters.http.grpc_web.
 */
import { isBareGrpcType } from '../../../core/grpc-status.ts';
import type { HeaderBlock } from '../../../wire/http/headers.ts';
import type { ResponseHead } from '../../../wire/http/message.ts';
import { GrpcWebSchema } from '../../../xds/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import { COLLECT, CONTINUE, type HttpFilter, type HttpFilterHandlers, type HttpStream, REPLIED, TAKEN } from '../filter.ts';
import { grpcStatusOf, grpcText } from '../local-reply.ts';
import { forgetLength, mediaType } from './compression/headers.ts';

const BINARY_TYPES = ['application/grpc-web', 'application/grpc-web+proto'];
const TEXT_TYPES = ['application/grpc-web-text', 'application/grpc-web-text+proto'];
/** Bit of a frame's first byte: it holds trailers. */
const TRAILERS_FRAME = 0x80;
/** Bytes of an answer that is no gRPC of which `grpc-message` is made. Source: Envoy. */
const MAX_MESSAGE_BYTES = 16_384;

/** What is known of one request of gRPC-Web. */
interface Call {
  readonly isTextRequest: boolean;
  readonly isTextResponse: boolean;
  /** Characters of the request's base64 that make no group of four yet. */
  rest: string;
  /** Bytes of the answer that make no group of three yet. */
  pending: Buffer;
  /** Bytes of the current frame's head that have come, and the frame's bytes after it that have not. */
  headBytes: number;
  leftBytes: number;
  /** The answer was no gRPC, and has become a head alone. */
  isPlain: boolean;
}

const NOTHING = Buffer.alloc(0);
const FRAME_HEAD_BYTES = 5;
const BASE64_GROUPS = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Decodes whole groups, of which any may end in padding: each frame may have been encoded by itself. */
function decodeGroups(text: string): Buffer | undefined {
  const parts: Buffer[] = [];
  let from = 0;
  while (from < text.length) {
    const padding = text.indexOf('=', from);
    const to = padding === -1 ? text.length : padding + (4 - (padding % 4));
    const part = text.slice(from, to);
    if (!BASE64_GROUPS.test(part)) return undefined;
    parts.push(Buffer.from(part, 'base64'));
    from = to;
  }
  return Buffer.concat(parts);
}

function replyMalformed(stream: HttpStream, details: string): typeof REPLIED {
  stream.reply({ status: 400, body: 'Bad gRPC-web request, invalid base64 data.', details });
  return REPLIED;
}

/** The frame that trailers become: `name:value` lines. */
function trailersFrame(trailers: HeaderBlock | undefined): Buffer {
  let lines = '';
  trailers?.forEach((name, value) => {
    lines += `${name}:${value}\r\n`;
  });
  const text = Buffer.from(lines, 'latin1');
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + text.length);
  frame[0] = TRAILERS_FRAME;
  frame.writeUInt32BE(text.length, 1);
  text.copy(frame, FRAME_HEAD_BYTES);
  return frame;
}

function isGrpcAnswer(head: ResponseHead, endStream: boolean): boolean {
  if (endStream && head.headers.has('grpc-status')) return true;
  const type = mediaType(head.headers) ?? '';
  return head.status === 200 && (isBareGrpcType(type) || BINARY_TYPES.includes(type));
}

/** An answer that is no gRPC: its status and its text become gRPC's, in the head. */
function setStatus(head: ResponseHead, body: Uint8Array): void {
  head.headers.set('grpc-message', grpcText(Buffer.from(body).toString('utf8')));
  head.headers.set('grpc-status', String(grpcStatusOf(head.status)));
  head.headers.set('content-length', '0');
  head.contentLength = 0;
}

/** The index after the current frame's last byte, or -1 where `data` do not reach it. */
function frameEnd(call: Call, data: Uint8Array, from: number): number {
  let i = from;
  for (; call.headBytes < FRAME_HEAD_BYTES && i < data.length; i++) {
    if (call.headBytes++ > 0) call.leftBytes = call.leftBytes * 256 + (data[i] ?? 0);
  }
  const count = Math.min(call.leftBytes, data.length - i);
  call.leftBytes -= count;
  if (call.headBytes < FRAME_HEAD_BYTES || call.leftBytes > 0) return -1;
  call.headBytes = 0;
  return i + count;
}

/**
 * Base64 of what has come, each frame by itself: within a frame, bytes that would need padding wait for the next piece;
 * at its end nothing is held back.
 */
function encodeText(call: Call, data: Uint8Array): string {
  let text = '';
  for (let from = 0; from < data.length;) {
    const end = frameEnd(call, data, from);
    const bytes = Buffer.concat([call.pending, data.subarray(from, end === -1 ? undefined : end)]);
    const whole = end === -1 ? bytes.length - (bytes.length % 3) : bytes.length;
    call.pending = bytes.subarray(whole);
    text += bytes.toString('base64', 0, whole);
    from = end === -1 ? data.length : end;
  }
  return text;
}

/** Turns a request of gRPC-Web into gRPC. */
function beginCall(stream: HttpStream, type: string): Call {
  const { headers } = stream.request;
  const call: Call = {
    isTextRequest: TEXT_TYPES.includes(type),
    isTextResponse: TEXT_TYPES.includes(headers.get('accept') ?? ''),
    rest: '',
    pending: NOTHING,
    headBytes: 0,
    leftBytes: 0,
    isPlain: false,
  };
  stream.isGrpcWeb = true;
  if (stream.request.contentLength !== 0) forgetLength(stream.request);
  headers.set('content-type', 'application/grpc');
  headers.set('te', 'trailers');
  if (!headers.has('grpc-accept-encoding')) headers.set('grpc-accept-encoding', 'identity');
  return call;
}

function decodeRequest(stream: HttpStream, call: Call, handlers: HttpFilterHandlers, data: Uint8Array): typeof TAKEN | typeof REPLIED {
  const text = call.rest + Buffer.from(data).toString('latin1');
  const whole = text.length - (text.length % 4);
  call.rest = text.slice(whole);
  const bytes = decodeGroups(text.slice(0, whole));
  if (bytes === undefined) return replyMalformed(stream, 'grpc_base_64_decode_failed');
  if (bytes.length > 0) stream.passRequestData(handlers, bytes);
  return TAKEN;
}

function create(): HttpFilterHandlers {
  const calls = new WeakMap<HttpStream, Call>();
  const passText = (stream: HttpStream, text: string): void => {
    if (text !== '') stream.passResponseData(handlers, Buffer.from(text, 'latin1'));
  };
  const handlers: HttpFilterHandlers = {
    onRequestHeaders(stream) {
      const type = stream.request.headers.get('content-type');
      if (type === undefined || !(BINARY_TYPES.includes(type) || TEXT_TYPES.includes(type))) return CONTINUE;
      calls.set(stream, beginCall(stream, type));
      return CONTINUE;
    },
    onRequestData(stream, data) {
      const call = calls.get(stream);
      return call?.isTextRequest === true ? decodeRequest(stream, call, handlers, data) : CONTINUE;
    },
    onRequestEnd(stream) {
      const call = calls.get(stream);
      if (call === undefined || call.rest === '') return CONTINUE;
      return replyMalformed(stream, 'grpc_base_64_decode_failed_bad_size');
    },
    onResponseHeaders(stream, endStream) {
      const call = calls.get(stream);
      const head = stream.response;
      if (call === undefined || head === undefined) return CONTINUE;
      const isGrpc = isGrpcAnswer(head, endStream);
      head.headers.set('content-type', call.isTextResponse ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto');
      if (endStream) return CONTINUE;
      forgetLength(head);
      if (isGrpc) return CONTINUE;
      stream.collectResponse({ maxBytes: MAX_MESSAGE_BYTES, isPartialEnough: true });
      return COLLECT;
    },
    onResponseBody(stream, body) {
      const call = calls.get(stream);
      if (call === undefined || stream.response === undefined) return CONTINUE;
      call.isPlain = true;
      setStatus(stream.response, body);
      return TAKEN;
    },
    onResponseData(stream, data) {
      const call = calls.get(stream);
      if (call === undefined) return CONTINUE;
      if (call.isPlain) return TAKEN;
      if (!call.isTextResponse) return CONTINUE;
      passText(stream, encodeText(call, data));
      return TAKEN;
    },
    onResponseEnd(stream) {
      const call = calls.get(stream);
      if (call === undefined || call.isPlain) return CONTINUE;
      const frame = stream.responseTrailers === undefined ? NOTHING : trailersFrame(stream.responseTrailers);
      stream.responseTrailers = undefined;
      if (call.isTextResponse) passText(stream, Buffer.concat([call.pending, frame]).toString('base64'));
      else if (frame.length > 0) stream.passResponseData(handlers, frame);
      return CONTINUE;
    },
  };
  return handlers;
}

/** Answers that end with their head keep their status in it, as gRPC's do. */
export const grpcWeb: HttpFilter<typeof GrpcWebSchema, undefined> = {
  name: 'envoy.filters.http.grpc_web',
  schema: GrpcWebSchema,
  parse: () => undefined,
  create,
};
