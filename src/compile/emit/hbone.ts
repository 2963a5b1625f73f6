/**
 * TCP between proxies of ours as streams of a few mTLS connections (HBONE): the shapes that both sides share, with
 * istiod's names. A client's connection goes from the cluster of its service to the internal listener
 * `connect_originate`, whose TCP proxy asks the server's proxy for a tunnel; that one's listener `connect_terminate` ends
 * it, and hands what it carries to the internal listener `main_internal`, where the port's policies are.
 */
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type Address, AddressSchema } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { type TransportSocket, TransportSocketSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { InternalUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { extension } from './any.ts';

export const CONNECT_ORIGINATE = 'connect_originate';
export const CONNECT_TERMINATE = 'connect_terminate';
export const MAIN_INTERNAL = 'main_internal';

/** Metadata of endpoints behind tunnels: `local` is the endpoint, `waypoint` where its proxy takes tunnels. */
export const ORIGINAL_DST = 'envoy.filters.listener.original_dst';
/** What endpoints behind tunnels match transport sockets by. */
export const TUNNEL_MATCH: JsonObject = { tunnel: 'http' };
/** The request header, and the filter state, that say of which workload a tunnel's client is. */
export const BAGGAGE_STATE = 'io.istio.baggage';
export const PEER_PRINCIPAL = 'io.istio.peer_principal';
export const LOCAL_PRINCIPAL = 'io.istio.local_principal';

/** The address of an internal listener. */
export function internalAddress(listener: string, endpointId: string): Address {
  return create(AddressSchema, {
    address: {
      case: 'envoyInternalAddress',
      value: { addressNameSpecifier: { case: 'serverListenerName', value: listener }, endpointId },
    },
  });
}

/** `10.0.0.1:80`, `[::1]:80`. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The transport socket to internal listeners. `names` are namespaces of endpoints' metadata that go along. */
export function internalSocket(names: readonly string[]): TransportSocket {
  const host = { kind: { case: 'host' as const, value: {} } };
  return create(
    TransportSocketSchema,
    extension('envoy.transport_sockets.internal_upstream', InternalUpstreamTransportSchema, {
      passthroughMetadata: names.map((name) => ({ kind: host, name })),
      transportSocket: extension('envoy.transport_sockets.raw_buffer', RawBufferSchema, {}),
    }),
  );
}
