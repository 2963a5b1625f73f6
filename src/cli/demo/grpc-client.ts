/** A unary call of gRPC, as far as the demo needs one: a request of one text field, an answer of one number. */
import http2 from 'node:http2';

export interface GrpcAnswer {
  /** `grpc-status`; -1 where none came. */
  readonly status: number;
  /** Field 1 of the answer, a varint; undefined where there was no message. */
  readonly field: number | undefined;
}

const PREFIX_BYTES = 5;
const TIMEOUT_MS = 10_000;

/** Field 1 of type string (wire type 2), framed as gRPC does: not compressed, length, message. Short texts only. */
function requestOf(text: string): Buffer {
  const message = Buffer.from([0x0a, text.length, ...Buffer.from(text)]);
  return Buffer.from([0, 0, 0, 0, message.length, ...message]);
}

function fieldOf(body: Buffer): number | undefined {
  if (body.length <= PREFIX_BYTES + 1) return undefined;
  let value = 0;
  // after the field's key, seven bits a byte, the lowest first
  for (const [i, byte] of body.subarray(PREFIX_BYTES + 1).entries()) value += (byte & 127) * 2 ** (7 * i);
  return value;
}

/** Calls a method on loopback in clear text; rejects where nobody answers. */
export function callGrpc(port: number, method: string, text: string): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const call = session.request({ ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' });
    const pieces: Buffer[] = [];
    let status = -1;
    const note = (headers: http2.IncomingHttpHeaders): void => {
      status = Number(headers['grpc-status'] ?? status);
    };
    call.setTimeout(TIMEOUT_MS, () => call.destroy(new Error(`no answer to ${method} in ${TIMEOUT_MS / 1000} s`)));
    // where there is no message, the status stands in the head
    call.on('response', note);
    call.on('trailers', note);
    call.on('data', (piece: Buffer) => pieces.push(piece));
    call.on('error', reject);
    call.on('close', () => {
      session.close();
      resolve({ status, field: fieldOf(Buffer.concat(pieces)) });
    });
    call.end(requestOf(text));
  });
}
