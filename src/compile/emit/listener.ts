/** Shapes that all listeners share: addresses, listener filters, filter chains. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { Provenance } from '../../model/provenance.ts';
import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  type FilterChainMatchSchema,
  type ListenerFilter,
  ListenerFilterSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { HttpInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { listenerAccessLogsOf } from './access-log.ts';
import { address, duration, extension } from './any.ts';
import { listenerFlowLogsOf } from './flow-log.ts';
import { metadataOf, tellMore } from './provenance.ts';

/** What http_inspector reports of plain HTTP: requests of 1.0 match as 1.1 does where Istio lets them. */
export const PLAIN_HTTP = { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] };

/** What a proxy with IPv6 listens on beside 0.0.0.0: an IPv6 connection is redirected to ::1. */
export function anyIpv6(hasIpv6: boolean): readonly string[] {
  return hasIpv6 ? ['::'] : [];
}

export const inspectors = {
  originalDst: (): ListenerFilter => create(ListenerFilterSchema, extension('envoy.filters.listener.original_dst', OriginalDstSchema, {})),
  proxyProtocol: (): ListenerFilter =>
    create(ListenerFilterSchema, extension('envoy.filters.listener.proxy_protocol', ProxyProtocolSchema, {})),
  tls: (): ListenerFilter => create(ListenerFilterSchema, extension('envoy.filters.listener.tls_inspector', TlsInspectorSchema, {})),
  http: (): ListenerFilter => create(ListenerFilterSchema, extension('envoy.filters.listener.http_inspector', HttpInspectorSchema, {})),
};

export interface ChainParts {
  readonly name?: string;
  readonly match?: MessageInitShape<typeof FilterChainMatchSchema>;
  readonly filters: readonly Filter[];
  readonly origin?: Provenance | undefined;
  readonly transportSocket?: FilterChain['transportSocket'];
}

/** A filter chain; TLS on it has 15 seconds for its handshake. */
export function filterChain({ name = '', match, filters, origin, transportSocket }: ChainParts): FilterChain {
  return create(FilterChainSchema, {
    name,
    filters: [...filters],
    ...(match && { filterChainMatch: match }),
    ...(origin && { metadata: metadataOf(origin) }),
    ...(transportSocket && { transportSocket, transportSocketConnectTimeout: duration(15_000) }),
  });
}

export interface ListenerParts {
  readonly name: string;
  readonly host: string;
  /** More hosts with the same port. */
  readonly otherHosts?: readonly string[];
  readonly port: number;
  readonly direction: 'inbound' | 'outbound';
  readonly chains: readonly FilterChain[];
  /** The chain for connections that no other takes; the only one where there is no other. */
  readonly otherwise?: FilterChain | undefined;
  readonly listenerFilters: readonly ListenerFilter[];
  /** False for listeners that only take what a catching listener hands over. */
  readonly isBound: boolean;
  readonly settings: MeshSettings;
}

/** True of a chain that no connection is refused beside. */
function takesAnything({ filterChainMatch: match }: FilterChain): boolean {
  if (match === undefined) return true;
  const { destinationPort, transportProtocol, applicationProtocols, serverNames, prefixRanges, sourcePrefixRanges, sourcePorts } = match;
  return (
    destinationPort === undefined &&
    transportProtocol === '' &&
    [applicationProtocols, serverNames, prefixRanges, sourcePrefixRanges, sourcePorts].every((values) => values.length === 0)
  );
}

/** A listener. Where it sniffs, it waits for the mesh's detection timeout and then goes on with what it knows. */
export function listener(parts: ListenerParts): Listener {
  const { settings, chains, listenerFilters, otherwise } = parts;
  const isAlone = chains.length === 0;
  const side = parts.direction === 'inbound' ? 'server' : 'client';
  const takesAll = otherwise !== undefined || chains.some(takesAnything);
  const message = create(ListenerSchema, {
    name: parts.name,
    address: address(parts.host, parts.port),
    additionalAddresses: (parts.otherHosts ?? []).map((host) => ({ address: address(host, parts.port) })),
    filterChains: isAlone && otherwise ? [otherwise] : [...chains],
    listenerFilters: [...listenerFilters],
    listenerFiltersTimeout: duration(settings.protocolDetectionTimeoutMs),
    continueOnListenerFiltersTimeout: true,
    trafficDirection: parts.direction === 'inbound' ? TrafficDirection.INBOUND : TrafficDirection.OUTBOUND,
    accessLog: [...listenerAccessLogsOf(settings, side), ...(takesAll ? [] : listenerFlowLogsOf(settings, side))],
    ...(!isAlone && otherwise && { defaultFilterChain: otherwise }),
  });
  if (!parts.isBound) message.bindToPort = false;
  // what proxies do by themselves need not be said
  if (settings.traceMending !== 'IN_FLIGHT') tellMore(message, { traceMending: settings.traceMending });
  return message;
}
