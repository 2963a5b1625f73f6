/**
 * The trace of one request through a connection manager with a tracer: its span, those of its attempts, what the
 * upstream and the next proxy are told. Source: Envoy, connection manager and router; "Tracing".
 *
 * ```
 *  begin ── startAttempt ─▶ AttemptTrace ── inject ── ... ── end
 *    └────────────────────────────────────── onResponse ───── end ─▶ tracer
 * ```
 */
import type { Clock } from '../../core/clock.ts';
import type { HeaderMap, RequestHead } from '../../wire/http/message.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { RouteEntry } from '../router/route.ts';
import { AttemptTrace } from './attempt-trace.ts';
import type { TagSource } from './custom-tags.ts';
import { nowOf, type Span, type SpanEvent, type Tracer, wallOf } from './span.ts';
import { finishTags } from './span-tags.ts';
import type { InboundRequest, Work, WorkInFlight } from './work.ts';
import { textOf } from '../telemetry/byte-text.ts';
import { DECORATOR } from '../telemetry/trace-fields.ts';

/** What all requests of a connection manager have in common. */
export interface TraceOptions {
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** The listener is of traffic that leaves the workload. */
  readonly isEgress: boolean;
  /** Attempts have spans of their own. */
  readonly hasAttemptSpans: boolean;
  readonly isVerbose: boolean;
  readonly maxPathChars: number;
  readonly tags: readonly TagSource[];
  /** `operation`, `upstream_operation`: formats of spans' names; undefined for Envoy's. */
  readonly operation: ((info: StreamInfo) => string) | undefined;
  readonly upstreamOperation: ((info: StreamInfo) => string) | undefined;
  /** The upstream is told of the trace. */
  readonly isPropagated: boolean;
  /** Who we are, as tags of every request's span. */
  readonly nodeId: string;
  readonly zone: string;
  /** Where requests that go to the application are noted; undefined for those that do not, and where nothing is mended. */
  readonly work: WorkInFlight | undefined;
}

/** Moments that are told as events, by the wall clock; 0 where not reached. */
interface Times {
  sentMs: number;
  firstTxMs: number;
  upstreamEndMs: number;
}

export class RequestTrace {
  readonly #options: TraceOptions;
  readonly #info: StreamInfo;
  readonly #span: Span;
  /** The decorator's operation, for the response; '' where it is not told. */
  #told = '';
  #attempt: AttemptTrace | undefined = undefined;
  /** Undefined where no events are kept. */
  readonly #times: Times | undefined;
  #work: Work | undefined = undefined;
  #isAnswered = false;

  constructor(options: TraceOptions, info: StreamInfo, span: Span) {
    this.#options = options;
    this.#info = info;
    this.#span = span;
    this.#times = options.isVerbose && span.isSampled ? { sentMs: 0, firstTxMs: 0, upstreamEndMs: 0 } : undefined;
  }

  get span(): Span {
    return this.#span;
  }

