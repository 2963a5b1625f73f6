/** One HTTP/1.1 connection to a host: a request at a time, its response to whoever reads it. */
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import { formatAddress } from '../../net/address.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import { chunkStart, CHUNK_END, lastChunk } from '../../wire/http1/chunked.ts';
import { createResponseDecoder, type ResponseDecoder } from '../../wire/http1/decoder.ts';
import { requestHeadText } from '../../wire/http1/encode.ts';
import type { Http1Response } from '../../wire/http1/head.ts';
import type { UpstreamTls } from './cluster.ts';
import type { Http1Settings } from './http-options.ts';
import type { MemberOwner, PoolMember } from './http-member.ts';
import type { OutgoingRequest, ResponseReader, UpstreamStream } from './http-upstream.ts';

/** Bytes of an unwanted response that are read so that its connection can be used again. */
const DRAIN_BYTES = 64 * 1024;

/** Methods whose requests say nothing of a body that they do not have; others say that it is empty. */
const BODILESS_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'TRACE', 'CONNECT']);

/** A second less than the host says, as clients do that go by it: so much a request may take to be read there. */
function keptFor(seconds: number): number {
  const timeMs = seconds * 1000;
  return timeMs - Math.min(1000, timeMs / 2);
}

export class Http1Client implements ConnectionHandlers, UpstreamStream, PoolMember {
  readonly protocol = 'HTTP/1.1';
  readonly localAddress: string;
  readonly tls: UpstreamTls | undefined;
  readonly connection: Connection;
  requests = 0;
  isRetired = false;
  isClosed = false;
  isClosedByUs = false;
  #hasPeerEnded = false;
  isListed = false;
  openedMs = 0;
  idleSinceMs = 0;
  keptMs = Infinity;
  readonly #owner: MemberOwner;
  readonly #passesTrailers: boolean;
  readonly #decoder: ResponseDecoder;
  #reader: ResponseReader | undefined = undefined;
  #isHeadRequest = false;
  #isChunked = false;
  #isRequestDone = true;
  #isResponseDone = true;
  #isPersistent = true;
  #isTunnel = false;
  #isConnect = false;
  #isPaused = false;
  /** The final head has been read. */
  #hasFinalHead = false;
  /** Of a response without body: told once the connection is free again. */
  #wholeHead: Http1Response | undefined = undefined;
  #trailers: HeaderBlock | undefined = undefined;
  /** Body bytes that `abandon` would have to read; -1 where they are too many or not known. */
  #unwantedBytes = -1;

