/** What expressions know of a stream: Envoy's attributes. Source: Envoy, "Attributes"; what is not known has no key, and makes an expression fail. */
import type { NetAddress } from '../../../net/address.ts';
import { formatAddress } from '../../../net/address.ts';
import type { HeaderMap } from '../../../wire/http/message.ts';
import type { LocalNode } from '../../http/filter.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { grpcStatusCommand } from '../format-request.ts';
import { peerOf } from '../peer-exchange.ts';
import type { PeerMetadata } from '../peer-metadata.ts';
import { tcpPeerOf } from '../tcp-peers.ts';

/** Who reads: the proxy itself, and on which side of a call it stands. */
export interface AttributeScope {
  readonly node: LocalNode;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
  /** Makes a duration of the expression language's. */
  readonly duration: (ms: number) => unknown;
}

type Values = Readonly<Record<string, unknown>>;
type Read = (info: StreamInfo, scope: AttributeScope) => unknown;

/** Whole numbers are the language's integers. */
const int = (value: number | undefined): bigint | undefined => (value === undefined ? undefined : BigInt(Math.trunc(value)));

/** Only what is there: a key without a value would count as one with. */
function known(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== ''));
}

function mapOf(headers: HeaderMap | undefined, pseudo: Values = {}): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>(Object.entries(pseudo));
  headers?.forEach((name, value) => {
    const key = name.toLowerCase();
    const before = map.get(key);
    map.set(key, typeof before === 'string' ? `${before},${value}` : value);
  });
  return map;
}

const grpcStatus = grpcStatusCommand('NUMBER', '');

function grpcCode(info: StreamInfo): bigint | undefined {
  const code = grpcStatus(info);
  return typeof code === 'number' ? int(code) : undefined;
}

function request(info: StreamInfo, { duration }: AttributeScope): Values {
  const { request: head, startWallMs, startMs, endMs, bytesReceived } = info;
  const { method, path, authority, scheme, headers } = head ?? {};
  const [urlPath, query] = (path ?? '').split('?', 2);
  return known({
    path,
    url_path: urlPath,
    query,
    host: authority,
    scheme,
    method,
    headers: head && mapOf(headers, { ':method': method, ':path': path, ':authority': authority, ':scheme': scheme }),
    referer: headers?.get('referer'),
    useragent: headers?.get('user-agent'),
    id: headers?.get('x-request-id'),
    protocol: info.protocol,
    time: new Date(startWallMs),
    duration: endMs === 0 ? undefined : duration(endMs - startMs),
    size: int(bytesReceived),
    total_size: int(bytesReceived),
  });
}

function response(info: StreamInfo, { duration }: AttributeScope): Values {
  const { response: head, responseCode, firstUpstreamByteMs, requestEndMs } = info;
  return known({
    code: responseCode === 0 ? undefined : int(responseCode),
    code_details: info.responseCodeDetails,
    flags: int(info.flags),
    grpc_status: grpcCode(info),
    headers: mapOf(head?.headers, head && { ':status': String(head.status) }),
    trailers: mapOf(info.responseTrailers),
    size: int(info.bytesSent),
    total_size: int(info.bytesSent),
    backend_latency:
      firstUpstreamByteMs === 0 || requestEndMs === 0 ? undefined : duration(Math.max(0, firstUpstreamByteMs - requestEndMs)),
  });
}

function connection({ connection: down, terminationDetails, downstreamTransportFailure }: StreamInfo): Values {
  const { tls } = down;
  return known({
    id: int(down.id),
    mtls: tls !== undefined && tls.fingerprint !== '',
    requested_server_name: down.requestedServerName,
    tls_version: tls?.protocol,
    subject_peer_certificate: tls?.subject,
    uri_san_peer_certificate: tls?.uriSans[0],
    dns_san_peer_certificate: tls?.dnsSans[0],
    uri_san_local_certificate: tls?.localUriSans[0],
    sha256_peer_certificate_digest: tls?.fingerprint,
    termination_details: terminationDetails,
    transport_failure_reason: downstreamTransportFailure,
  });
}

function addressed(address: NetAddress): Values {
  return known({ address: formatAddress(address), port: int(address.port) });
}

function upstream(info: StreamInfo): Values {
  const { upstream: host, upstreamTls: tls } = info;
  return known({
    address: host?.key,
    port: int(host?.address.port),
    local_address: info.upstreamLocalAddress,
    tls_version: tls?.protocol,
    uri_san_peer_certificate: tls?.uriSans[0],
    uri_san_local_certificate: tls?.localUriSans[0],
    transport_failure_reason: info.upstreamTransportFailure,
    request_attempt_count: int(info.attempts),
  });
}

/** Metadata as Envoy's message has it. */
const filterMetadata = (metadata: Values | undefined): Values => ({ filter_metadata: metadata ?? {} });

/** Envoy's numbers of TrafficDirection. */
const DIRECTIONS = { unspecified: 0n, inbound: 1n, outbound: 2n } as const;

function xds(info: StreamInfo, { node, direction, listenerMetadata }: AttributeScope): Values {
  return known({
    node: { ...node },
    cluster_name: info.clusterName,
    cluster_metadata: info.cluster && filterMetadata(info.cluster.metadata),
    route_name: info.routeName,
    route_metadata: info.route && filterMetadata(info.route.metadata),
    virtual_host_name: info.virtualHostName,
    upstream_host_metadata: info.upstream && filterMetadata(info.upstream.metadata),
    filter_chain_name: info.connection.filterChainName,
    listener_direction: DIRECTIONS[direction],
    listener_metadata: filterMetadata(listenerMetadata),
  });
}

/** A workload of the mesh, by the names of Istio's peer objects. */
function peerValues(peer: PeerMetadata | undefined): Values | undefined {
  if (peer === undefined) return undefined;
  return known({
    name: peer.name,
    namespace: peer.namespace,
    workload: peer.workload,
    cluster: peer.clusterId,
    service: peer.canonicalService,
    revision: peer.canonicalRevision,
    app: peer.app,
    version: peer.version,
  });
}

/** The other workload of a request or connection, as it has told. */
function peerFor(info: StreamInfo, { direction }: AttributeScope): Values | undefined {
  return peerValues(peerOf(info) ?? tcpPeerOf(info, direction === 'inbound' ? 'downstream' : 'upstream'));
}

function filterState(info: StreamInfo, scope: AttributeScope): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>(info.filterState ?? []);
  const peer = peerFor(info, scope);
  if (peer !== undefined) map.set(scope.direction === 'inbound' ? 'downstream_peer' : 'upstream_peer', peer);
  return map;
}

/** Top-level names, and how their values are found. */
export const ATTRIBUTES: Readonly<Record<string, Read>> = {
  request,
  response,
  connection,
  source: ({ clientAddress, connection: { remote } }) => addressed(clientAddress ?? remote),
  destination: ({ connection: { local } }) => addressed(local),
  upstream,
  metadata: ({ metadata }) => filterMetadata(Object.fromEntries(metadata)),
  filter_state: filterState,
  xds,
  node: (_info, { node }) => ({ ...node }),
  upstream_peer: (info, scope) => (scope.direction === 'inbound' ? undefined : peerFor(info, scope)),
  downstream_peer: (info, scope) => (scope.direction === 'inbound' ? peerFor(info, scope) : undefined),
};
