/** Lines of access logs: Istio's usual text, and JSON with its usual keys. */
import { comparableRequestId } from '../../core/request-id.ts';
import { isObject, type JsonObject, textOf } from '../json.ts';

/** Characters at the end of an id that proxies never change. */
const UNCHANGED = 12;

/** One proxy's line. */
export interface Passage {
  /** The log's name without its end: `frontend-0.shop`. */
  readonly proxy: string;
  /** `x-request-id`. */
  readonly requestId: string;
  readonly startTime: string;
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly status: string;
  readonly flags: string;
  readonly details: string;
  readonly durationMs: string;
  readonly cluster: string;
  readonly host: string;
  readonly userAgent: string;
  readonly route: string;
}

/** Keys of JSON lines, as Istio's usual format has them. */
const KEYS = {
  requestId: 'request_id',
  startTime: 'start_time',
  method: 'method',
  path: 'path',
  authority: 'authority',
  status: 'response_code',
  flags: 'response_flags',
  details: 'response_code_details',
  durationMs: 'duration',
  cluster: 'upstream_cluster',
  host: 'upstream_host',
  userAgent: 'user_agent',
  route: 'route_name',
} as const satisfies Record<Exclude<keyof Passage, 'proxy'>, string>;

/** The fields of Istio's usual text, in order; the request line holds three. */
const TEXT =
  /^\[([^\]]*)\] "(\S+) (\S+) [^"]*" (\S+) (\S+) (\S+) \S+ "[^"]*" \S+ \S+ (\S+) \S+ "[^"]*" "([^"]*)" "([^"]*)" "([^"]*)" "([^"]*)" (\S+)(?: \S+){4} (\S+)/;

function known(text: string): string {
  return text === '-' ? '' : text;
}

/** A line, and the texts among which a request's id is looked for. */
interface Read {
  readonly ids: readonly unknown[];
  readonly passage: Passage;
}

function fromText(line: string, proxy: string): Read | undefined {
  const match = TEXT.exec(line);
  if (match === null) return undefined;
  const [
    ,
    startTime = '',
    method = '',
    target = '',
    status = '',
    flags = '',
    details = '',
    durationMs = '',
    userAgent = '',
    requestId = '',
    authority = '',
    host = '',
    cluster = '',
    route = '',
  ] = match;
  const rest = { details: known(details), cluster: known(cluster), host: known(host), userAgent: known(userAgent), route: known(route) };
  const passage = {
    proxy,
    requestId: known(requestId),
    startTime,
    method,
    path: target,
    authority,
    status,
    flags: known(flags),
    durationMs,
  };
  return { ids: [requestId], passage: { ...passage, ...rest } };
}

function fromJson(line: string, proxy: string): Read | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // an application's own line
  }
  if (!isObject(value)) return undefined;
  const object: JsonObject = value;
  const at = (key: keyof typeof KEYS): string => known(textOf(object[KEYS[key]]));
  const passage = {
    proxy,
    requestId: at('requestId'),
    startTime: at('startTime'),
    method: at('method'),
    path: at('path'),
    authority: at('authority'),
    status: at('status'),
    flags: at('flags'),
    details: at('details'),
    durationMs: at('durationMs'),
    cluster: at('cluster'),
    host: at('host'),
    userAgent: at('userAgent'),
    route: at('route'),
  };
  return { ids: Object.values(value), passage };
}

function read(line: string, proxy: string): Read | undefined {
  return line.startsWith('{') ? fromJson(line, proxy) : fromText(line, proxy);
}

/** A line of a log as a passage; undefined for what is none: texts of another form, objects without a status and flags. */
export function passageIn(line: string, proxy: string): Passage | undefined {
  const passage = read(line, proxy)?.passage;
  return passage === undefined || (passage.status === '' && passage.flags === '') ? undefined : passage;
}

/** A line of a log as a passage of the request `id`, whatever key has it; undefined for any other line. */
export function passageOf(line: string, id: string, proxy: string): Passage | undefined {
  const wanted = comparableRequestId(id);
  // most lines are others: what does not hold the id's end needs no reading
  if (!line.includes(id.slice(-UNCHANGED))) return undefined;
  const found = read(line, proxy);
  return found?.ids.some((each) => typeof each === 'string' && comparableRequestId(each) === wanted) === true ? found.passage : undefined;
}
