/** W3C Trace Context as Envoy's OpenTelemetry tracer reads and writes it: `traceparent`, section 3.2, and `tracestate`. */
import type { HeaderMap } from '../../wire/http/message.ts';
import { TRACEPARENT } from '../telemetry/trace-fields.ts';

export interface W3cContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
  readonly traceState: string;
}

/** Four parts of fixed length, none of the ids all zeros; versions are not told apart. */
const CONTEXT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/i;

/** Undefined where there is none, 'broken' where it cannot be read. */
export function readW3c(headers: HeaderMap): W3cContext | 'broken' | undefined {
  const text = headers.get(TRACEPARENT);
  if (text === undefined) return undefined;
  const [, traceId, spanId, flags] = CONTEXT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return 'broken';
  return {
    traceId: traceId.toLowerCase(),
    spanId: spanId.toLowerCase(),
    isSampled: (Number.parseInt(flags, 16) & 1) === 1,
    traceState: headers.getAll('tracestate').join(','),
  };
}

/** The value of `traceparent`. */
export function traceparentOf(traceId: string, spanId: string, isSampled: boolean): string {
  return `00-${traceId.padStart(32, '0')}-${spanId}-${isSampled ? '01' : '00'}`;
}
