/** The formatter's commands about TCP connections, one row each. Source: Envoy, "Access logging", command operators. */
import { ConfigError } from '../../core/errors.ts';
import type { LogOperator } from '../../core/log-format.ts';
import { formatAddress, type NetAddress } from '../../net/address.ts';
import { RESPONSE_FLAGS, type StreamInfo } from '../http/stream-info.ts';
import type { Extract } from './format.ts';

type CompileCommand = (argument: string, path: string) => Extract;

function plain(extract: Extract): CompileCommand {
  return (argument, path) => {
    if (argument !== '') throw new ConfigError(path, `formatter command takes no argument, but has (${argument})`);
    return extract;
  };
}

function whole(address: NetAddress | undefined): string | undefined {
  return address && formatAddress(address);
}

/** Our end of the socket, wherever its client wanted to go. */
function directLocal({ connection }: StreamInfo): NetAddress {
  return connection.directLocal ?? connection.local;
}

/** Bytes of a TCP proxy, which are all that the wire has; of HTTP nobody counts what heads and frames take. */
function wireBytes(read: (info: StreamInfo) => number): CompileCommand {
  return plain((info) => (info.logKind === undefined ? (info.protocol === undefined ? 0 : undefined) : read(info)));
}

const URX = 1 << RESPONSE_FLAGS.findIndex(([short]) => short === 'URX');

/** Short or long names of the flags that are set, in the table's order. */
export function formatFlags(flags: number, column: 0 | 1): string {
  if (flags === 0) return '';
  let names = '';
  for (let i = 0; i < RESPONSE_FLAGS.length; i++) {
    if ((flags & (1 << i)) !== 0) names += `${names === '' ? '' : ','}${RESPONSE_FLAGS[i]?.[column] ?? ''}`;
  }
  return names;
}

/** As `formatFlags` for a connection, of which the limit of attempts is reached last. */
export function formatTcpFlags(flags: number, column: 0 | 1): string {
  if ((flags & URX) === 0 || flags === URX) return formatFlags(flags, column);
  return `${formatFlags(flags & ~URX, column)},${formatFlags(URX, column)}`;
}

function flagsOf({ flags, protocol }: StreamInfo, column: 0 | 1): string {
  return (protocol === undefined ? formatTcpFlags(flags, column) : formatFlags(flags, column)) || '-';
}

/** %ACCESS_LOG_TYPE%. */
export function logTypeOf({ logKind, protocol }: StreamInfo): string {
  return logKind ?? (protocol === undefined ? 'NotSet' : 'DownstreamEnd');
}

/** The host; of TCP only once there is a connection to it. */
function upstreamRemote({ upstream, protocol, upstreamLocalAddress }: StreamInfo): NetAddress | undefined {
  return protocol === undefined && upstreamLocalAddress === '' ? undefined : upstream?.address;
}

/** Name to how it is prepared. */
export const connectionCommands: readonly (readonly [LogOperator, CompileCommand])[] = [
  ['RESPONSE_FLAGS', plain((info) => flagsOf(info, 0))],
  ['RESPONSE_FLAGS_LONG', plain((info) => flagsOf(info, 1))],
  ['ACCESS_LOG_TYPE', plain(logTypeOf)],
  ['UPSTREAM_REMOTE_ADDRESS', plain((info) => whole(upstreamRemote(info)))],
  ['UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', plain((info) => upstreamRemote(info)?.host)],
  ['UPSTREAM_REMOTE_PORT', plain((info) => upstreamRemote(info)?.port)],
  ['DOWNSTREAM_LOCAL_CLOSE_REASON', plain((info) => info.localCloseReason?.replaceAll(' ', '_') || undefined)],
  ['DOWNSTREAM_DIRECT_LOCAL_ADDRESS', plain((info) => formatAddress(directLocal(info)))],
  ['DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT', plain((info) => directLocal(info).host)],
  ['DOWNSTREAM_DIRECT_LOCAL_PORT', plain((info) => directLocal(info).port)],
  ['UPSTREAM_WIRE_BYTES_SENT', wireBytes((info) => (info.upstreamLocalAddress === '' ? 0 : info.bytesReceived))],
  ['UPSTREAM_WIRE_BYTES_RECEIVED', wireBytes((info) => info.bytesSent)],
  ['DOWNSTREAM_WIRE_BYTES_SENT', wireBytes((info) => info.bytesSent)],
  ['DOWNSTREAM_WIRE_BYTES_RECEIVED', wireBytes((info) => info.bytesReceived)],
];
