/** A connection with one gRPC stream of delta ADS, as a client has it. */
import type { Buffer } from 'node:buffer';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Connection, ConnectionHandlers } from '../src/net/connection.ts';
import { connectTcp } from '../src/net/socket-connection.ts';
import { type HeaderBlock, headersOf } from '../src/wire/http/headers.ts';
import { Http2Connection } from '../src/wire/http2/connection.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../src/wire/http2/options.ts';
import type { ProtocolError } from '../src/core/errors.ts';
import type { Http2Owner, Http2Reader, Http2Stream } from '../src/wire/http2/types.ts';
import { DeltaDiscoveryRequestSchema } from '../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { framed, type ResponseHandler, ResponseReader } from './control-wire.ts';

/** A DeltaDiscoveryRequest. */
export type Request = MessageInitShape<typeof DeltaDiscoveryRequestSchema>;

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
/** What a control plane may send before anybody has read it. */
const WINDOW_BYTES = 16 << 20;
const HTTP2_OPTIONS = { ...DEFAULT_HTTP2_OPTIONS, streamWindowBytes: WINDOW_BYTES, connectionWindowBytes: WINDOW_BYTES };
const HEADERS = headersOf([
  ['te', 'trailers'],
  ['content-type', 'application/grpc'],
]);

function encoded(request: Request): Buffer {
  return framed(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request)));
}

const asks = new WeakMap<ReadonlySet<string>, Map<string, Buffer>>();

/** A request for names, encoded once for all clients that ask for the same. */
function askFor(typeUrl: string, names: ReadonlySet<string>): Buffer {
  const byType = asks.get(names) ?? new Map<string, Buffer>();
  asks.set(names, byType);
  const known = byType.get(typeUrl) ?? encoded({ typeUrl, resourceNamesSubscribe: [...names] });
  byType.set(typeUrl, known);
  return known;
}

/** The stream, and who is told of what comes. */
export class DeltaStream implements ConnectionHandlers, Http2Owner {
  bytes = 0;
  readonly #id: string;
  readonly #reader: ResponseReader;
  #codec: Http2Connection | undefined;
  #stream: Http2Stream | undefined;
  #early: Buffer[] = [];

  /** Connects to a port of this machine. `id` names the client where it has to complain. */
  constructor(port: number, id: string, handler: ResponseHandler) {
    this.#id = id;
    this.#reader = new ResponseReader(handler);
    connectTcp({ host: '127.0.0.1', port }, { timeoutMs: 0 }, Object.assign(this, { onConnect: (to: Connection) => this.#open(to) }));
  }

  send(request: Request): void {
    this.#write(encoded(request));
  }

  /** Asks for resources by name. */
  ask(typeUrl: string, names: ReadonlySet<string>): void {
    this.#write(askFor(typeUrl, names));
  }

  #write(bytes: Buffer): void {
    if (this.#stream === undefined) this.#early.push(bytes);
    else this.#stream.sendData(bytes);
  }

  #open(connection: Connection): void {
    const codec = new Http2Connection('client', HTTP2_OPTIONS, connection, this);
    this.#codec = codec;
    connection.gatherWrites(() => codec.endTurn());
    codec.gather();
    const request = { method: 'POST', path: PATH, authority: 'control', scheme: 'http', headers: HEADERS, upgrade: '' };
    const reader: Http2Reader = {
      onHead: ({ headers }) => this.#complainOf(headers),
      onData: (view) => this.#reader.feed(view),
      onEnd: (trailers) => this.#complain(`its stream ended: ${trailers?.get('grpc-status')} ${trailers?.get('grpc-message')}`),
      onReset: (code, detail) => this.#complain(`its stream was reset: ${code} ${detail}`),
      onDrain() {},
    };
    this.#stream = codec.open(request, false, reader);
    for (const bytes of this.#early) this.#stream.sendData(bytes);
    this.#early = [];
  }

  onData(view: Uint8Array): void {
    this.bytes += view.length;
    this.#codec?.feed(view);
  }

  onEnd(): void {}

  onDrain(): void {
    this.#codec?.drained();
  }

  onClose(error: string | undefined): void {
    this.#complain(`its connection ended: ${error ?? 'closed'}`);
  }

  onRequest(): Http2Reader {
    throw new Error('nobody opens streams to a client');
  }

  onSettings(): void {}
  onGoAway(): void {}
  onPong(): void {}
  onStreamClosed(): void {}

  onFatal(error: ProtocolError): void {
    this.#complain(error.message);
  }

  #complainOf(headers: HeaderBlock): void {
    const status = headers.get('grpc-status');
    if (status !== undefined) this.#complain(`its stream was refused: ${status} ${headers.get('grpc-message')}`);
  }

  #complain(what: string): void {
    console.error(`${this.#id}: ${what}`);
  }
}
