/**
 * `x-request-id` and tracing of a connection manager, once a request. Envoy's rules: a request keeps the id it came with
 * unless it comes from outside (an edge), and the id's version digit carries why it is traced to the proxies after us.
 * Source: Envoy, "Tracing" and "HTTP header manipulation", x-request-id.
 *
 * With a `provider` its tracer makes spans. Without one trace contexts are continued all the same, or begun, so that logs
 * of several proxies can be put together; the caller's own decision wins over ours then. Without a `tracing` block trace
 * headers pass through untouched.
 */
import type { Random } from '../../core/clock.ts';
import type { HeaderMap, RequestHead } from '../../wire/http/message.ts';
import type { HttpConnectionManager_Tracing } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileTags } from '../tracing/custom-tags.ts';
import { BrokenPaths, INFERRED_TAG, type Inference, readMending } from '../tracing/broken-paths.ts';
import { RequestTrace, type TraceOptions } from '../tracing/request-trace.ts';
import {
  decideTrace,
  type IdRules,
  markId,
  NOT_TRACED,
  readSampling,
  SAMPLED,
  type Sampling,
  type TraceReason,
} from '../tracing/sampling.ts';
import { EGRESS, type InferredParent } from '../tracing/span.ts';
import { tracerFor, type TracerScope } from '../tracing/tracer-kinds.ts';
import type { WorkInFlight } from '../tracing/work.ts';
import { compileFormat } from './format.ts';
import { idsIn, ownText, randomSpanId, randomTraceparent, randomUuid } from './ids.ts';
import type { Counter, StatsScope } from './stats.ts';
import { type IncomingTrace, readDecision, readTrace, type TraceContext, writeTrace } from './trace-context.ts';
import { REQUEST_ID } from './trace-fields.ts';

export interface TracingOptions extends Partial<IdRules> {
  /** HCM `generate_request_id`; true by default. */
  readonly generatesRequestId?: boolean;
  /** HCM `preserve_external_request_id`. */
  readonly preservesExternalRequestId?: boolean;
  readonly random: Random;
  readonly scope: Omit<TracerScope, 'version'>;
  /** The connection manager's own statistics. */
  readonly stats: StatsScope;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
  /** What the workload's application is at; absent where nobody knows. */
  readonly work?: WorkInFlight | undefined;
}

export interface Tracing {
  /** Sets `x-request-id`; true where the request came with the one it has. `isEdge`: it comes from outside the mesh. */
  onRequest(head: RequestHead, info: StreamInfo, isEdge: boolean): boolean;
  /**
   * Begins the trace of a request that has its route; absent where nothing is traced. Gives what follows the request, where
   * a tracer does. `hasOwnId` is what `onRequest` said.
   */
  readonly begin?: (head: RequestHead, info: StreamInfo, hasOwnId: boolean) => RequestTrace | undefined;
}

/** Counters by why a request is traced. */
const REASON_COUNTERS = { '4': 'not_traceable', '9': 'random_sampling', a: 'service_forced', b: 'client_enabled' } as const;

type Decide = (head: RequestHead, info: StreamInfo) => TraceReason;

/** Envoy's longest path in a tag. */
const MAX_PATH_CHARS = 256;

function contextOf(incoming: IncomingTrace | undefined, isSampled: boolean): TraceContext {
  if (incoming !== undefined) {
    return { traceId: incoming.traceId, spanId: randomSpanId(), parentId: incoming.spanId, isSampled };
  }
  const fresh = randomTraceparent();
  const line = isSampled ? ownText(fresh) : fresh;
  return { ...idsIn(line), parentId: '', isSampled };
}

/** Writes another decision than the first one into a request's id. */
function remark(headers: HeaderMap, isSampled: boolean): void {
  const requestId = headers.get('x-request-id');
  if (requestId !== undefined) headers.set('x-request-id', markId(requestId, isSampled ? SAMPLED : NOT_TRACED));
}

/** Continues a trace, or begins one, without anybody who takes spans. */
function passOn(head: RequestHead, info: StreamInfo, decided: TraceReason, packsReason: boolean): void {
  const { headers } = head;
  const incoming = readTrace(headers);
  const asked = incoming === undefined ? readDecision(headers) : incoming.isSampled;
  const isSampled = asked ?? decided !== NOT_TRACED;
  if (packsReason && isSampled !== (decided !== NOT_TRACED)) remark(headers, isSampled);
  // a state without its parent belongs to nobody (Trace Context, section 3.3)
  if (incoming?.form !== 'w3c') headers.remove('tracestate');
  const context = contextOf(incoming, isSampled);
  writeTrace(headers, context);
  info.trace = context;
}

/** The id: kept, made, or, where it comes from outside and is not to be trusted, made anew. */
function identify({ headers }: RequestHead, info: StreamInfo, isEdge: boolean, options: TracingOptions): boolean {
  const isKept = headers.has(REQUEST_ID) && !(isEdge && options.preservesExternalRequestId !== true);
  if (isKept || options.generatesRequestId === false) return isKept;
  const made = randomUuid();
  headers.setPlain(REQUEST_ID, made.text);
  info.madeId = made;
  return false;
}

