/** What is asked of the flows: the filters of `/api/flows` (ARCHITECTURE.md) and whether a flow passes them. */
import { ProtocolError } from '../../core/errors.ts';
import { comparableRequestId } from '../../core/request-id.ts';
import { type Flow, FLOW_PROTOCOLS, type FlowEnd, REPORTERS, type Reporter, type Verdict, VERDICTS } from '../../model/flow.ts';

/** Undefined: any. */
export interface FlowFilter {
  readonly verdicts: readonly Verdict[] | undefined;
  readonly source: EndFilter | undefined;
  readonly destination: EndFilter | undefined;
  /** Either end. */
  readonly workload: EndFilter | undefined;
  readonly service: string | undefined;
  readonly route: string | undefined;
  readonly status: readonly StatusFilter[] | undefined;
  readonly protocol: Flow['protocol'] | undefined;
  readonly reporter: Reporter | undefined;
  readonly method: string | undefined;
  /** Begins with it, where it ends in `*`. */
  readonly path: string | undefined;
  /** Comparable (`src/core/request-id.ts`). */
  readonly id: string | undefined;
  /** Of those that a tap asks for: name, and value or undefined for any. */
  readonly header: { readonly name: string; readonly value: string | undefined } | undefined;
}

/** A filter within a time. */
export interface FlowQuery extends FlowFilter {
  /** By `receivedMs`. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly limit: number;
}

/** `namespace/workload`, each `*` for any. */
interface EndFilter {
  readonly namespace: string;
  readonly workload: string;
}

interface StatusFilter {
  readonly min: number;
  readonly max: number;
}

/** Every flow passes it. */
export const NO_FILTER: FlowFilter = {
  verdicts: undefined,
  source: undefined,
  destination: undefined,
  workload: undefined,
  service: undefined,
  route: undefined,
  status: undefined,
  protocol: undefined,
  reporter: undefined,
  method: undefined,
  path: undefined,
  id: undefined,
  header: undefined,
};

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 100_000;

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function refuse(key: string, value: string, wanted: string): never {
  throw new ProtocolError('bad_query', 400, `"${key}" must be ${wanted}, not ${JSON.stringify(value)}`);
}

/** A time: so long ago (`10m`), ms since 1970, or a date. */
function timeOf(text: string, key: string, nowMs: number): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (amount !== undefined) return nowMs - Number(amount) * (UNITS_MS[unit] ?? 0);
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(time) ? refuse(key, text, 'a time like 10m (ago), 2026-01-31T10:00:00Z, or ms since 1970') : time;
}

function endOf(text: string | undefined, key: string): EndFilter | undefined {
  if (text === undefined) return undefined;
  const [namespace = '', workload = '', ...rest] = text.split('/');
  if (namespace === '' || workload === '' || rest.length > 0) refuse(key, text, 'namespace/workload, with * for any');
  return { namespace, workload };
}

function statusOf(text: string, key: string): StatusFilter {
  const [, digit] = /^([1-5])xx$/i.exec(text) ?? [];
  if (digit !== undefined) return { min: Number(digit) * 100, max: Number(digit) * 100 + 99 };
  if (!/^\d{1,3}$/.test(text)) refuse(key, text, 'statuses like 503 or 5xx');
  return { min: Number(text), max: Number(text) };
}

function oneOf<T extends string>(text: string | undefined, key: string, known: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  return known.find((each) => each === text) ?? refuse(key, text, `one of ${known.join(', ')}`);
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').filter((each) => each !== '');
}

function headerOf(text: string | undefined): FlowFilter['header'] {
  if (text === undefined) return undefined;
  const [, name = '', , value] = /^([^:=]+)(?:([:=])\s*(.*))?$/.exec(text) ?? [];
  if (name === '') refuse('header', text, 'a name, or name:value');
  return { name: name.trim().toLowerCase(), value };
}

function idOf(id: string | undefined): string | undefined {
  return id === undefined ? undefined : comparableRequestId(id);
}

