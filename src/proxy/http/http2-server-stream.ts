/** One stream of a downstream HTTP/2 connection: what `Stream` needs of a codec, and what the codec tells of the client. */
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingRequest } from '../../wire/http/message.ts';
import { H2, type Http2Reader, type Http2Stream } from '../../wire/http2/types.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Response } from '../router/downstream.ts';
import type { WheelTimer } from '../timers.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import { http2Details, type Http2Stats } from './http2-stats.ts';
import type { CodedStream, StreamCodec } from './stream-codec.ts';
import { Stream } from './stream.ts';

/** What a stream needs of its connection. */
export interface Http2StreamOwner {
  readonly downstream: DownstreamConnection;
  /** A response begins: whether the connection is to be drained is looked at. */
  onResponse(): void;
  /** The stream is over for everybody but the client. `isLast`: the connection should serve nothing more. */
  onDone(isLast: boolean): void;
}

export class Http2ServerStream implements StreamCodec, Http2Reader {
  readonly isHalfOpen = true;
  readonly downstream: DownstreamConnection;
  readonly #wire: Http2Stream;
  readonly #owner: Http2StreamOwner;
  readonly #runtime: HcmRuntime;
  readonly #stats: Http2Stats;
  #stream: Stream;
  /** A tunnel's bytes wait until it is accepted. */
  #isTunnelAwaited: boolean;
  #isRequestEnded: boolean;
  #isOver = false;
  #isUnread = false;
  #flushTimer: WheelTimer | undefined = undefined;

  constructor(wire: Http2Stream, head: IncomingRequest, isEnd: boolean, owner: Http2StreamOwner, runtime: HcmRuntime, stats: Http2Stats) {
    this.downstream = owner.downstream;
    this.#wire = wire;
    this.#owner = owner;
    this.#runtime = runtime;
    this.#stats = stats;
    this.#isRequestEnded = isEnd;
    this.#isTunnelAwaited = head.upgrade !== '' || head.method === 'CONNECT';
    this.#stream = new Stream(head, this, runtime);
  }

  /** Starts with the head; may answer at once. */
  begin(): void {
    if (this.#isTunnelAwaited) this.#wire.pause();
    this.#stream.begin(!this.#isRequestEnded);
  }

  writeInformational(status: number, headers: HeaderBlock): void {
    this.#wire.sendResponse(status, headers, false);
  }

  writeHead({ status, headers }: Response, stream: CodedStream): void {
    this.#owner.onResponse();
    this.#wire.sendResponse(status, headers, stream.isResponseWhole);
    if (!stream.isTunnel) this.#readTunnel();
  }

  writeData(view: Uint8Array): boolean {
    return this.#wire.sendData(view);
  }

  writeEnd(trailers: HeaderBlock | undefined): void {
    if (trailers !== undefined) this.#stats.trailers.value++;
    this.#wire.sendEnd(trailers);
  }

  pauseReading(): void {
    this.#wire.pause();
  }

  resumeReading(): void {
    if (!this.#isTunnelAwaited) this.#wire.resume();
  }

  beginTunnel(): void {
    const wasEnded = this.#isRequestEnded;
    this.#readTunnel();
    if (wasEnded) this.#stream.end(undefined);
  }

  replaceStream(stream: Stream): void {
    this.#runtime.stats.downstream_rq_http2_total.value++;
    this.#stream = stream;
  }

  onStreamEnd(stream: CodedStream, isBroken: boolean): void {
    this.#isOver = true;
    if (isBroken) this.#reset(H2.INTERNAL_ERROR);
    else {
      this.#isUnread = !stream.isRequestDone || stream.isTunnel;
      this.#settle();
    }
    this.#owner.onDone(stream.isLast);
  }

  onHead(): void {}

  onData(view: Uint8Array): void {
    if (this.#isOver) this.#settle();
    else this.#stream.data(view);
  }

  onEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestEnded = true;
    if (this.#isOver) return;
    if (trailers !== undefined) this.#stats.trailers.value++;
    this.#stream.end(trailers);
  }

  onReset(code: number, detail: string): void {
    this.#runtime.timers.cancel(this.#flushTimer);
    const isByClient = detail === 'http2.remote_reset';
    if (isByClient) this.#stats.rx_reset.value++;
    if (this.#isOver) return;
    this.#isOver = true;
    if (isByClient) this.#onClientReset(code);
    else if (detail.startsWith('http2.')) this.#stream.clientReset('DPE', http2Details(detail));
    else this.#stream.clientGone(detail);
    this.#owner.onDone(false);
  }

  /** A client that has sent its request and wants no more of the answer is not at fault where it says so. */
  #onClientReset(code: number): void {
    if (code === H2.NO_ERROR && this.#isRequestEnded) this.#stream.clientReset(undefined, '');
    else this.#stream.clientReset('DR', 'http2.remote_reset');
  }

  onDrain(): void {
    if (this.#isOver) this.#settle();
    else this.#stream.drained();
  }

  #readTunnel(): void {
    if (!this.#isTunnelAwaited) return;
    this.#isTunnelAwaited = false;
    this.#wire.resume();
  }

  /** The response has been given away: the rest of the request is refused, once all of the response is out. */
  #settle(): void {
    const wire = this.#wire;
    if (!wire.isOpen) return;
    if (wire.isLocalEnd) {
      if (this.#isUnread) this.#reset(H2.NO_ERROR);
      return;
    }
    const { flushTimeoutMs } = this.#stream;
    if (flushTimeoutMs <= 0 || this.#flushTimer !== undefined) return;
    this.#flushTimer = this.#runtime.timers.after(flushTimeoutMs, () => this.#onFlushTimeout());
  }

  #onFlushTimeout(): void {
    if (!this.#wire.isOpen) return;
    if (!this.#wire.isLocalEnd) this.#stats.tx_flush_timeout.value++;
    this.#reset(H2.NO_ERROR);
  }

  #reset(code: number): void {
    if (!this.#wire.isOpen) return;
    this.#runtime.timers.cancel(this.#flushTimer);
    this.#stats.tx_reset.value++;
    this.#wire.reset(code);
  }
}
