/**
 * Why a request is traced: what its id says, what it asks for, and its share. The id decides about shares, so that all
 * proxies on its way decide alike. Source: Envoy, `x-request-id` and the sampling fields of HttpConnectionManager.Tracing.
 */
import { ConfigError } from '../../core/errors.ts';
import type { Random } from '../../core/clock.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { HttpConnectionManager_Tracing } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Tracing as RouteTracing } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { FractionalPercent, Percent } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { partsOf } from '../config/fraction.ts';
import { numberOfId } from '../telemetry/id-number.ts';
import type { MadeId } from '../telemetry/ids.ts';
import { CLIENT_TRACE_ID, FORCE_TRACE, REQUEST_ID } from '../telemetry/trace-fields.ts';

/** As the version digit of a request's id: not traced, sampled, forced by a service, asked for by the client. */
export type TraceReason = '4' | '9' | 'a' | 'b';

export const NOT_TRACED: TraceReason = '4';
export const SAMPLED: TraceReason = '9';

/** A share of requests: `part` of `whole`. */
interface Share {
  readonly part: number;
  readonly whole: number;
}

export interface Sampling {
  readonly client: Share;
  readonly random: Share;
  readonly overall: Share;
}

/** What ids and tracing have to do with each other: fields of UuidRequestIdConfig. */
export interface IdRules {
  /** `pack_trace_reason`. */
  readonly packsReason: boolean;
  /** `use_request_id_for_trace_sampling`. */
  readonly decidesSampling: boolean;
}

const ID_CHARS = 36;
const REASON_AT = 14;

function shareOf(percent: Percent | undefined, whole: number, path: string): Share {
  const value = percent?.value ?? 100;
  if (!(value >= 0 && value <= 100)) throw new ConfigError(path, `${value} is not a percentage from 0 to 100`);
  return { part: whole === 100 ? Math.floor(value) : Math.round((value * whole) / 100), whole };
}

function fractionOf(fraction: FractionalPercent | undefined): Share | undefined {
  return fraction && { part: fraction.numerator, whole: partsOf(fraction) };
}

/** Reads the sampling fields of a connection manager's tracing at `path`; each is everything where nothing is said. */
export function readSampling(config: HttpConnectionManager_Tracing, path: string): Sampling {
  return {
    client: shareOf(config.clientSampling, 100, `${path}.client_sampling`),
    random: shareOf(config.randomSampling, 10_000, `${path}.random_sampling`),
    overall: shareOf(config.overallSampling, 10_000, `${path}.overall_sampling`),
  };
}

const ALL: Share = { part: 100, whole: 100 };

/** Those of a route, which take the place of the connection manager's, all of them. */
export function readRouteSampling(config: RouteTracing): Sampling {
  return {
    client: fractionOf(config.clientSampling) ?? ALL,
    random: fractionOf(config.randomSampling) ?? ALL,
    overall: fractionOf(config.overallSampling) ?? ALL,
  };
}

function isIn({ part, whole }: Share, number: number): boolean {
  return number % whole < part;
}

/** What an id says; undefined where it cannot say anything. */
function reasonOf(requestId: string): TraceReason | undefined {
  if (requestId.length !== ID_CHARS) return undefined;
  const digit = requestId[REASON_AT];
  return digit === '9' || digit === 'a' || digit === 'b' ? digit : '4';
}

/** Writes a reason into an id that can say it; others stay as they are. */
export function markId(requestId: string, reason: TraceReason): string {
  return requestId.length === ID_CHARS ? `${requestId.slice(0, REASON_AT)}${reason}${requestId.slice(REASON_AT + 1)}` : requestId;
}

function begin({ headers }: RequestHead, sampling: Sampling, number: number, random: Random): TraceReason {
  if (headers.has(CLIENT_TRACE_ID) && isIn(sampling.client, Math.floor(random() * 1_000_000))) return 'b';
  if (headers.has(FORCE_TRACE)) return 'a';
  return isIn(sampling.random, number) ? '9' : '4';
}

/** Decides, and leaves word in the request's id where that is so configured. `made` is that id where it was made just now. */
export function decideTrace(head: RequestHead, made: MadeId | undefined, sampling: Sampling, rules: IdRules, random: Random): TraceReason {
  if (!rules.decidesSampling) return SAMPLED;
  const requestId = made === undefined ? (head.headers.get(REQUEST_ID) ?? '') : made.text;
  const whole = made === undefined ? numberOfId(requestId) : made.number;
  if (whole < 0) return NOT_TRACED;
  // unsigned, so that it is divided as an integer
  const number = (whole >>> 0) % 10_000;
  const known = made === undefined ? (reasonOf(requestId) ?? '4') : '4';
  let reason = known === '4' ? begin(head, sampling, number, random) : known;
  if (reason !== '4' && !isIn(sampling.overall, number)) reason = '4';
  if (reason !== known && rules.packsReason) head.headers.set('x-request-id', markId(requestId, reason));
  return reason;
}
