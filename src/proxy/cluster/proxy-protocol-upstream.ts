/**
 * The transport socket `upstream_proxy_protocol`: a header of the PROXY protocol before everything else, TLS included.
 * Envoy: envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport.
 *
 * A TCP proxy's connection has the client's ends and fields. Connections that requests share name nobody: version 1 has
 * their own ends, version 2 is LOCAL.
 */
import { ConfigError } from '../../core/errors.ts';
import type { NetAddress } from '../../net/address.ts';
import type { ProxyEndpoint, ProxyTlv } from '../../wire/proxy-protocol/result.ts';
import { version1Header, version2Header } from '../../wire/proxy-protocol/write-header.ts';
import {
  type ProxyProtocolPassThroughTLVs,
  ProxyProtocolConfig_Version as Version,
  ProxyProtocolPassThroughTLVs_PassTLVsMatchType as MatchType,
} from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import type { ProxyProtocolUpstreamTransport } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileTlvs, type MakeTlvs } from '../network/proxy-tlvs.ts';
import type { ConnectOptions, Transport } from './cluster.ts';

const NOTHING: readonly ProxyTlv[] = [];

const endpoint = ({ host, port }: NetAddress): ProxyEndpoint => ({ address: host, port });

/** Which fields of a client's header go on. `path` is the message's. */
export function readPassThrough(config: ProxyProtocolPassThroughTLVs | undefined, path: string): (type: number) => boolean {
  if (config === undefined) return () => false;
  if (config.matchType === MatchType.INCLUDE_ALL) return () => true;
  const wrong = config.tlvType.findIndex((type) => type > 0xff);
  if (wrong >= 0) throw new ConfigError(`${path}.tlv_type[${wrong}]`, `${config.tlvType[wrong]} is more than one byte`);
  const types = new Set(config.tlvType);
  return (type) => types.has(type);
}

/** The configuration's own fields, and those of the client that may go on where there is none of ours of their type. */
function fieldsOf(added: MakeTlvs | undefined, passes: (type: number) => boolean, info: StreamInfo): readonly ProxyTlv[] {
  const own = added?.(info) ?? NOTHING;
  const types = new Set(own.map(({ type }) => type));
  return [...own, ...(info.proxyTlvs ?? NOTHING).filter(({ type }) => passes(type) && !types.has(type))];
}

/** The transport of `config`, whose path is `path`; `inner` is that of its own transport_socket. */
export function proxyProtocolUpstream(config: ProxyProtocolUpstreamTransport, path: string, inner: Transport): Transport {
  const { version, passThroughTlvs, addedTlvs = [] } = config.config ?? {};
  const passes = readPassThrough(passThroughTlvs, `${path}.config.pass_through_tlvs`);
  const added = compileTlvs(addedTlvs, `${path}.config.added_tlvs`);
  const header = (info: StreamInfo | undefined, local: NetAddress, remote: NetAddress): Uint8Array => {
    // a TCP proxy has said what goes on, if nothing
    const client = info?.proxyTlvs === undefined ? undefined : info.connection;
    const ends = client && { source: endpoint(client.remote), destination: endpoint(client.local) };
    if (version !== Version.V2) return version1Header(ends ?? { source: endpoint(local), destination: endpoint(remote) });
    const fields = info === undefined || ends === undefined ? NOTHING : fieldsOf(added, passes, info);
    return version2Header(ends, fields) ?? version2Header(ends, NOTHING) ?? new Uint8Array(0);
  };
  return {
    isTls: inner.isTls,
    passesState: inner.passesState,
    connect(host, options, handlers) {
      const preface: ConnectOptions['preface'] = (local, remote) => header(options.info, local, remote);
      inner.connect(host, { ...options, preface }, handlers);
    },
  };
}
