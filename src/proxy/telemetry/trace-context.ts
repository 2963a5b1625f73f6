/**
 * Trace context on the wire: W3C `traceparent` (Trace Context, section 3.2) and B3 in one header or several
 * (openzipkin/b3-propagation). Parsing is strict: what is malformed counts as not there.
 */
import type { HeaderMap } from '../../wire/http/message.ts';

export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits: our own span. */
  readonly spanId: string;
  /** The caller's span; '' where the trace begins here. */
  readonly parentId: string;
  readonly isSampled: boolean;
}

/** What a caller sent. */
export interface IncomingTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined where the decision is left to us. */
  readonly isSampled: boolean | undefined;
  readonly form: 'w3c' | 'b3' | 'b3-multi';
}

/** Version 00 is exact; later versions may have more behind another dash. Zero ids are invalid. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

function parseTraceparent(value: string): IncomingTrace | undefined {
  const match = TRACEPARENT.exec(value);
  if (match === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '00', rest] = match;
  if (version === '00' && rest !== undefined) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1, form: 'w3c' };
}

const TRACE_ID = /^(?!0+$)(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
const SPAN_ID = /^(?!0+$)[0-9a-f]{16}$/i;

function b3Sampled(state: string | undefined): boolean | undefined {
  if (state === '1' || state === 'd' || state === 'true') return true;
  return state === '0' || state === 'false' ? false : undefined;
}

function b3Trace(traceId: string, spanId: string, isSampled: boolean | undefined, form: 'b3' | 'b3-multi'): IncomingTrace | undefined {
  if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId)) return undefined;
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), isSampled, form };
}

function parseB3(value: string): IncomingTrace | undefined {
  const [traceId = '', spanId = '', state] = value.split('-');
  return b3Trace(traceId, spanId, b3Sampled(state), 'b3');
}

/** The caller's context: `traceparent`, else `b3`, else `x-b3-*`. */
export function readTrace(headers: HeaderMap): IncomingTrace | undefined {
  const traceparent = headers.get('traceparent');
  const w3c = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  if (w3c !== undefined) return w3c;
  const single = headers.get('b3');
  const b3 = single === undefined ? undefined : parseB3(single);
  if (b3 !== undefined) return b3;
  const traceId = headers.get('x-b3-traceid');
  if (traceId === undefined) return undefined;
  const isSampled = headers.get('x-b3-flags') === '1' ? true : b3Sampled(headers.get('x-b3-sampled'));
  return b3Trace(traceId, headers.get('x-b3-spanid') ?? '', isSampled, 'b3-multi');
}

/** A decision without ids (`b3: 0`, `x-b3-sampled: 0`): whether to sample is known, the trace is not. */
export function readDecision(headers: HeaderMap): boolean | undefined {
  const single = headers.get('b3');
  if (single !== undefined && !single.includes('-')) return b3Sampled(single);
  return headers.get('x-b3-flags') === '1' ? true : b3Sampled(headers.get('x-b3-sampled'));
}

/** Writes our context for the upstream: always `traceparent`, and B3 in the forms that are on the request already. */
export function writeTrace(headers: HeaderMap, trace: TraceContext): void {
  const { traceId, spanId, parentId, isSampled } = trace;
  headers.set('traceparent', `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`);
  const state = isSampled ? '1' : '0';
  if (headers.has('b3')) headers.set('b3', `${traceId}-${spanId}-${state}${parentId === '' ? '' : `-${parentId}`}`);
  if (!headers.has('x-b3-traceid')) return;
  headers.set('x-b3-traceid', traceId);
  headers.set('x-b3-spanid', spanId);
  headers.set('x-b3-sampled', state);
  if (parentId === '') headers.remove('x-b3-parentspanid');
  else headers.set('x-b3-parentspanid', parentId);
}
