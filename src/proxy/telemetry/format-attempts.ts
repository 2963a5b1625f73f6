/** The formatter's commands about attempts at hosts, and what only HTTP/3 has. Source: Envoy, "Access logging", command operators. */
import { ConfigError } from '../../core/errors.ts';
import type { LogOperator } from '../../core/log-format.ts';
import { internalAddress, internalListenerOf, type NetAddress } from '../../net/address.ts';
import type { Host } from '../cluster/cluster.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Extract } from './format.ts';

type CompileCommand = (argument: string, path: string) => Extract;

function plain(extract: Extract): CompileCommand {
  return (argument, path) => {
    if (argument !== '') throw new ConfigError(path, `formatter command takes no argument, but has (${argument})`);
    return extract;
  };
}

/** The host of the last attempt, where there was a connection to it. */
function connected({ upstream, upstreamLocalAddress, upstreamTransportFailure }: StreamInfo): Host | undefined {
  return upstreamLocalAddress === '' || upstreamTransportFailure !== '' ? undefined : upstream;
}

/** The hosts that had a connection, each once, in their order, with a comma between them. */
function ofHosts(write: (host: Host) => string): CompileCommand {
  return plain((info) => {
    const last = connected(info);
    const hosts = new Set([...(info.triedHosts ?? []), ...(last === undefined ? [] : [last])]);
    return hosts.size === 0 ? undefined : [...hosts].map(write).join(',');
  });
}

/** The address before the port of `host:port`. */
function withoutPort(address: string): string {
  return address.replace(/:\d+$/, '');
}

/** The endpoint's id of a listener within the process. */
function endpointId(read: (info: StreamInfo) => NetAddress | undefined): CompileCommand {
  return plain((info) => {
    const address = read(info);
    const listener = address && internalListenerOf(address);
    if (address === undefined) return undefined;
    return listener === undefined ? '' : address.host.slice(internalAddress(listener, '').host.length);
  });
}

/** Nothing is sent twice but by the kernel, which nobody asks; as in Envoy but for HTTP/3. */
const none = plain(() => 0);

/** Name to how it is prepared. */
export const attemptCommands: readonly (readonly [LogOperator, CompileCommand])[] = [
  ['UPSTREAM_HOSTS_ATTEMPTED', ofHosts(({ key }) => key)],
  ['UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT', ofHosts(({ key }) => withoutPort(key))],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED', ofHosts(({ hostname, key }) => hostname || key)],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT', ofHosts(({ hostname, key }) => hostname || withoutPort(key))],
  ['UPSTREAM_PROTOCOL', plain((info) => info.upstreamProtocol)],
  [
    'REQUEST_TX_DURATION',
    plain(({ upstreamSentMs, startMs }) => (upstreamSentMs === 0 ? undefined : Math.floor(upstreamSentMs - startMs))),
  ],
  ['DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID', endpointId(({ connection }) => connection.local)],
  ['DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID', endpointId(({ connection }) => connection.directLocal ?? connection.local)],
  ['UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID', endpointId((info) => connected(info)?.address)],
  ['BYTES_RETRANSMITTED', none],
  ['PACKETS_RETRANSMITTED', none],
  // what HTTP/3 alone measures, and what no filter of ours sets
  ['ROUNDTRIP_DURATION', plain(() => undefined)],
  ['CUSTOM_FLAGS', plain(() => '')],
];