/** Decides about requests, and counts why they are traced. */
function decider(sampling: Sampling, options: TracingOptions): Decide {
  const { random, packsReason = true, decidesSampling = true } = options;
  const rules: IdRules = { packsReason, decidesSampling };
  const scope = options.stats.scope('tracing');
  scope.counter('health_check');
  const untraced = scope.counter(REASON_COUNTERS[NOT_TRACED]);
  const counters = new Map<TraceReason, Counter>();
  for (const reason of ['9', 'a', 'b'] as const) counters.set(reason, scope.counter(REASON_COUNTERS[reason]));
  return (head, info) => {
    const reason = decideTrace(head, info.madeId, info.route?.trace?.sampling ?? sampling, rules, random);
    const counter = reason === NOT_TRACED ? untraced : counters.get(reason);
    if (counter !== undefined) counter.value++;
    return reason;
  };
}

function readOptions(
  config: HttpConnectionManager_Tracing,
  path: string,
  { scope, direction }: TracingOptions,
): Omit<TraceOptions, 'tracer' | 'work'> {
  const format = (text: string, name: string) => (text === '' ? undefined : compileFormat(text, `${path}.${name}`, { missing: '' }));
  const zone = scope.node.zone ?? '';
  return {
    clock: scope.clock,
    isEgress: direction === 'outbound',
    hasAttemptSpans: config.spawnUpstreamSpan ?? false,
    isVerbose: config.verbose,
    maxPathChars: config.maxPathTagLength ?? MAX_PATH_CHARS,
    tags: compileTags(config.customTags, `${path}.custom_tags`),
    operation: format(config.operation, 'operation'),
    upstreamOperation: format(config.upstreamOperation, 'upstream_operation'),
    isPropagated: !config.noContextPropagation,
    nodeId: scope.node.id,
    zone,
  };
}

/** Asks what a request is a part of, and keeps the answer. */
interface Asking {
  found: Inference | undefined;
  readonly infer: () => InferredParent | undefined;
}

function asking(broken: BrokenPaths, requestId: string | undefined): Asking {
  const self: Asking = {
    found: undefined,
    infer: () => (self.found = broken.infer(requestId))?.parent,
  };
  return self;
}

/** Has a tracer follow requests. `broken` says what calls are a part of that say of no trace. */
function follow(
  options: TraceOptions,
  decide: Decide,
  broken: BrokenPaths | undefined,
  packsReason: boolean,
): NonNullable<Tracing['begin']> {
  const { tracer, isEgress, hasAttemptSpans } = options;
  const kind = isEgress && !hasAttemptSpans ? 'client' : 'server';
  const name = isEgress ? EGRESS : 'ingress';
  return (head, info, hasOwnId) => {
    const { headers, authority } = head;
    // before anything is decided: that can change the id
    const ask = broken?.mayBePart === true ? asking(broken, hasOwnId ? headers.get('x-request-id') : undefined) : undefined;
    const isSampled = decide(head, info) !== NOT_TRACED;
    const span = tracer.begin(headers, authority, { name, kind, startMs: info.startWallMs, isSampled }, ask?.infer);
    if (span === undefined) return undefined;
    const found = ask?.found;
    if (found !== undefined) {
      span.tags.set(INFERRED_TAG, found.by);
      if (packsReason && span.isSampled !== isSampled) remark(headers, span.isSampled);
    }
    // logs go by our own decision, unless the request turned out to be a part of another
    if (found !== undefined || span.isSampled === isSampled) info.trace = span;
    else info.trace = { traceId: span.traceId, spanId: span.spanId, parentId: span.parentId, isSampled };
    const trace = new RequestTrace(options, info, span);
    trace.name(head, info.route);
    return trace;
  };
}

/** Prepares tracing for a connection manager. `path` is that of its `tracing` field. */
export function createTracing(config: HttpConnectionManager_Tracing | undefined, path: string, options: TracingOptions): Tracing {
  const onRequest: Tracing['onRequest'] = (head, info, isEdge) => identify(head, info, isEdge, options);
  if (config === undefined) return { onRequest };
  const own = readOptions(config, path, options);
  const decide = decider(readSampling(config, path), options);
  if (config.provider === undefined) {
    const { packsReason = true } = options;
    const begin = (head: RequestHead, info: StreamInfo): undefined => {
      passOn(head, info, decide(head, info), packsReason);
    };
    return { onRequest, begin };
  }
  const { packsReason = true, direction, work, listenerMetadata, scope } = options;
  const tracer = tracerFor(config.provider, `${path}.provider`, scope);
  const mending = readMending(listenerMetadata);
  const known = mending === 'OFF' ? undefined : work;
  const broken =
    known === undefined || mending === 'OFF' || direction !== 'outbound'
      ? undefined
      : new BrokenPaths(known, mending, scope.stats, scope.node);
  const followed = { ...own, tracer, work: direction === 'inbound' ? known : undefined };
  return { onRequest, begin: follow(followed, decide, broken, packsReason) };
}
