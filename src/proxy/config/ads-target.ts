/** Where servers of xDS are, from the bootstrap: the static cluster that `ads_config`, or another source, names, and how to call it. */
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { GrpcOptions, GrpcTarget, GrpcTls } from '../../net/grpc-client.ts';
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { type ApiConfigSource, ApiConfigSource_ApiType as ApiType } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { readTrimmed } from '../read-trimmed.ts';
import { readDataSource } from '../tls/data-source.ts';
import { decodeTyped, typeNameOf } from './typed-config.ts';

export interface AdsSettings {
  readonly isDelta: boolean;
  readonly target: GrpcTarget;
  readonly options: GrpcOptions;
  /** Name of the cluster, for messages. */
  readonly clusterName: string;
}

const ADS_PATH = 'dynamic_resources.ads_config';

const isGrpc = (type: ApiType): boolean => type === ApiType.GRPC || type === ApiType.DELTA_GRPC;

function targetOf(address: Address | undefined, tls: GrpcTls | undefined, path: string): GrpcTarget {
  const specifier = address?.address;
  if (specifier?.case === 'pipe') return { path: specifier.value.path };
  if (specifier?.case !== 'socketAddress' || specifier.value.portSpecifier.case !== 'portValue') {
    throw new ConfigError(path, 'says no pipe, and no socket_address with a port_value');
  }
  const { address: host, portSpecifier } = specifier.value;
  return { host, port: portSpecifier.value, ...(tls && { tls }) };
}

/** The client's side of TLS to the server. Its certificates are read once for each connection's settings. */
function tlsOf(cluster: Cluster, path: string): GrpcTls | undefined {
  const socket = cluster.transportSocket;
  if (socket?.configType.case !== 'typedConfig') return undefined;
  const at = `${path}.transport_socket.typed_config`;
  if (typeNameOf(socket.configType.value).endsWith('.RawBuffer')) return undefined;
  const context = decodeTyped(socket.configType.value, UpstreamTlsContextSchema, at);
  const common = context.commonTlsContext;
  const validation = common?.validationContextType;
  if (validation?.case !== 'validationContext')
    throw new ConfigError(`${at}.common_tls_context`, 'a validation_context with a trusted_ca is needed for ADS');
  const [pair] = common?.tlsCertificates ?? [];
  return {
    ca: readDataSource(validation.value.trustedCa, `${at}.common_tls_context.validation_context.trusted_ca`),
    ...(context.sni !== '' && { serverName: context.sni }),
    ...(pair && {
      certificate: readDataSource(pair.certificateChain, `${at}.common_tls_context.tls_certificates[0].certificate_chain`),
      privateKey: readDataSource(pair.privateKey, `${at}.common_tls_context.tls_certificates[0].private_key`),
    }),
  };
}

/** A bearer token from `initial_metadata`; nothing else can be sent there. */
function metadataToken(source: ApiConfigSource, path: string): string | undefined {
  let token: string | undefined;
  source.grpcServices[0]?.initialMetadata.forEach(({ key, value }, i) => {
    const bearer = /^Bearer (.+)$/i.exec(value)?.[1];
    if (key.toLowerCase() !== 'authorization' || bearer === undefined) {
      throw new ConfigError(
        `${path}.grpc_services[0].initial_metadata[${i}]`,
        'only an authorization with a bearer token is supported by Tulle',
      );
    }
    token = bearer;
  });
  return token;
}

function clusterOf(bootstrap: Bootstrap, name: string, sourcePath: string): { cluster: Cluster; path: string } {
  const clusters = bootstrap.staticResources?.clusters ?? [];
  const index = clusters.findIndex((candidate) => candidate.name === name);
  const cluster = clusters[index];
  if (cluster === undefined)
    throw new ConfigError(`${sourcePath}.grpc_services[0].envoy_grpc.cluster_name`, `there is no static cluster "${name}"`);
  return { cluster, path: `static_resources.clusters[${index}]` };
}

/** How to reach ADS, or undefined where the bootstrap names none. `tokenFile` is the identity's, sent to ADS too. */
export function readAdsSettings(bootstrap: Bootstrap, tokenFile: string | undefined): AdsSettings | undefined {
  const source = bootstrap.dynamicResources?.adsConfig;
  return source && readApiSource(source, ADS_PATH, bootstrap, tokenFile);
}

/** How to reach the server of a source at `sourcePath`, by a static cluster. Throws ConfigError. */
export function readApiSource(source: ApiConfigSource, sourcePath: string, bootstrap: Bootstrap, tokenFile?: string): AdsSettings {
  if (!isGrpc(source.apiType)) throw new ConfigError(`${sourcePath}.api_type`, 'is neither GRPC nor DELTA_GRPC');
  const [service] = source.grpcServices;
  const specifier = service?.targetSpecifier;
  if (specifier?.case !== 'envoyGrpc') throw new ConfigError(`${sourcePath}.grpc_services`, 'an envoy_grpc service is needed');
  const { cluster, path } = clusterOf(bootstrap, specifier.value.clusterName, sourcePath);
  const endpoint = cluster.loadAssignment?.endpoints[0]?.lbEndpoints[0]?.hostIdentifier;
  if (endpoint?.case !== 'endpoint') throw new ConfigError(`${path}.load_assignment`, 'an endpoint is needed');
  const fixed = metadataToken(source, sourcePath);
  try {
    return {
      isDelta: source.apiType === ApiType.DELTA_GRPC,
      target: targetOf(
        endpoint.value.address,
        tlsOf(cluster, path),
        `${path}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address`,
      ),
      options: { token: () => (tokenFile === undefined ? fixed : (readTrimmed(tokenFile) ?? fixed)) },
      clusterName: cluster.name,
    };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(path, messageOf(error), { cause: error });
  }
}
