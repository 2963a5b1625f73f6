/** Calls that Connect's handlers serve: messages are encoded there. */
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { ContextValues } from '@connectrpc/connect';
import type { GrpcCall } from './grpc-call.ts';
import { createMessageQueue } from './grpc-queue.ts';

function* fieldsOf(headers: Headers | undefined): Generator<readonly [string, string]> {
  if (headers !== undefined) for (const [name, value] of headers) yield [name, value];
}

async function answer(call: GrpcCall, response: UniversalServerResponse): Promise<void> {
  const { status, header, body, trailer } = response;
  if (body === undefined && trailer === undefined) {
    call.respond(status, fieldsOf(header), true);
    return;
  }
  call.respond(status, fieldsOf(header));
  for await (const bytes of body ?? []) if (!call.send([bytes])) await call.room();
  call.finish(fieldsOf(trailer));
}

/** Pieces of a request that wait for its handler before the client has to. */
const PIECES_MAX = 64;

/** What a client sends, which waits for it to be read. */
function bodyOf(call: GrpcCall, isEnd: boolean, onLost: () => void): AsyncIterable<Uint8Array> {
  const pieces = createMessageQueue<Uint8Array>();
  let isPaused = false;
  call.read({
    onBytes(view) {
      pieces.push(new Uint8Array(view));
      isPaused = pieces.size >= PIECES_MAX;
      if (isPaused) call.pause();
    },
    onEnd: () => pieces.close(),
    onLost() {
      onLost();
      pieces.close();
    },
  });
  if (isEnd) pieces.close();
  return (async function* () {
    for await (const piece of pieces) {
      yield piece;
      if (!isPaused || pieces.size > 0) continue;
      isPaused = false;
      call.resume();
    }
  })();
}

/** Serves a call until it ends. Rejects where the handler does. */
export async function serveUniversal(
  call: GrpcCall,
  isEnd: boolean,
  handler: UniversalHandler,
  contextValues: ContextValues,
): Promise<void> {
  const lost = new AbortController();
  const body = bodyOf(call, isEnd, () => lost.abort());
  const header = new Headers();
  call.headers.forEach((name, value) => header.append(name, value));
  const url = `http://localhost${call.path}`;
  await answer(call, await handler({ httpVersion: '2.0', url, method: call.method, header, body, signal: lost.signal, contextValues }));
}
