/** Calls of gRPC with one message each way, as requests of the proxy's own. Source: gRPC, PROTOCOL-HTTP2.md. */
import { HeaderBlock } from '../../wire/http/headers.ts';
import { sendAside, type SideResult, type SideScope } from './side-request.ts';

export interface UnaryCall {
  readonly cluster: string;
  /** `:authority`. */
  readonly authority: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Fields besides gRPC's own. */
  readonly metadata: readonly (readonly [name: string, value: string])[];
  readonly message: Uint8Array;
  /** 0: none. */
  readonly timeoutMs: number;
}

export type UnaryResult =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  /** A status other than OK, or no answer that is gRPC. */
  | { readonly kind: 'failure'; readonly reason: string };

const PREFIX_BYTES = 5;
/** What a message may come to; Envoy has no limit of its own but its buffers'. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** A message behind its prefix: no compression, and its length. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

function failure(reason: string): UnaryResult {
  return { kind: 'failure', reason };
}

/** Reads an answer: its status, and the one message in its body. */
export function readUnary(result: SideResult): UnaryResult {
  if (result.kind === 'failure') return failure(result.reason);
  const { status, headers, trailers, body } = result;
  if (status !== 200) return failure(`HTTP status ${status}`);
  const code = trailers?.get('grpc-status') ?? headers.get('grpc-status');
  if (code !== '0') return failure(`gRPC status ${code ?? 'missing'}`);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length < PREFIX_BYTES) return failure('no message');
  if (bytes[0] !== 0) return failure('a compressed message');
  if (bytes.readUInt32BE(1) !== bytes.length - PREFIX_BYTES) return failure('not one message');
  return { kind: 'message', bytes: bytes.subarray(PREFIX_BYTES) };
}

/** Calls; `onResult` is called once, never during the call. The result cancels it. */
export function callUnary(call: UnaryCall, scope: SideScope, onResult: (result: UnaryResult) => void): () => void {
  const headers = new HeaderBlock();
  headers.add('te', 'trailers');
  headers.add('content-type', 'application/grpc');
  if (call.timeoutMs > 0) headers.add('grpc-timeout', `${Math.ceil(call.timeoutMs)}m`);
  for (const [name, value] of call.metadata) headers.add(name, value);
  headers.set('x-envoy-internal', 'true');
  const request = {
    method: 'POST',
    path: call.path,
    authority: call.authority,
    scheme: 'http',
    headers,
    body: [frameMessage(call.message)],
    timeoutMs: call.timeoutMs,
    maxBodyBytes: PREFIX_BYTES + MAX_MESSAGE_BYTES,
  };
  return sendAside(call.cluster, request, scope, (result) => onResult(readUnary(result)));
}
