/** The formatter's commands about a request's path and query, trailers, and gRPC's outcome. Source: Envoy, "Access logging". */
import { ConfigError } from '../../core/errors.ts';
import { isGrpcType } from '../../core/grpc-status.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { grpcStatusOf } from '../http/local-reply.ts';
import type { Extract } from './format.ts';

type Field = (info: StreamInfo) => string | undefined;

const ORIGINAL_PATH = 'x-envoy-original-path';

const PATHS: Readonly<Record<string, Field>> = {
  ORIG: ({ request }) => request?.headers.get(ORIGINAL_PATH),
  PATH: ({ request }) => request?.path,
  ORIG_OR_PATH: ({ request }) => request?.headers.get(ORIGINAL_PATH) ?? request?.path,
};

/** `PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)`: with or without query; as it came, as it is, or the first of these that is there. */
export function pathCommand(argument: string, path: string): Extract {
  const [query = '', which = 'ORIG_OR_PATH', ...rest] = argument.split(':');
  const read = PATHS[which];
  if (!['', 'WQ', 'NQ'].includes(query) || read === undefined || rest.length > 0)
    throw new ConfigError(path, `PATH(${argument}) is not WQ or NQ, and ORIG, PATH or ORIG_OR_PATH`);
  return query === 'NQ' ? (info) => read(info)?.replace(/[?#].*$/s, '') : read;
}

function queryOf({ request }: StreamInfo): string | undefined {
  return request?.path.split('?', 2)[1];
}

/** `QUERY_PARAM(name)`: the first value, decoded. */
export function queryParameter(name: string, path: string): Extract {
  if (name === '') throw new ConfigError(path, 'QUERY_PARAM needs the name of a parameter');
  return (info) => {
    const query = queryOf(info);
    return query === undefined ? undefined : (new URLSearchParams(query).get(name) ?? undefined);
  };
}

/** `QUERY_PARAMS`: the whole query as it came. */
export function queryParameters(argument: string, path: string): Extract {
  if (!['', 'ORIG'].includes(argument)) throw new ConfigError(path, `QUERY_PARAMS(${argument}) is not supported by Tulle; ORIG is`);
  return (info) => queryOf(info) || undefined;
}

/** gRPC's names of statuses by number. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const GRPC_STATUSES = [
  ['OK', 'OK'],
  ['Canceled', 'CANCELLED'],
  ['Unknown', 'UNKNOWN'],
  ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['DeadlineExceeded', 'DEADLINE_EXCEEDED'],
  ['NotFound', 'NOT_FOUND'],
  ['AlreadyExists', 'ALREADY_EXISTS'],
  ['PermissionDenied', 'PERMISSION_DENIED'],
  ['ResourceExhausted', 'RESOURCE_EXHAUSTED'],
  ['FailedPrecondition', 'FAILED_PRECONDITION'],
  ['Aborted', 'ABORTED'],
  ['OutOfRange', 'OUT_OF_RANGE'],
  ['Unimplemented', 'UNIMPLEMENTED'],
  ['Internal', 'INTERNAL'],
  ['Unavailable', 'UNAVAILABLE'],
  ['DataLoss', 'DATA_LOSS'],
  ['Unauthenticated', 'UNAUTHENTICATED'],
] as const;

/** The status of a gRPC call: of trailers, else of the head, else what the HTTP status stands for; undefined for what is no such call. */
export function grpcStatus(info: StreamInfo): number | undefined {
  if (!isGrpcType(info.request?.headers.get('content-type'))) return undefined;
  const text = info.responseTrailers?.get('grpc-status') ?? info.response?.headers.get('grpc-status');
  if (text !== undefined) return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  return info.responseCode === 0 ? undefined : grpcStatusOf(info.responseCode);
}

/** `GRPC_STATUS(CAMEL_STRING|SNAKE_STRING|NUMBER)`; a status without a name is its number. */
export function grpcStatusCommand(argument: string, path: string): Extract {
  const form = ['CAMEL_STRING', 'SNAKE_STRING', 'NUMBER'].indexOf(argument === '' ? 'CAMEL_STRING' : argument);
  if (form < 0) throw new ConfigError(path, `GRPC_STATUS(${argument}) is not CAMEL_STRING, SNAKE_STRING or NUMBER`);
  if (form === 2) return grpcStatus;
  return (info) => {
    const status = grpcStatus(info);
    return status === undefined ? undefined : (GRPC_STATUSES[status]?.[form === 0 ? 0 : 1] ?? String(status));
  };
}

/** Points of a request's life that Tulle keeps, by Envoy's names: D is the client's side, U the host's. */
const POINTS: Readonly<Record<string, (info: StreamInfo) => number>> = {
  DS_RX_BEG: (info) => info.startMs,
  DS_RX_END: (info) => info.requestEndMs,
  US_TX_BEG: (info) => info.upstreamSendMs,
  US_TX_END: (info) => info.upstreamSentMs,
  US_RX_END: (info) => info.upstreamEndMs,
  US_RX_BEG: (info) => info.firstUpstreamByteMs,
  DS_TX_END: (info) => info.endMs,
};

const PER_MS: Readonly<Record<string, number>> = { ms: 1, us: 1000, ns: 1_000_000 };

/** `COMMON_DURATION(FROM:TO:UNIT)`. */
export function commonDuration(argument: string, path: string): Extract {
  const [from = '', to = '', unit = 'ms', ...rest] = argument.split(':');
  const [start, end, factor] = [POINTS[from], POINTS[to], PER_MS[unit]];
  if (start === undefined || end === undefined)
    throw new ConfigError(path, `COMMON_DURATION(${argument}): the points are not both of ${Object.keys(POINTS).join(', ')}`);
  if (factor === undefined || rest.length > 0) throw new ConfigError(path, `COMMON_DURATION(${argument}): the unit is not ms, us or ns`);
  return (info) => {
    const [fromMs, toMs] = [start(info), end(info)];
    return fromMs === 0 || toMs === 0 || toMs < fromMs ? undefined : Math.floor((toMs - fromMs) * factor);
  };
}
