/** One request and its response through a chain of filters as the connection manager runs them, without sockets. */
import type { HeaderBlock } from '../../../../wire/http/headers.ts';
import type { RequestHead, ResponseHead } from '../../../../wire/http/message.ts';
import { fakeInfo, fakeRequest, fakeResponse, fakeStream } from '../../../telemetry/testing/fake-stream.ts';
import type { CollectOptions, HttpFilterHandlers, LocalReply } from '../../filter.ts';
import { FilterGate } from '../../filter-gate.ts';
import { requestOrder, responseOrder } from '../../filter-order.ts';
import { type GatedStream, RequestSide, ResponseSide, standingOf } from '../../gate-sides.ts';

type Fields = Readonly<Record<string, string>>;

export interface BenchOptions {
  readonly request?: Partial<Omit<RequestHead, 'headers'>>;
  readonly headers?: Fields;
  /** By the filter's name. */
  readonly perRoute?: unknown;
}

/** What has come out on one side. */
interface Outcome {
  /** The filters have let the head pass. */
  isHead: boolean;
  readonly pieces: Buffer[];
  isEnd: boolean;
}

export interface FilterBench {
  readonly stream: GatedStream;
  readonly upstream: Outcome;
  readonly client: Outcome;
  readonly replies: LocalReply[];
  /** Something waits: no more bytes should come. */
  readonly holds: { request: boolean; response: boolean };
  /** Begins with the head; a body's pieces follow each other as fast as the filters let them. */
  request(pieces?: readonly (string | Uint8Array)[], trailers?: HeaderBlock): Promise<void>;
  respond(status: number, headers: Fields, pieces?: readonly (string | Uint8Array)[], trailers?: HeaderBlock): Promise<void>;
  complete(): void;
}

/** Waits until `isDone` says so; rejects after a second of turns of the event loop. */
async function until(isDone: () => boolean): Promise<void> {
  const deadline = Date.now() + 2000;
  while (!isDone()) {
    if (Date.now() > deadline) throw new Error('the filters hold the message');
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

/** A chain of filters with one stream in it. */
export function filterBench(filters: readonly HttpFilterHandlers[], options: BenchOptions = {}): FilterBench {
  const requests = requestOrder(filters);
  const responses = responseOrder(filters);
  const upstream: Outcome = { isHead: false, pieces: [], isEnd: false };
  const client: Outcome = { isHead: false, pieces: [], isEnd: false };
  const holds = { request: false, response: false };
  const replies: LocalReply[] = [];
  const head = fakeRequest({ contentLength: -1, ...options.request }, options.headers ?? {});
  const base = fakeStream({ info: fakeInfo({ request: head }) });
  let response: ResponseHead | undefined;
  const stream: GatedStream = {
    ...base,
    get response() {
      return response;
    },
    isRequestWhole: false,
    isResponseWhole: false,
    perRoute: () => options.perRoute,
    reply(reply) {
      replies.push(reply);
      requestGate.close();
      client.isEnd = true;
    },
    resumeRequest: () => requestGate.resume(),
    resumeResponse: () => responseGate.resume(),
    collect: (collectOptions: CollectOptions) => requestGate.collect(collectOptions),
    collectResponse: (collectOptions: CollectOptions) => responseGate.collect(collectOptions),
    passRequestData: (handlers, data) => requestGate.pass(data, standingOf(requests.standings, handlers).dataAfter),
    passResponseData: (handlers, data) => responseGate.pass(data, standingOf(responses.standings, handlers).dataAfter),
    routeRequest: () => void (upstream.isHead = true),
    forwardData: (view) => void upstream.pieces.push(Buffer.from(view)),
    forwardEnd: () => void (upstream.isEnd = true),
    refuseBody: () => stream.reply({ status: 413, details: 'request_payload_too_large' }),
    holdRequest: () => void (holds.request = true),
    releaseRequest: () => void (holds.request = false),
    writeHead: () => void (client.isHead = true),
    writeData: (view) => void client.pieces.push(Buffer.from(view)),
    writeEnd: () => void (client.isEnd = true),
    holdResponse: () => void (holds.response = true),
    releaseResponse: () => void (holds.response = false),
  };
  const requestGate = new FilterGate(new RequestSide(stream, requests));
  const responseGate = new FilterGate(new ResponseSide(stream, responses));
  const send = async (gate: FilterGate, pieces: readonly (string | Uint8Array)[], isHeld: () => boolean): Promise<void> => {
    for (const piece of pieces) {
      await until(() => !isHeld() || client.isEnd);
      gate.data(Buffer.from(piece));
    }
    gate.end();
  };
  return {
    stream,
    upstream,
    client,
    replies,
    holds,
    async request(pieces = [], trailers) {
      Object.assign(stream, { isRequestWhole: pieces.length === 0 && trailers === undefined });
      stream.requestTrailers = trailers;
      requestGate.headers();
      if (stream.isRequestWhole) upstream.isEnd = true;
      else await send(requestGate, pieces, () => holds.request);
      await until(() => client.isEnd || (upstream.isHead && upstream.isEnd));
    },
    async respond(status, headers, pieces = [], trailers) {
      const length = headers['content-length'];
      response = { ...fakeResponse(status, headers), contentLength: length === undefined ? -1 : Number(length) };
      Object.assign(stream, { isResponseWhole: pieces.length === 0 && trailers === undefined });
      stream.responseTrailers = trailers;
      responseGate.headers();
      if (stream.isResponseWhole) client.isEnd = true;
      else await send(responseGate, pieces, () => holds.response);
      await until(() => client.isHead && client.isEnd);
    },
    complete() {
      for (const each of filters) each.onComplete?.(stream);
    },
  };
}

/** All of a head's fields, those of one name joined. */
export function fieldsOf(head: RequestHead | ResponseHead | undefined): Record<string, string> {
  const fields: Record<string, string> = {};
  head?.headers.forEach((name, value) => {
    fields[name] = fields[name] === undefined ? value : `${fields[name]},${value}`;
  });
  return fields;
}

/** Trailers, likewise. */
export function trailersOf(trailers: HeaderBlock | undefined): Record<string, string> | undefined {
  if (trailers === undefined) return undefined;
  const fields: Record<string, string> = {};
  trailers.forEach((name, value) => void (fields[name] = value));
  return fields;
}
