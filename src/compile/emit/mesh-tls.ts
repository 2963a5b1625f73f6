/** TLS of the mesh itself: workload certificates from SDS names `default` and `ROOTCA`, peers checked by SPIFFE URI. */
import { create } from '@bufbuild/protobuf';
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { TransportSocketSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
  TlsParameters_TlsProtocol,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { SdsSecretConfigSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { MeshSettings, TlsDefaults } from '../../model/mesh.ts';
import { extension, overAds } from './any.ts';
import { memoised } from './memo.ts';
import { trustDomainsOf } from './trust-domains.ts';

export const TLS_SOCKET = 'envoy.transport_sockets.tls';

/** A secret named `name`, asked for on the aggregated stream. */
export function sdsSecret(name: string) {
  return create(SdsSecretConfigSchema, { name, sdsConfig: overAds() });
}

function san(sanType: SubjectAltNameMatcher_SanType, kind: 'exact' | 'prefix', value: string): SubjectAltNameMatcher {
  return create(SubjectAltNameMatcherSchema, { sanType, matcher: { matchPattern: { case: kind, value } } });
}

/** A URI subject alternative name, whole or by prefix. */
function uriSan(kind: 'exact' | 'prefix', value: string): SubjectAltNameMatcher {
  return san(SubjectAltNameMatcher_SanType.URI, kind, value);
}

/** Names of which a peer's certificate must have one, be it as DNS name or as URI. */
export function peerNames(names: readonly string[]): SubjectAltNameMatcher[] {
  return names.flatMap((name) => [san(SubjectAltNameMatcher_SanType.DNS, 'exact', name), uriSan('exact', name)]);
}

/** The lowest version of TLS that MeshConfig allows; 1.2 where it leaves it open. */
export function minimumVersion({ minVersion }: TlsDefaults): TlsParameters_TlsProtocol {
  return minVersion === 'TLSV1_3' ? TlsParameters_TlsProtocol.TLSv1_3 : TlsParameters_TlsProtocol.TLSv1_2;
}

/** Certificate, trust and ALPN that the mesh's mTLS has on either side. */
function meshTlsContext(alpnProtocols: readonly string[], peers: readonly SubjectAltNameMatcher[], tls: TlsDefaults): CommonTlsContext {
  return create(CommonTlsContextSchema, {
    tlsParams: {
      tlsMinimumProtocolVersion: minimumVersion(tls),
      tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
      cipherSuites: [...tls.cipherSuites],
      ecdhCurves: [...tls.ecdhCurves],
    },
    tlsCertificateSdsSecretConfigs: [sdsSecret('default')],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: { matchTypedSubjectAltNames: [...peers] },
        validationContextSdsSecretConfig: sdsSecret('ROOTCA'),
      },
    },
    alpnProtocols: [...alpnProtocols],
  });
}

/** Clients leave it to servers: what MeshConfig says of the mesh's TLS is for those. Source: istiod. */
const USUAL_TLS: TlsDefaults = { minVersion: 'TLS_AUTO', cipherSuites: [], ecdhCurves: [] };

/** The client's side: `identities` are the SPIFFE URIs that the server may have; empty accepts any of the mesh. */
export function meshUpstreamSocket(alpn: readonly string[], identities: readonly string[], sni: string): TransportSocket {
  const commonTlsContext = meshTlsContext(
    alpn,
    identities.map((uri) => uriSan('exact', uri)),
    USUAL_TLS,
  );
  return create(TransportSocketSchema, extension(TLS_SOCKET, UpstreamTlsContextSchema, { commonTlsContext, sni }));
}

/** The server's side: `peers`, or where none is named any client certificate of the trust domain or one of its aliases. */
export function meshDownstreamSocket(
  alpn: readonly string[],
  settings: MeshSettings,
  peers: readonly SubjectAltNameMatcher[] = [],
): TransportSocket {
  return peers.length === 0 ? usualDownstreamSocket(settings, alpn.join(',')) : downstreamSocket(settings, alpn, peers);
}

/** One message for all listeners: nobody changes it. */
const usualDownstreamSocket = memoised((settings: MeshSettings, alpn: string) => downstreamSocket(settings, alpn.split(','), []));

function downstreamSocket(settings: MeshSettings, alpn: readonly string[], peers: readonly SubjectAltNameMatcher[]): TransportSocket {
  const commonTlsContext = meshTlsContext(
    alpn,
    peers.length > 0 ? peers : trustDomainsOf(settings).map((domain) => uriSan('prefix', `spiffe://${domain}/`)),
    settings.meshTls,
  );
  return create(
    TransportSocketSchema,
    extension(TLS_SOCKET, DownstreamTlsContextSchema, { commonTlsContext, requireClientCertificate: true }),
  );
}
