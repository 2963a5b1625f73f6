/** Spans as tracers of every kind keep them, and what a tracer can do. */
import type { Clock } from '../../core/clock.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { FieldLine } from '../../wire/http/headers.ts';
import type { HeaderMap } from '../../wire/http/message.ts';

type SpanKind = 'server' | 'client';

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string;
  /** Wall clock, in milliseconds since 1970. */
  readonly atMs: number;
}

/** One span; only its tracer makes them. */
export interface Span {
  /** Lower-case hex digits: 32, or of Zipkin's short ones 16. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** '' where the trace begins here. */
  readonly parentId: string;
  /** The parent is of another process. */
  readonly isParentRemote: boolean;
  readonly isSampled: boolean;
  readonly kind: SpanKind;
  /** W3C `tracestate`, as it came. */
  readonly traceState: string;
  /** It has the id of the caller's span: Zipkin's shared spans. */
  readonly isShared: boolean;
  /** The form in which the caller told its context, which the upstream is told in again. */
  readonly form: 'w3c' | 'b3' | 'b3-multi';
  name: string;
  /** Wall clock, in milliseconds since 1970. */
  readonly startMs: number;
  endMs: number;
  /** Of a span that is not sampled nothing is kept. */
  readonly tags: Map<string, string>;
  events: readonly SpanEvent[];
  /** Its context as the field `traceparent`, where that is made already. */
  readonly traceparent: FieldLine | undefined;
}

/** Name of a request's span that leaves the workload, until its tracer adds to whom. */
export const EGRESS = 'egress';

/** What a span begins with. */
export interface SpanStart {
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  /** Whether it is sampled where nobody before has decided. */
  readonly isSampled: boolean;
}

/** What a span's place is in its trace. */
export type SpanContext = Pick<Span, 'traceId' | 'spanId' | 'parentId' | 'form' | 'isSampled'> &
  Partial<Pick<Span, 'isParentRemote' | 'traceState' | 'isShared'>>;

class NoTags extends Map<string, string> {
  override set(): this {
    return this;
  }
}

/** Of spans that are not sampled: takes nothing, so that none of them needs a map of its own. */
export const NO_TAGS: Map<string, string> = new NoTags();
export const NO_EVENTS: readonly SpanEvent[] = [];

/** A span that begins. */
export function newSpan({ name, kind, startMs }: SpanStart, context: SpanContext): Span {
  const { traceId, spanId, parentId, form, isSampled, isParentRemote = false, traceState = '', isShared = false } = context;
  return {
    traceId,
    spanId,
    parentId,
    isParentRemote,
    isSampled,
    kind,
    traceState,
    isShared,
    form,
    name,
    startMs,
    endMs: 0,
    tags: isSampled ? new Map() : NO_TAGS,
    events: NO_EVENTS,
    traceparent: undefined,
  };
}

/** The span that a request belongs to whose own fields do not say. */
export type InferredParent = Pick<Span, 'traceId' | 'spanId' | 'traceState' | 'isSampled'>;

/** Makes spans, tells those who come after of them, and takes them when they are over. */
export interface Tracer {
  /**
   * The span of a request with these fields; undefined where what they say of a trace is broken, and is left alone.
   * `infer` is asked where they say nothing of any.
   */
  begin(headers: HeaderMap, authority: string, start: SpanStart, infer?: () => InferredParent | undefined): Span | undefined;
  child(parent: Span, start: SpanStart): Span;
  /** Writes the context of `span` into a request's fields. */
  inject(span: Span, headers: HeaderMap): void;
  /** Takes a span that has ended and is sampled. */
  report(span: Span): void;
}

/** The wall clock's time of a moment of a stream's: spans of one request are measured by one clock. */
export function wallOf({ startWallMs, startMs }: StreamInfo, monotonicMs: number): number {
  return startWallMs + (monotonicMs - startMs);
}

export function nowOf(info: StreamInfo, clock: Clock): number {
  return wallOf(info, clock.monotonicMs());
}
