/**
 * `x-request-id` and trace propagation of a connection manager, once a request. Envoy's rules: a request keeps the id
 * it came with unless it comes from outside (an edge); the id's version digit carries the sampling decision through
 * proxies that see no trace headers; a caller's own decision wins over ours. Source: Envoy, "Tracing" and
 * "HTTP header manipulation", x-request-id.
 *
 * Without a `tracing` block trace headers pass through untouched. Spans go to a sink; without one nothing is kept.
 */
import { ConfigError } from '../../core/errors.ts';
import type { Random } from '../../core/clock.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { HttpConnectionManager_Tracing } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Percent } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { randomSpanId, randomTraceIds, randomUuid } from './ids.ts';
import { type IncomingTrace, readDecision, readTrace, setTrace, type TraceContext, traceOf, writeTrace } from './trace-context.ts';

/** A sampled request at its end. */
export interface Span {
  readonly trace: TraceContext;
  readonly info: StreamInfo;
}

/** Takes spans; must not keep `info`, which may be used again. */
interface SpanSink {
  span(span: Span): void;
}

export interface TracingOptions {
  /** HCM `generate_request_id`; true by default. */
  readonly generatesRequestId?: boolean;
  /** HCM `preserve_external_request_id`. */
  readonly preservesExternalRequestId?: boolean;
  /** An id says whether its request is traced; true by default. */
  readonly packsReason?: boolean;
  /** What an id says of that counts; true by default. */
  readonly decidesSampling?: boolean;
  readonly random: Random;
  readonly sink?: SpanSink | undefined;
}

export interface Tracing {
  /** Sets `x-request-id` and trace headers on the head. `isEdge`: the request comes from outside the mesh. */
  onRequest(head: RequestHead, info: StreamInfo, isEdge: boolean): void;
  /** Hands the span of a finished, sampled request to the sink. */
  onComplete(info: StreamInfo): void;
}

/** Why a request is traced, as the version digit of its id: not, sampled, forced, asked for by the client. */
type Reason = '4' | '9' | 'a' | 'b';

interface Sampling {
  readonly client: number;
  readonly random: number;
  readonly overall: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([49ab])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function fraction(percent: Percent | undefined, path: string): number {
  const value = percent?.value ?? 100;
  if (!(value >= 0 && value <= 100)) throw new ConfigError(path, `${value} is not a percentage from 0 to 100`);
  return value / 100;
}

function reasonOf(requestId: string): Reason | undefined {
  const digit = UUID.exec(requestId)?.[1];
  return digit === '4' || digit === '9' || digit === 'a' || digit === 'b' ? digit : undefined;
}

function decide(head: RequestHead, sampling: Sampling, random: Random): Reason {
  const { headers } = head;
  let reason: Reason = '4';
  if (headers.has('x-client-trace-id') && random() < sampling.client) reason = 'b';
  else if (headers.has('x-envoy-force-trace')) reason = 'a';
  else if (random() < sampling.random) reason = '9';
  return reason === '4' || random() < sampling.overall ? reason : '4';
}

/** Writes a decision into an id that has the form of a UUID; others stay as they are. */
function mark(requestId: string, reason: Reason): string {
  return reasonOf(requestId) === undefined ? requestId : `${requestId.slice(0, 14)}${reason}${requestId.slice(15)}`;
}

function contextOf(incoming: IncomingTrace | undefined, isSampled: boolean): TraceContext {
  if (incoming !== undefined) {
    return { traceId: incoming.traceId, spanId: randomSpanId(), parentSpanId: incoming.spanId, isSampled };
  }
  const ids = randomTraceIds();
  return { traceId: ids.slice(0, 32), spanId: ids.slice(32), parentSpanId: '', isSampled };
}

function trace(head: RequestHead, info: StreamInfo, sampling: Sampling, options: TracingOptions): void {
  const { headers } = head;
  const incoming = readTrace(headers);
  const asked = incoming === undefined ? readDecision(headers) : incoming.isSampled;
  const requestId = headers.get('x-request-id');
  const known = requestId === undefined || options.decidesSampling === false ? undefined : reasonOf(requestId);
  let reason: Reason = known !== undefined && known !== '4' ? known : decide(head, sampling, options.random);
  if (asked !== undefined) reason = asked ? (reason === '4' ? '9' : reason) : '4';
  if (requestId !== undefined && known !== reason && options.packsReason !== false) headers.set('x-request-id', mark(requestId, reason));
  // a state without its parent belongs to nobody (Trace Context, section 3.3)
  if (incoming?.form !== 'w3c') headers.remove('tracestate');
  const context = contextOf(incoming, reason !== '4');
  writeTrace(headers, context);
  setTrace(info, context);
}

/** The id: kept, made, or, where it comes from outside and is not to be trusted, made anew. */
function identify(head: RequestHead, isEdge: boolean, options: TracingOptions): void {
  const { headers } = head;
  const isKept = headers.has('x-request-id') && !(isEdge && options.preservesExternalRequestId !== true);
  if (!isKept && options.generatesRequestId !== false) headers.set('x-request-id', randomUuid());
}

/** Prepares tracing for a connection manager. `path` is that of its `tracing` field. */
export function createTracing(config: HttpConnectionManager_Tracing | undefined, path: string, options: TracingOptions): Tracing {
  if (config === undefined) return { onRequest: (head, _info, isEdge) => identify(head, isEdge, options), onComplete() {} };
  if (config.provider !== undefined) {
    throw new ConfigError(`${path}.provider`, `${config.provider.name} is not supported by Tulle: spans are not exported yet`);
  }
  const sampling = {
    client: fraction(config.clientSampling, `${path}.client_sampling`),
    random: fraction(config.randomSampling, `${path}.random_sampling`),
    overall: fraction(config.overallSampling, `${path}.overall_sampling`),
  };
  const { sink } = options;
  return {
    onRequest(head, info, isEdge) {
      identify(head, isEdge, options);
      trace(head, info, sampling, options);
    },
    onComplete(info) {
      if (sink === undefined) return;
      const context = traceOf(info);
      if (context?.isSampled === true) sink.span({ trace: context, info });
    },
  };
}