  constructor(connection: Connection, tls: UpstreamTls | undefined, owner: MemberOwner, settings: Http1Settings) {
    this.connection = connection;
    this.tls = tls;
    this.localAddress = formatAddress(connection.local);
    this.#owner = owner;
    this.#passesTrailers = settings.passesTrailers;
    this.#decoder = createResponseDecoder(
      {
        onHead: (head, hasBody) => this.#onHead(head, hasBody),
        onBody: (view) => this.#reader?.onResponseData(view),
        onEnd: (trailers) => {
          this.#trailers = settings.passesTrailers ? trailers : undefined;
        },
      },
      () => this.#isHeadRequest,
      settings,
    );
    connection.read(this);
  }

  get isBusy(): boolean {
    return !this.#isRequestDone || !this.#isResponseDone;
  }

  get hasRoom(): boolean {
    return this.#isRequestDone && this.#isResponseDone && !this.isRetired && !this.isClosed;
  }

  open(): UpstreamStream {
    this.requests++;
    this.#isRequestDone = false;
    this.#isResponseDone = false;
    return this;
  }

  sendHead(request: OutgoingRequest, upgrade: string, isEnd: boolean, reader: ResponseReader): void {
    const { method, headers } = request;
    this.#isConnect = method === 'CONNECT';
    this.#isChunked = request.contentLength < 0 && upgrade === '' && !this.#isConnect;
    this.#reader = reader;
    this.#isHeadRequest = reader.isHead;
    this.#isRequestDone = isEnd;
    this.#isPersistent = true;
    this.#unwantedBytes = -1;
    this.#hasFinalHead = false;
    this.#decoder.next();
    if (isEnd && !BODILESS_METHODS.has(method) && !headers.has('content-length')) headers.set('content-length', '0');
    const target = this.#isConnect ? request.authority : request.path;
    this.#write(requestHeadText(method, target, request.authority, headers, this.#isChunked, '', upgrade));
  }

  /** Sends a borrowed piece of the body; false: wait for `onUpstreamDrain`. */
  sendData(view: Uint8Array): boolean {
    if (view.length === 0) return true;
    this.#owner.stats.upstream_cx_tx_bytes_total.value += view.length;
    if (!this.#isChunked) return this.connection.writeBytes(view, true);
    this.#write(chunkStart(view.length));
    this.connection.writeBytes(view, true);
    return this.#write(CHUNK_END);
  }

  /** Writes a latin1 string. */
  #write(text: string): boolean {
    this.#owner.stats.upstream_cx_tx_bytes_total.value += text.length;
    return this.connection.writeText(text);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isRequestDone) return;
    this.#isRequestDone = true;
    if (this.#isTunnel) this.connection.end();
    else if (this.#isChunked) this.#write(lastChunk(this.#passesTrailers ? trailers : undefined));
    if (this.#isResponseDone) this.#settle();
  }

  pause(): void {
    this.#isPaused = true;
    this.connection.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.connection.resume();
  }

  /** A small rest of the response is read and dropped, otherwise the connection goes. */
  abandon(): void {
    this.#reader = undefined;
    if (this.isClosed || this.#isResponseDone) return;
    const canDrain = this.#isRequestDone && this.#isPersistent && !this.#isTunnel && this.#unwantedBytes >= 0;
    if (canDrain) this.resume();
    else this.close();
  }

  close(detail?: string): void {
    this.isRetired = true;
    this.isClosedByUs = !this.#hasPeerEnded;
    this.connection.destroy(detail);
  }

  destroy(): void {
    this.#reader = undefined;
    this.close();
  }

  onData(bytes: Uint8Array): void {
    this.#owner.stats.upstream_cx_rx_bytes_total.value += bytes.length;
    let at = 0;
    while (at < bytes.length && !this.#isTunnel && !this.isClosed) {
      if (this.#isResponseDone) return this.#broken('bytes that nobody asked for');
      at = this.#decoder.feed(bytes, at);
      if (this.#decoder.error !== undefined) return this.#broken(this.#decoder.error.message);
      if (this.#decoder.isDone && !this.#isTunnel) this.#onMessage(at < bytes.length);
    }
    if (this.#isTunnel && at < bytes.length) this.#reader?.onResponseData(at === 0 ? bytes : bytes.subarray(at));
  }

  onEnd(): void {
    this.#hasPeerEnded = true;
    if (this.#isTunnel) {
      this.#isResponseDone = true;
      this.#reader?.onResponseEnd(undefined);
      return;
    }
    if (!this.#isResponseDone && this.#decoder.end() && this.#decoder.isDone) this.#onMessage(false);
    this.close();
  }

  onDrain(): void {
    this.#reader?.onUpstreamDrain();
  }

  onClose(error: string | undefined): void {
    this.isClosed = true;
    this.#owner.onClosed(this);
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined || this.#isResponseDone) return;
    // An end inside a response is one that cannot be read.
    if (this.#decoder.isIdle) reader.onUpstreamReset('connection termination', error ?? '');
    else reader.onUpstreamReset('protocol error', '');
  }

  #onHead(head: Http1Response, hasBody: boolean): void {
    if (head.status < 200 && head.status !== 101) {
      this.#reader?.onInformational(head);
      return;
    }
    this.#hasFinalHead = true;
    this.#isPersistent = head.isPersistent;
    if (head.keepAliveSeconds >= 0) this.keptMs = keptFor(head.keepAliveSeconds);
    this.#unwantedBytes = head.contentLength <= DRAIN_BYTES ? head.contentLength : -1;
    if (head.status === 101 || (this.#isConnect && head.status < 300)) {
      this.#isTunnel = true;
      this.#decoder.handOver();
      this.#reader?.onResponseHead(head, false);
    } else if (hasBody) this.#reader?.onResponseHead(head, false);
    else this.#wholeHead = head;
  }

  /** A message has ended: the response, or an informational one before it. */
  #onMessage(hasMore: boolean): void {
    const head = this.#wholeHead;
    this.#wholeHead = undefined;
    if (!this.#hasFinalHead) {
      this.#decoder.next();
      return;
    }
    this.#isResponseDone = true;
    // More bytes than the response: whoever sent them must not get to answer the next request with them.
    if (hasMore) this.#isPersistent = false;
    const reader = this.#reader;
    this.#reader = undefined;
    // Who paused it has its response whole by now, and will not say more.
    this.resume();
    this.#settle();
    if (head === undefined) reader?.onResponseEnd(this.#trailers);
    else reader?.onResponseHead(head, true);
  }

  #settle(): void {
    if (this.isClosed || this.#isTunnel) return;
    if (this.#isRequestDone && this.#isPersistent && !this.isRetired) this.#owner.onRoom(this);
    // Where the request is not all sent its reader says when it has no more to send, or lets go.
    else if (this.#isRequestDone || !this.#isPersistent) this.close();
  }

  #broken(detail: string): void {
    this.#owner.stats.upstream_cx_protocol_error.value++;
    const reader = this.#isResponseDone ? undefined : this.#reader;
    this.#reader = undefined;
    this.close(detail);
    reader?.onUpstreamReset('protocol error', '');
  }
}
