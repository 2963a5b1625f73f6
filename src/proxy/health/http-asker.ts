/** Requests of health checks: one at a time to one host, each on a connection of their own that may be used again. */
import type { Connection } from '../../net/connection.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingResponse } from '../../wire/http/message.ts';
import type { UpstreamTls } from '../cluster/cluster.ts';
import { untilConnected } from '../cluster/connecting.ts';
import type { MemberOwner, PoolMember } from '../cluster/http-member.ts';
import { Http1Client } from '../cluster/http1-client.ts';
import { Http2Client } from '../cluster/http2-client.ts';
import { clusterHttp2Stats, clusterHttpStats, type ClusterHttpStats } from '../cluster/http-stats.ts';
import type { OutgoingRequest, ResponseReader, UpstreamStream } from '../cluster/http-upstream.ts';
import { sourceTo } from '../cluster/source-address.ts';
import type { ProbeTarget } from './probe.ts';

/** A whole response. */
export interface Answer {
  readonly head: IncomingResponse;
  readonly trailers: HeaderBlock | undefined;
  /** As much of it as is kept. */
  readonly body: Buffer;
}

export interface AskerOptions {
  readonly isHttp2: boolean;
  readonly isHead: boolean;
  /** Bytes of the response's body to keep. */
  readonly keptBytes: number;
}

/** Asks `target`. Exactly one of `onAnswer` comes for each `ask`, unless it is cancelled: undefined where there is no whole response. */
export class HttpAsker implements MemberOwner, ResponseReader {
  readonly stats: ClusterHttpStats;
  readonly isHead: boolean;
  readonly #target: ProbeTarget;
  readonly #options: AskerOptions;
  readonly #onAnswer: (answer: Answer | undefined) => void;
  #member: (PoolMember & { readonly connection: Connection }) | undefined = undefined;
  #stream: UpstreamStream | undefined = undefined;
  #head: IncomingResponse | undefined = undefined;
  #body: Buffer[] = [];
  #keptBytes = 0;
  /** Which connection is waited for; those of former ones are closed as they come. */
  #dial = 0;

  constructor(target: ProbeTarget, options: AskerOptions, onAnswer: (answer: Answer | undefined) => void) {
    this.stats = clusterHttpStats(target.cluster.stats);
    this.isHead = options.isHead;
    this.#target = target;
    this.#options = options;
    this.#onAnswer = onAnswer;
  }

  ask(request: OutgoingRequest, body: Uint8Array | undefined): void {
    if (this.#member?.hasRoom === true) this.#send(this.#member, request, body);
    else this.#connect((member) => this.#send(member, request, body));
  }

  /** Nothing comes of the request under way, and its connection closes. */
  cancel(): void {
    this.#dial++;
    const member = this.#member;
    this.#stream?.destroy();
    this.#reset();
    member?.close();
    this.#member = undefined;
  }

  #reset(): void {
    this.#stream = undefined;
    this.#head = undefined;
    this.#body = [];
    this.#keptBytes = 0;
  }

  #connect(use: (member: PoolMember) => void): void {
    const { host, cluster, timeoutMs, alpn } = this.#target;
    const dial = ++this.#dial;
    const bind = sourceTo(cluster.sourceAddresses, host.address.host);
    this.#member = undefined;
    const options = { timeoutMs, ...(alpn.length === 0 ? {} : { alpn }), ...(bind === undefined ? {} : { bind }) };
    const handlers = untilConnected(
      (connection, tls) => {
        if (dial !== this.#dial) return connection.destroy();
        const member = this.#client(connection, tls);
        this.#member = member;
        use(member);
      },
      () => {
        if (dial === this.#dial) this.#onAnswer(undefined);
      },
    );
    host.transport.connect(host, options, handlers);
  }

  #client(connection: Connection, tls: UpstreamTls | undefined): Http1Client | Http2Client {
    const { cluster, clock } = this.#target;
    if (!this.#options.isHttp2) return new Http1Client(connection, tls, this, cluster.http.http1);
    const scope = {
      settings: cluster.http.http2,
      stats: clusterHttp2Stats(cluster.stats),
      clock,
      random: Math.random,
      hostStreams: undefined,
    };
    return new Http2Client(connection, tls, this, scope);
  }

  #send(member: PoolMember, request: OutgoingRequest, body: Uint8Array | undefined): void {
    this.#reset();
    const stream = member.open();
    this.#stream = stream;
    stream.sendHead(request, '', body === undefined, this);
    // the connection may have been found dead
    if (body === undefined || this.#stream === undefined) return;
    stream.sendData(body);
    stream.sendEnd(undefined);
  }

  #finish(answer: Answer | undefined): void {
    const member = this.#member;
    this.#reset();
    if (!this.#target.reusesConnection) {
      this.#member = undefined;
      member?.close();
    }
    this.#onAnswer(answer);
  }

  #complete(trailers: HeaderBlock | undefined): void {
    const head = this.#head;
    if (head !== undefined) this.#finish({ head, trailers, body: Buffer.concat(this.#body) });
  }

  onRoom(): void {}

  onStreamLimit(): void {}

  onClosed(member: PoolMember): void {
    if (this.#member === member) this.#member = undefined;
  }

  onInformational(): void {}

  onResponseHead(head: IncomingResponse, isEnd: boolean): void {
    this.#head = head;
    if (isEnd) this.#complete(undefined);
  }

  onResponseData(view: Uint8Array): void {
    const room = this.#options.keptBytes - this.#keptBytes;
    if (room <= 0) return;
    const piece = Buffer.from(view.subarray(0, room));
    this.#keptBytes += piece.length;
    this.#body.push(piece);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#complete(trailers);
  }

  onUpstreamDrain(): void {}

  onUpstreamReset(): void {
    this.#finish(undefined);
  }
}
