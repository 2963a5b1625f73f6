/** B3 in one field and in several, as Envoy's Zipkin tracer reads and writes it. Source: openzipkin/b3-propagation. */
import type { HeaderMap } from '../../wire/http/message.ts';
import type { Span } from './span.ts';

export interface B3Context {
  readonly traceId: string;
  readonly spanId: string;
  /** '' where the caller's span begins the trace. */
  readonly parentId: string;
  readonly form: 'b3' | 'b3-multi';
}

const SINGLE = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-([0-9a-f]{16}))?)?$/i;
const FLAG = /^[01d]$/;

/** Whether the caller samples; undefined where it leaves that to us. */
export function readB3Decision(headers: HeaderMap): boolean | undefined {
  const single = headers.get('b3');
  if (single === undefined) {
    const sampled = headers.get('x-b3-sampled');
    return sampled === undefined ? undefined : sampled === '1' || sampled === 'true';
  }
  const flag = FLAG.test(single) ? single : SINGLE.exec(single)?.[3];
  return flag === undefined ? undefined : flag !== '0';
}

function hex(text: string): string | undefined {
  return /^[0-9a-f]{1,16}$/i.test(text) ? text.toLowerCase().padStart(16, '0') : undefined;
}

/** Undefined where there is none, 'broken' where it cannot be read. */
export function readB3(headers: HeaderMap): B3Context | 'broken' | undefined {
  const single = headers.get('b3');
  if (single !== undefined) {
    if (FLAG.test(single)) return undefined;
    const [, traceId, spanId, , parentId = ''] = SINGLE.exec(single.toLowerCase()) ?? [];
    return traceId === undefined || spanId === undefined ? 'broken' : { traceId, spanId, parentId, form: 'b3' };
  }
  const [trace, span, parent] = [headers.get('x-b3-traceid'), headers.get('x-b3-spanid'), headers.get('x-b3-parentspanid')];
  if (trace === undefined || span === undefined) return undefined;
  const traceId = /^[0-9a-f]{32}$/i.test(trace) ? trace.toLowerCase() : hex(trace);
  const spanId = hex(span);
  const parentId = parent === undefined || parent === '' ? '' : hex(parent);
  return traceId === undefined || spanId === undefined || parentId === undefined
    ? 'broken'
    : { traceId, spanId, parentId, form: 'b3-multi' };
}

/** Tells of a span in the form in which its caller did. */
export function writeB3({ traceId, spanId, parentId, isSampled, form }: Span, headers: HeaderMap): void {
  const flag = isSampled ? '1' : '0';
  if (form === 'b3') {
    headers.set('b3', `${traceId}-${spanId}-${flag}${parentId === '' ? '' : `-${parentId}`}`);
    return;
  }
  headers.set('x-b3-traceid', traceId);
  headers.set('x-b3-spanid', spanId);
  if (parentId !== '') headers.set('x-b3-parentspanid', parentId);
  headers.set('x-b3-sampled', flag);
}
