/**
 * The span of a request with which a trace begins that is not sampled: what most spans are. All that it says is one line of
 * a head, of which ids are made parts when somebody asks, and nothing is kept of it.
 */
import type { FieldLine } from '../../wire/http/headers.ts';
import { inTraceparent, randomTraceparent } from '../telemetry/ids.ts';
import { NO_EVENTS, NO_TAGS, type Span, type SpanStart } from './span.ts';

export class FreshSpan implements Span, FieldLine {
  readonly line: string = randomTraceparent();
  readonly isSampled = false;
  readonly kind: Span['kind'];
  name: string;
  readonly startMs: number;

  constructor({ kind, name, startMs }: SpanStart) {
    this.kind = kind;
    this.name = name;
    this.startMs = startMs;
  }

  get value(): string {
    return inTraceparent.value(this.line);
  }

  get traceId(): string {
    return inTraceparent.traceId(this.line);
  }

  get spanId(): string {
    return inTraceparent.spanId(this.line);
  }

  get parentId(): string {
    return '';
  }

  get isParentRemote(): boolean {
    return false;
  }

  get traceState(): string {
    return '';
  }

  get isShared(): boolean {
    return false;
  }

  get form(): 'w3c' {
    return 'w3c';
  }

  /** Nobody reports it. */
  get endMs(): number {
    return 0;
  }

  get tags(): Span['tags'] {
    return NO_TAGS;
  }

  get events(): Span['events'] {
    return NO_EVENTS;
  }

  get traceparent(): FieldLine {
    return this;
  }
}
