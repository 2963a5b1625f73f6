import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingResponse } from '../../wire/http/message.ts';
import { H2, type Http2Reader, type Http2Stream } from '../../wire/http2/types.ts';
import type { UpstreamTls } from './cluster.ts';
import type { OutgoingRequest, ResponseReader, UpstreamStream } from './http-upstream.ts';
import type { Http2Client } from './http2-client.ts';

/** One request on an HTTP/2 connection. */
export class Http2Request implements UpstreamStream, Http2Reader {
  readonly protocol = 'HTTP/2';
  readonly #client: Http2Client;
  #stream: Http2Stream | undefined = undefined;
  #reader: ResponseReader | undefined = undefined;
  /**
   * As `#reader`, and after the end of the response until the request has ended too: a tunnel's client may have more to say.
   * Not a moment longer: what a stream that is over still leads to, the young generation cannot collect.
   */
  #sender: ResponseReader | undefined = undefined;
  #hasSentEnd = false;
  #isPaused = false;
  /** What was sent while the request waits for the peer's SETTINGS. */
  #kept: Buffer[] | undefined = undefined;
  #isEndKept = false;

  constructor(client: Http2Client) {
    this.#client = client;
  }

  get localAddress(): string {
    return this.#client.localAddress;
  }

  get tls(): UpstreamTls | undefined {
    return this.#client.tls;
  }

  sendHead(request: OutgoingRequest, upgrade: string, isEnd: boolean, reader: ResponseReader): void {
    this.#reader = reader;
    this.#sender = reader;
    this.#hasSentEnd = isEnd;
    const { method, path, authority, scheme, headers } = request;
    const head = { method, path, authority, scheme: scheme === '' ? 'http' : scheme, headers, upgrade };
    if (upgrade === '') this.#stream = this.#client.openStream(head, isEnd, this);
    else {
      // Only SETTINGS say whether the peer takes extended CONNECT (RFC 8441 section 3).
      this.#kept = [];
      this.#client.afterSettings(() => {
        if (this.#reader === undefined) return;
        this.#stream = this.#client.openStream(head, false, this);
        this.#sendKept();
      });
    }
    if (this.#stream === undefined && this.#kept === undefined) this.#refused();
  }

  sendData(view: Uint8Array): boolean {
    if (view.length === 0) return true;
    if (this.#stream !== undefined) return this.#stream.sendData(view);
    this.#kept?.push(Buffer.from(view));
    return this.#kept === undefined;
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    this.#hasSentEnd = true;
    if (this.#reader === undefined) this.#sender = undefined;
    if (this.#stream === undefined) this.#isEndKept = true;
    else this.#stream.sendEnd(trailers);
  }

  abandon(): void {
    this.#reset(H2.CANCEL);
  }

  destroy(): void {
    this.#reset(H2.CANCEL);
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream?.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream?.resume();
  }

  onHead(head: IncomingResponse, isEnd: boolean): void {
    if (head.status < 200 && head.status !== 101) this.#reader?.onInformational(head);
    else if (isEnd) this.#over()?.onResponseHead(head, true);
    else this.#reader?.onResponseHead(head, false);
  }

  onData(view: Uint8Array): void {
    this.#reader?.onResponseData(view);
  }

  onEnd(trailers: HeaderBlock | undefined): void {
    if (trailers !== undefined) this.#client.stats.trailers.value++;
    this.#over()?.onResponseEnd(trailers);
  }

  onReset(code: number, detail: string): void {
    const { stats } = this.#client;
    if (detail === 'http2.remote_reset') stats.rx_reset.value++;
    if (this.#reader === undefined) return this.#sender?.onLateReset?.(code !== H2.NO_ERROR);
    const reason = this.#client.reasonOf(code, detail);
    const isTransport = reason === 'connection termination';
    this.#over()?.onUpstreamReset(reason, isTransport ? detail : '');
  }

  onDrain(): void {
    this.#sender?.onUpstreamDrain();
  }

  #over(): ResponseReader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    if (this.#hasSentEnd) this.#sender = undefined;
    return reader;
  }

  #reset(code: number): void {
    this.#reader = undefined;
    this.#sender = undefined;
    if (this.#stream?.isOpen !== true) return;
    this.#client.stats.tx_reset.value++;
    this.#stream.reset(code);
  }

  /** The connection takes no stream: told later, for the caller has not even returned from sending. */
  #refused(): void {
    const reason = this.#client.isClosed ? 'connection termination' : 'protocol error';
    queueMicrotask(() => this.#over()?.onUpstreamReset(reason, ''));
  }

  #sendKept(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    if (this.#stream === undefined) return this.#refused();
    for (const piece of kept) this.#stream.sendData(piece);
    if (this.#isEndKept) this.#stream.sendEnd(undefined);
    else this.#reader?.onUpstreamDrain();
    if (this.#isPaused) this.#stream.pause();
  }
}
