/** The span of one attempt of the router, where `spawn_upstream_span` asks for them. Source: Envoy, router, UpstreamRequest. */
import type { Clock } from '../../core/clock.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import type { IncomingResponse } from '../../wire/http/message.ts';
import type { ResetReason } from '../router/retry-decision.ts';
import { resetFlag, resetText } from '../router/reset.ts';
import type { TagSource } from './custom-tags.ts';
import { nowOf, type Span, type SpanEvent, type Tracer } from './span.ts';
import { commonTags, grpcTags } from './span-tags.ts';

export interface AttemptOptions {
  readonly tracer: Tracer;
  readonly span: Span;
  readonly info: StreamInfo;
  readonly clock: Clock;
  /** `host:port` of the host. */
  readonly host: string;
  readonly clusterName: string;
  /** 0 for the first one. */
  readonly retries: number;
  readonly isVerbose: boolean;
  readonly tags: readonly TagSource[];
}

export class AttemptTrace {
  readonly span: Span;
  readonly #options: AttemptOptions;
  #protocol = '-';
  #status = 0;
  #flags = 0;
  #events: SpanEvent[] | undefined;
  #isOver = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.span = options.span;
    if (options.isVerbose) this.#events = [];
    if (options.retries > 0) this.span.tags.set('retry.count', String(options.retries));
  }

  /** The request is on its way. */
  onSent(protocol: string): void {
    this.#protocol = protocol;
    this.#note('first_upstream_tx_byte_sent');
  }

  onHead(head: IncomingResponse): void {
    this.#status = head.status;
    grpcTags(this.span.tags, head.headers);
    this.#note('first_upstream_rx_byte_received');
  }

  onTrailers(headers: Parameters<typeof grpcTags>[1]): void {
    grpcTags(this.span.tags, headers);
  }

  onReset(reason: ResetReason): void {
    const { tags } = this.span;
    tags.set('error', 'true');
    tags.set('error.reason', resetText(reason));
    this.#flags |= flagBit(resetFlag(reason));
  }

  /** The end; `isCut`: before the response was whole, by us. */
  end(isCut: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { span } = this;
    const { tracer, info, clock, host, clusterName, tags: sources } = this.#options;
    if (isCut) span.tags.set('canceled', 'true');
    else if (this.#status > 0) this.#note('last_upstream_rx_byte_received');
    span.endMs = nowOf(info, clock);
    if (!span.isSampled) return;
    span.tags.set('http.protocol', this.#protocol);
    span.tags.set('upstream_address', host);
    span.tags.set('peer.address', host);
    for (const { name, text } of sources) {
      const value = text(info);
      if (value !== undefined) span.tags.set(name, value);
    }
    commonTags(span.tags, clusterName, this.#status, this.#flags);
    span.events = this.#events ?? [];
    tracer.report(span);
  }

  #note(name: string): void {
    if (this.#events === undefined) return;
    const { info, clock } = this.#options;
    const atMs = nowOf(info, clock);
    this.#events.push({ name, atMs });
    // what is sent is sent at once, or has no moment of its own
    if (name === 'first_upstream_tx_byte_sent') this.#events.push({ name: 'last_upstream_tx_byte_sent', atMs });
  }
}
