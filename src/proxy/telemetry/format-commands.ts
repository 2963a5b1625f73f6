/** The formatter's commands, one row each. Source: Envoy, "Access logging", command operators. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { LogOperator } from '../../core/log-format.ts';
import { formatAddress, type NetAddress } from '../../net/address.ts';
import { type FieldName, fieldName } from '../../wire/http/headers.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { DECISION_NAMESPACE, decisionOf } from './decided-by.ts';
import type { Command, Extract } from './format.ts';
import { attemptCommands } from './format-attempts.ts';
import { coalesce } from './format-coalesce.ts';
import { connectionCommands } from './format-connection.ts';
import { commonDuration, grpcStatusCommand, pathCommand, queryParameter, queryParameters } from './format-request.ts';
import { compileTime } from './format-time.ts';
import { tlsCommands } from './format-tls.ts';
import { metadataAt } from './metadata-path.ts';

/** Prepares a command for its argument; '' where none was given. */
type CompileCommand = (argument: string, path: string) => Extract;

/** A command without argument. */
function plain(extract: Extract): CompileCommand {
  return (argument, path) => {
    if (argument !== '') throw new ConfigError(path, `formatter command takes no argument, but has (${argument})`);
    return extract;
  };
}

function text(read: (info: StreamInfo) => string | undefined): CompileCommand {
  return plain((info) => read(info) || undefined);
}

function duration(fromMs: (info: StreamInfo) => number, toMs: (info: StreamInfo) => number): CompileCommand {
  return plain((info) => (toMs(info) === 0 ? undefined : Math.floor(toMs(info) - fromMs(info))));
}

/** As `duration` from the start to the end, which lines of the default format have. */
function wholeDuration({ startMs, endMs }: StreamInfo): number | undefined {
  return endMs === 0 ? undefined : Math.floor(endMs - startMs);
}

function hostOf(address: NetAddress): string {
  return address.host;
}

/** The address before the port of `host:port`. */
function withoutPort(address: string): string {
  const colon = address.lastIndexOf(':');
  return colon === -1 ? address : address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
}

function client(info: StreamInfo): NetAddress {
  return info.clientAddress ?? info.connection.remote;
}

function peer({ connection }: StreamInfo): NetAddress {
  return connection.directRemote ?? connection.remote;
}

type Field = (info: StreamInfo) => string | undefined;

function requestField(name: string): Field {
  const field = fieldName(name);
  const { text: lower } = field;
  if (lower === ':method') return ({ request }) => request?.method;
  if (lower === ':path') return ({ request }) => request?.path || undefined;
  if (lower === ':authority' || lower === 'host') return ({ request }) => request?.authority;
  if (lower === ':scheme') return ({ request }) => request?.scheme;
  return ({ request }) => request?.headers.get(field);
}

function responseField(name: string): Field {
  const field = fieldName(name);
  if (field.text === ':status') return ({ response }) => response && String(response.status);
  return ({ response }) => response?.headers.get(field);
}

function trailerField(name: string): Field {
  const field = fieldName(name);
  return ({ responseTrailers }) => responseTrailers?.get(field);
}

/** `NAME?ALTERNATIVE`: the second where the first is not there. */
function header(field: (name: string) => Field): CompileCommand {
  return (argument, path) => {
    const [first = '', second, ...rest] = argument.split('?');
    if (first === '' || rest.length > 0) throw new ConfigError(path, `(${argument}) is not NAME or NAME?ALTERNATIVE`);
    const read = field(first);
    if (second === undefined) return read;
    const other = field(second);
    return (info) => read(info) || other(info);
  };
}

/** A field of a head, for whoever reads it without a call for each. */
export interface HeadField {
  readonly isResponse: boolean;
  readonly name: FieldName;
  /** What is read where it is not there, or empty. */
  readonly alternative: Field | undefined;
}

const HEADS: ReadonlyMap<string, { readonly isResponse: boolean; readonly field: (name: string) => Field }> = new Map([
  ['REQ', { isResponse: false, field: requestField }],
  ['REQUEST_HEADER', { isResponse: false, field: requestField }],
  ['RESP', { isResponse: true, field: responseField }],
  ['RESPONSE_HEADER', { isResponse: true, field: responseField }],
]);

/** The field that a command is about; undefined where it is about something else, or a part of the head that is no field. */
export function headFieldOf({ name: command, argument }: Command): HeadField | undefined {
  const head = HEADS.get(command);
  const [first = '', second] = argument.split('?');
  const name = fieldName(first);
  if (head === undefined || name.text.startsWith(':') || name.text === 'host') return undefined;
  return { isResponse: head.isResponse, name, alternative: second === undefined ? undefined : head.field(second) };
}

