/** How a proxy connects to an endpoint: which transport socket, and what a server sees of it. */
import { decodeTyped, typeNameOf } from '../../proxy/config/typed-config.ts';
import type { Host, Transport } from '../../proxy/cluster/cluster.ts';
import { chooseTransport } from '../../proxy/cluster/transport-match.ts';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ProxyProtocolConfig_Version } from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { InternalUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import type { CertificateValidationContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { validationOf } from './arrival.ts';

export type UpstreamWay = {
  /** The version of the PROXY protocol's header that goes before everything else. */
  readonly proxyProtocol?: 'V1' | 'V2';
} & (
  | { readonly kind: 'plaintext'; readonly name: string }
  | { readonly kind: 'tunnel'; readonly name: string }
  | {
      readonly kind: 'tls';
      readonly name: string;
      readonly sni: string;
      readonly alpn: readonly string[];
      /** The workload's certificate is shown. */
      readonly showsIdentity: boolean;
      readonly validation: CertificateValidationContext | undefined;
    }
);

/** The SDS name of a workload's own certificate. */
const OWN_CERTIFICATE = 'default';

function wayOf(socket: TransportSocket | undefined, name: string): UpstreamWay {
  const any = socket?.configType.value;
  const type = any === undefined ? '' : typeNameOf(any);
  if (any !== undefined && type === ProxyProtocolUpstreamTransportSchema.typeName) {
    const { config, transportSocket } = decodeTyped(any, ProxyProtocolUpstreamTransportSchema, name);
    return { ...wayOf(transportSocket, name), proxyProtocol: config?.version === ProxyProtocolConfig_Version.V2 ? 'V2' : 'V1' };
  }
  if (type === InternalUpstreamTransportSchema.typeName) return { kind: 'tunnel', name };
  if (any === undefined || type !== UpstreamTlsContextSchema.typeName) return { kind: 'plaintext', name };
  const { sni, commonTlsContext: common } = decodeTyped(any, UpstreamTlsContextSchema, name);
  const showsIdentity = common?.tlsCertificateSdsSecretConfigs.some((secret) => secret.name === OWN_CERTIFICATE) ?? false;
  return { kind: 'tls', name, sni, alpn: common?.alpnProtocols ?? [], showsIdentity, validation: validationOf(common) };
}

/** Stands for a transport socket in the proxy's own choice among them. */
function standIn(): Transport {
  return { isTls: false, connect() {} };
}

/** The way that the cluster's transport socket matches choose for an endpoint. */
export function wayTo(cluster: Cluster, host: Pick<Host, 'metadata'>): UpstreamWay {
  const fallback = standIn();
  const matches = cluster.transportSocketMatches.map(({ name, match, transportSocket }) => ({
    name,
    match: match ?? {},
    transport: standIn(),
    way: wayOf(transportSocket, name),
  }));
  const chosen = chooseTransport(matches, host.metadata, fallback);
  return matches.find(({ transport }) => transport === chosen)?.way ?? wayOf(cluster.transportSocket, cluster.transportSocket?.name ?? '');
}