/** Reads the filters of a query. Throws ProtocolError naming what cannot be read. */
export function readFilter(params: URLSearchParams): FlowFilter {
  const text = (key: string): string | undefined => params.get(key) || undefined;
  return {
    verdicts: listOf(text('verdict'))?.flatMap((each) => oneOf(each, 'verdict', VERDICTS) ?? []),
    source: endOf(text('source'), 'source'),
    destination: endOf(text('destination'), 'destination'),
    workload: endOf(text('workload'), 'workload'),
    service: text('service'),
    route: text('route'),
    status: listOf(text('status'))?.map((each) => statusOf(each, 'status')),
    protocol: oneOf(text('protocol'), 'protocol', FLOW_PROTOCOLS),
    reporter: oneOf(text('reporter'), 'reporter', REPORTERS),
    method: text('method')?.toUpperCase(),
    path: text('path'),
    id: idOf(text('id')),
    header: headerOf(text('header')),
  };
}

/** Reads a whole query; times like `10m` are before `nowMs`. */
export function readQuery(params: URLSearchParams, nowMs: number): FlowQuery {
  const text = (key: string): string | undefined => params.get(key) || undefined;
  const limit = text('limit') ?? String(DEFAULT_LIMIT);
  if (!/^\d+$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) refuse('limit', limit, `a number from 1 to ${MAX_LIMIT}`);
  return {
    ...readFilter(params),
    sinceMs: timeOf(text('since') ?? '0', 'since', nowMs),
    untilMs: timeOf(text('until') ?? '0ms', 'until', nowMs),
    limit: Number(limit),
  };
}

/** True for an end that is wanted. */
export function isEnd({ namespace, workload }: Pick<FlowEnd, 'namespace' | 'workload'>, wanted: EndFilter): boolean {
  return (wanted.namespace === '*' || wanted.namespace === namespace) && (wanted.workload === '*' || wanted.workload === workload);
}

/** A host, or its first labels: `payments` and `payments.shop` are both `payments.shop.svc.cluster.local`. */
function isService(host: string, wanted: string): boolean {
  return host === wanted || host.startsWith(`${wanted}.`);
}

function isPath(path: string, wanted: string): boolean {
  if (wanted.endsWith('*')) return path.startsWith(wanted.slice(0, -1));
  return path === wanted || path.startsWith(`${wanted}?`);
}

function isHeader({ headers }: NonNullable<Flow['request']>, { name, value }: NonNullable<FlowFilter['header']>): boolean {
  const found = headers?.[name];
  return found !== undefined && (value === undefined || found === value);
}

/** What of the filters is about requests alone. */
function matchesRequest({ request }: Flow, { status, method, path, header }: FlowFilter): boolean {
  if (status === undefined && method === undefined && path === undefined && header === undefined) return true;
  if (request === undefined) return false;
  if (status !== undefined && !status.some(({ min, max }) => request.status >= min && request.status <= max)) return false;
  if (method !== undefined && request.method !== method) return false;
  if (path !== undefined && !isPath(request.path, path)) return false;
  return header === undefined || isHeader(request, header);
}

/** True where `flow` passes all filters; times are not looked at. */
export function matches(flow: Flow, filter: FlowFilter): boolean {
  const { verdicts, source, destination, workload, service, route, protocol, reporter, id } = filter;
  if (verdicts !== undefined && !verdicts.includes(flow.verdict)) return false;
  if (id !== undefined && comparableRequestId(flow.id) !== id) return false;
  if (protocol !== undefined && flow.protocol !== protocol) return false;
  if (reporter !== undefined && flow.reporter !== reporter) return false;
  if (source !== undefined && !isEnd(flow.source, source)) return false;
  if (destination !== undefined && !isEnd(flow.destination, destination)) return false;
  if (workload !== undefined && !isEnd(flow.source, workload) && !isEnd(flow.destination, workload)) return false;
  if (service !== undefined && !isService(flow.service, service)) return false;
  if (route !== undefined && flow.route !== route) return false;
  return matchesRequest(flow, filter);
}