function withoutQuery(field: (name: string) => Field): (name: string) => Field {
  return (name) => {
    const read = field(name);
    return (info) => read(info)?.replace(/[?#].*$/s, '');
  };
}

/** `NAMESPACE:KEY:KEY`, or as header changes once had it: `["NAMESPACE","KEY"]`. */
function metadataKeys(argument: string, path: string): readonly string[] {
  if (!argument.startsWith('[')) return argument.split(':');
  try {
    const keys: unknown = JSON.parse(argument);
    if (Array.isArray(keys) && keys.every((key) => typeof key === 'string')) return keys;
  } catch (cause) {
    throw new ConfigError(path, `(${argument}) is no list of names`, { cause });
  }
  throw new ConfigError(path, `(${argument}) is no list of names`);
}

/** `NAMESPACE:KEY:KEY` in what `read` gives: an object by namespace, or what filters left. */
function metadata(read: (info: StreamInfo, namespace: string) => unknown): CompileCommand {
  return (argument, path) => {
    const [namespace = '', ...keys] = metadataKeys(argument, path);
    if (namespace === '') throw new ConfigError(path, `(${argument}) names no metadata namespace`);
    return (info) => metadataAt(read(info, namespace), keys);
  };
}

const fromRoute = metadata((info, namespace) => info.route?.metadata[namespace]);
const fromCluster = metadata((info, namespace) => info.cluster?.metadata[namespace]);
const fromHost = metadata((info, namespace) => info.upstream?.metadata[namespace]);
const fromListener = metadata(({ connection }, namespace) => connection.listenerMetadata?.[namespace]);
const fromFilters = metadata((info, namespace) => (namespace === DECISION_NAMESPACE ? decisionOf(info) : info.metadata.get(namespace)));

const METADATA_KINDS: Readonly<Record<string, CompileCommand>> = {
  ROUTE: fromRoute,
  CLUSTER: fromCluster,
  UPSTREAM_HOST: fromHost,
  DYNAMIC: fromFilters,
  LISTENER: fromListener,
};

/** `METADATA(KIND:NAMESPACE:KEY)`. */
function anyMetadata(argument: string, path: string): Extract {
  const [kind = ''] = argument.split(':', 1);
  const compile = METADATA_KINDS[kind];
  if (compile === undefined) throw new ConfigError(path, `METADATA(${kind}) is not one of ${Object.keys(METADATA_KINDS).join(', ')}`);
  return compile(argument.slice(kind.length + 1), path);
}

/** `KEY`, or `KEY:PLAIN`. Every value of ours is text. */
function filterState(argument: string, path: string): Extract {
  const [key = '', form = 'TYPED', ...rest] = argument.split(':');
  if (key === '') throw new ConfigError(path, 'FILTER_STATE needs the name of a key');
  if (!['PLAIN', 'TYPED'].includes(form) || rest.length > 0)
    throw new ConfigError(path, `FILTER_STATE(${argument}) is not supported by Tulle; KEY and KEY:PLAIN are`);
  return (info) => info.filterState?.get(key);
}

/** %RESPONSE_CODE_DETAILS%, with spaces where the argument allows them. */
function codeDetails(argument: string, path: string): Extract {
  if (argument === 'ALLOW_WHITESPACES') return (info) => info.responseCodeDetails || undefined;
  if (argument !== '') throw new ConfigError(path, `RESPONSE_CODE_DETAILS(${argument}) is not ALLOW_WHITESPACES`);
  return (info) => info.responseCodeDetails.replaceAll(' ', '_') || undefined;
}

function portOf(address: string): number | undefined {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined ? undefined : Number(port);
}

function startTime(argument: string, path: string): Extract {
  const write = compileTime(argument, path);
  return (info) => write(info.startWallMs);
}

function localStartTime(argument: string, path: string): Extract {
  const write = compileTime(argument, path, true);
  return (info) => write(info.startWallMs);
}

function emitMs(info: StreamInfo): number {
  return info.startWallMs + (info.endMs === 0 ? 0 : info.endMs - info.startMs);
}

function emitTime(argument: string, path: string): Extract {
  const write = compileTime(argument, path);
  return (info) => write(emitMs(info));
}

function localEmitTime(argument: string, path: string): Extract {
  const write = compileTime(argument, path, true);
  return (info) => write(emitMs(info));
}

function environment(argument: string, path: string): Extract {
  if (argument === '') throw new ConfigError(path, 'ENVIRONMENT needs the name of a variable');
  const value: JsonValue | undefined = process.env[argument];
  return () => value;
}

const start = (info: StreamInfo): number => info.startMs;

/** Prepares a command. Throws ConfigError for one that Tulle does not have. */
export function compileCommand(name: string, argument: string, path: string): Extract {
  const compile = formatCommands.get(name);
  if (compile === undefined) throw new ConfigError(path, `formatter command %${name}% is not supported by Tulle`);
  return compile(argument, path);
}

/** Name to how it is prepared. `core/log-format.ts` has the names too, for the control plane to check formats by. */
const formatCommands: ReadonlyMap<string, CompileCommand> = new Map<LogOperator, CompileCommand>([
  ['START_TIME', startTime],
  ['START_TIME_LOCAL', localStartTime],
  ['EMIT_TIME', emitTime],
  ['EMIT_TIME_LOCAL', localEmitTime],
  ['REQ', header(requestField)],
  ['REQUEST_HEADER', header(requestField)],
  ['REQ_WITHOUT_QUERY', header(withoutQuery(requestField))],
  ['RESP', header(responseField)],
  ['RESPONSE_HEADER', header(responseField)],
  ['TRAILER', header(trailerField)],
  ['RESPONSE_TRAILER', header(trailerField)],
  ['PATH', pathCommand],
  ['QUERY_PARAM', queryParameter],
  ['QUERY_PARAMS', queryParameters],
  ['GRPC_STATUS', grpcStatusCommand],
  ['GRPC_STATUS_NUMBER', plain(grpcStatusCommand('NUMBER', ''))],
  ['PROTOCOL', text((info) => info.protocol)],
  ['RESPONSE_CODE', plain((info) => info.responseCode)],
  ['RESPONSE_CODE_DETAILS', codeDetails],
  ['CONNECTION_TERMINATION_DETAILS', text((info) => info.terminationDetails)],
  ['BYTES_RECEIVED', plain((info) => info.bytesReceived)],
  ['BYTES_SENT', plain((info) => info.bytesSent)],
  ['DURATION', plain(wholeDuration)],
  ['REQUEST_DURATION', duration(start, (info) => info.requestEndMs)],
  ['RESPONSE_DURATION', duration(start, (info) => info.firstUpstreamByteMs)],
  [
    'RESPONSE_TX_DURATION',
    duration(
      (info) => info.firstUpstreamByteMs,
      (info) => (info.firstUpstreamByteMs === 0 ? 0 : info.endMs),
    ),
  ],
  ['COMMON_DURATION', commonDuration],
  ['UPSTREAM_HOST', text((info) => info.upstream?.key)],
  ['UPSTREAM_HOST_NAME', text((info) => info.upstream?.hostname || info.upstream?.key)],
  ['UPSTREAM_HOST_NAME_WITHOUT_PORT', text((info) => info.upstream && (info.upstream.hostname || withoutPort(info.upstream.key)))],
  ['UPSTREAM_LOCAL_ADDRESS', text((info) => info.upstreamLocalAddress)],
  ['UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT', text((info) => withoutPort(info.upstreamLocalAddress))],
  ['UPSTREAM_LOCAL_PORT', plain((info) => portOf(info.upstreamLocalAddress))],
  ['UPSTREAM_CLUSTER', text((info) => info.clusterName)],
  ['UPSTREAM_CLUSTER_RAW', text((info) => info.clusterName)],
  ['UPSTREAM_TRANSPORT_FAILURE_REASON', text((info) => info.upstreamTransportFailure.replaceAll(' ', '_'))],
  ['DOWNSTREAM_TRANSPORT_FAILURE_REASON', text((info) => info.downstreamTransportFailure?.replaceAll(' ', '_'))],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', plain((info) => info.attempts)],
  ['DOWNSTREAM_LOCAL_ADDRESS', text((info) => formatAddress(info.connection.local))],
  ['DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT', text((info) => hostOf(info.connection.local))],
  ['DOWNSTREAM_LOCAL_PORT', plain((info) => info.connection.local.port)],
  ['DOWNSTREAM_REMOTE_ADDRESS', text((info) => formatAddress(client(info)))],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', text((info) => hostOf(client(info)))],
  ['DOWNSTREAM_REMOTE_PORT', plain((info) => client(info).port)],
  ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS', text((info) => formatAddress(peer(info)))],
  ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT', text((info) => hostOf(peer(info)))],
  ['DOWNSTREAM_DIRECT_REMOTE_PORT', plain((info) => peer(info).port)],
  ...tlsCommands,
  ['CONNECTION_ID', plain((info) => info.connection.id)],
  ['REQUESTED_SERVER_NAME', text((info) => info.connection.requestedServerName)],
  ['FILTER_CHAIN_NAME', text((info) => info.connection.filterChainName)],
  ['ROUTE_NAME', text((info) => info.routeName)],
  ['VIRTUAL_CLUSTER_NAME', text((info) => info.virtualClusterName)],
  ['FILTER_STATE', filterState],
  ['DYNAMIC_METADATA', fromFilters],
  ['CLUSTER_METADATA', fromCluster],
  ['UPSTREAM_METADATA', fromHost],
  ['METADATA', anyMetadata],
  ['TRACE_ID', text((info) => info.trace?.traceId)],
  ['SPAN_ID', text((info) => info.trace?.spanId)],
  ['STREAM_ID', text((info) => info.request?.headers.get('x-request-id'))],
  ['UNIQUE_ID', plain(() => randomUUID())],
  ['LOCAL_REPLY_BODY', plain((info) => info.localReplyBody ?? '')],
  ['ENVIRONMENT', environment],
  ['HOSTNAME', text(() => hostname())],
  ...connectionCommands,
  ...attemptCommands,
  ['COALESCE', (argument, path) => coalesce(argument, path, compileCommand)],
]);