  /** Names the span, and tells the next proxy, or reads what the one before says. */
  name(head: RequestHead, route: RouteEntry | undefined): void {
    const { isEgress, operation } = this.#options;
    const { trace } = route ?? {};
    if (operation !== undefined) this.#span.name = operation(this.#info) || this.#span.name;
    else if (trace !== undefined && trace.operation !== '') {
      this.#span.name = trace.operation;
      if (trace.isPropagated) this.#told = trace.operation;
    }
    if (isEgress) {
      if (this.#told !== '') head.headers.set(DECORATOR.text, this.#told);
      return;
    }
    const override = head.headers.get(DECORATOR);
    if (override === undefined) return;
    if (override !== '') {
      this.#span.name = textOf(override);
      this.#told = '';
    }
    head.headers.remove(DECORATOR);
  }

  /** An attempt begins at a host; undefined where attempts have no spans. */
  startAttempt(clusterName: string, host: string, retries: number): AttemptTrace | undefined {
    const { tracer, clock, hasAttemptSpans, isVerbose, upstreamOperation } = this.#options;
    this.#attempt = undefined;
    if (!hasAttemptSpans) return undefined;
    const start = {
      name: `router ${clusterName} egress`,
      kind: 'client' as const,
      startMs: nowOf(this.#info, clock),
      isSampled: this.#span.isSampled,
    };
    const name = upstreamOperation === undefined ? start.name : upstreamOperation(this.#info) || start.name;
    const span = tracer.child(this.#span, { ...start, name });
    const options = { tracer, span, info: this.#info, clock, host, clusterName, retries, isVerbose, tags: this.#tags() };
    return (this.#attempt = new AttemptTrace(options));
  }

  /** The head of an attempt is about to be sent. */
  inject(headers: HeaderMap, protocol: string): void {
    const { tracer, isPropagated, clock, work } = this.#options;
    const span = this.#attempt?.span ?? this.#span;
    this.#attempt?.onSent(protocol);
    if (this.#times !== undefined) this.#times.sentMs = nowOf(this.#info, clock);
    if (isPropagated) tracer.inject(span, headers);
    if (work !== undefined && this.#work === undefined) this.#work = work.enter(this.#asWork(span, headers));
  }

  /** Calls of the application can be a part of it, unless it is a connection in a request's clothes. */
  #asWork({ traceId, spanId, isSampled, traceState }: Span, headers: HeaderMap): InboundRequest | undefined {
    if (this.#info.request?.method === 'CONNECT' || headers.has('upgrade')) return undefined;
    return { requestId: headers.get('x-request-id') ?? '', traceId, spanId, isSampled, traceState };
  }

  /** The upstream's response is whole. */
  onUpstreamEnd(): void {
    this.#isAnswered = true;
    if (this.#times !== undefined) this.#times.upstreamEndMs = nowOf(this.#info, this.#options.clock);
  }

  /** A response is about to be written to the client. */
  onResponse(headers: HeaderMap): void {
    const { isEgress, clock } = this.#options;
    if (this.#times !== undefined) this.#times.firstTxMs = nowOf(this.#info, clock);
    if (!isEgress) {
      if (this.#told !== '') headers.set(DECORATOR.text, this.#told);
      return;
    }
    const override = headers.get(DECORATOR);
    if (override === undefined) return;
    if (override !== '') this.#span.name = textOf(override);
    headers.remove(DECORATOR);
  }

  /** The request is over, its info complete. */
  end(): void {
    const span = this.#span;
    if (this.#work !== undefined) this.#endWork(this.#work);
    if (!span.isSampled) return;
    const { tracer, maxPathChars, nodeId, zone } = this.#options;
    const info = this.#info;
    span.endMs = wallOf(info, info.endMs);
    span.tags.set('node_id', nodeId);
    span.tags.set('zone', zone);
    for (const { name, text } of this.#tags()) {
      const value = text(info);
      if (value !== undefined) span.tags.set(name, value);
    }
    finishTags(span.tags, info, maxPathChars);
    if (this.#times !== undefined) span.events = this.#events(this.#times);
    tracer.report(span);
  }

  #endWork(work: Work): void {
    if (this.#isAnswered) this.#options.work?.leave(work);
    else this.#options.work?.abandon(work);
  }

  /** Those of the connection manager, where the route has none of the name. */
  #tags(): readonly TagSource[] {
    const own = this.#info.route?.trace?.tags ?? [];
    return own.length === 0 ? this.#options.tags : [...this.#options.tags, ...own];
  }

  #events({ sentMs, firstTxMs, upstreamEndMs }: Times): SpanEvent[] {
    const info = this.#info;
    const all: readonly SpanEvent[] = [
      { name: 'last_downstream_rx_byte_received', atMs: info.requestEndMs === 0 ? 0 : wallOf(info, info.requestEndMs) },
      { name: 'first_upstream_tx_byte_sent', atMs: sentMs },
      { name: 'last_upstream_tx_byte_sent', atMs: sentMs },
      { name: 'first_upstream_rx_byte_received', atMs: info.firstUpstreamByteMs === 0 ? 0 : wallOf(info, info.firstUpstreamByteMs) },
      { name: 'last_upstream_rx_byte_received', atMs: upstreamEndMs },
      { name: 'first_downstream_tx_byte_sent', atMs: firstTxMs },
      { name: 'last_downstream_tx_byte_sent', atMs: wallOf(info, info.endMs) },
    ];
    return all.filter(({ atMs }) => atMs > 0);
  }
}
