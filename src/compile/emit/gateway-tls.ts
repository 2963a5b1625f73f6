/** TLS that ends at a gateway. */
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import type { ServerTls } from '../../model/gateway.ts';
import type { Provenance } from '../../model/provenance.ts';
import {
  type DataSource,
  DataSourceSchema,
  type TransportSocket,
  TransportSocketSchema,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  CertificateValidationContext_TrustChainVerification,
  CertificateValidationContextSchema,
  TlsParameters_TlsProtocol,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { extension } from './any.ts';
import { caSecretName } from './client-tls.ts';
import { meshDownstreamSocket, minimumVersion, peerNames, sdsSecret, TLS_SOCKET } from './mesh-tls.ts';

const VERSIONS: Readonly<Record<string, TlsParameters_TlsProtocol>> = {
  TLS_AUTO: TlsParameters_TlsProtocol.TLS_AUTO,
  TLSV1_0: TlsParameters_TlsProtocol.TLSv1_0,
  TLSV1_1: TlsParameters_TlsProtocol.TLSv1_1,
  TLSV1_2: TlsParameters_TlsProtocol.TLSv1_2,
  TLSV1_3: TlsParameters_TlsProtocol.TLSv1_3,
};

function versionOf(text: string | undefined, otherwise: TlsParameters_TlsProtocol, path: string): TlsParameters_TlsProtocol {
  if (text === undefined) return otherwise;
  const version = VERSIONS[text];
  if (version === undefined) throw new ConfigError(path, `${JSON.stringify(text)} is not one of ${Object.keys(VERSIONS).join(', ')}`);
  return version;
}

function certificateOf(
  { credentialNames, certificates, mode }: ServerTls,
  path: string,
): Pick<CommonTlsContext, 'tlsCertificateSdsSecretConfigs'> | { tlsCertificates: object[] } {
  if (credentialNames.length > 0) return { tlsCertificateSdsSecretConfigs: credentialNames.map(sdsSecret) };
  if (certificates.length === 0)
    throw new ConfigError(`${path}.tls`, `mode ${mode} needs credentialName, or serverCertificate and privateKey`);
  return {
    tlsCertificates: certificates.map(({ certificate, privateKey }) => ({
      certificateChain: file(certificate),
      privateKey: file(privateKey),
    })),
  };
}

function file(name: string): DataSource {
  return create(DataSourceSchema, { specifier: { case: 'filename', value: name } });
}

/** Whose certificates clients may have; only where they are asked for one. */
function validationOf(tls: ServerTls): CommonTlsContext['validationContextType'] {
  if (tls.mode !== 'MUTUAL' && tls.mode !== 'OPTIONAL_MUTUAL') return { case: undefined };
  const context = create(CertificateValidationContextSchema, { matchTypedSubjectAltNames: peerNames(tls.subjectAltNames) });
  context.verifyCertificateSpki = [...tls.verifyCertificateSpki];
  context.verifyCertificateHash = [...tls.verifyCertificateHash];
  if (tls.caCrl !== '') context.crl = file(tls.caCrl);
  if (tls.insecureSkipVerify) context.trustChainVerification = CertificateValidationContext_TrustChainVerification.ACCEPT_UNTRUSTED;
  const [first] = tls.credentialNames;
  const secret = tls.caCredentialName || (first === undefined ? '' : caSecretName(first));
  if (secret === '' || tls.insecureSkipVerify) {
    if (tls.caCertificates !== '') context.trustedCa = file(tls.caCertificates);
    return { case: 'validationContext', value: context };
  }
  return {
    case: 'combinedValidationContext',
    value: {
      $typeName: 'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext',
      defaultValidationContext: context,
      validationContextSdsSecretConfig: sdsSecret(secret),
    },
  };
}

/** The transport socket of a server that ends TLS; undefined for modes that pass it through. */
export function gatewayTlsSocket(
  tls: ServerTls,
  speaksHttp: boolean,
  settings: MeshSettings,
  origin: Provenance,
): TransportSocket | undefined {
  const alpnProtocols = speaksHttp ? ['h2', 'http/1.1'] : [];
  if (tls.mode === 'PASSTHROUGH') return undefined;
  if (tls.mode === 'ISTIO_MUTUAL') {
    const alpn = speaksHttp ? alpnProtocols : ['istio-peer-exchange'];
    return meshDownstreamSocket(alpn, settings, peerNames(tls.subjectAltNames));
  }
  const { tlsDefaults: defaults } = settings;
  const commonTlsContext = create(CommonTlsContextSchema, {
    tlsParams: {
      tlsMinimumProtocolVersion: versionOf(tls.minProtocolVersion, minimumVersion(defaults), `${origin.field}.tls.minProtocolVersion`),
      tlsMaximumProtocolVersion: versionOf(
        tls.maxProtocolVersion,
        TlsParameters_TlsProtocol.TLS_AUTO,
        `${origin.field}.tls.maxProtocolVersion`,
      ),
      cipherSuites: [...(tls.cipherSuites.length > 0 ? tls.cipherSuites : defaults.cipherSuites)],
      ecdhCurves: [...defaults.ecdhCurves],
    },
    ...certificateOf(tls, origin.field),
    validationContextType: validationOf(tls),
    alpnProtocols,
  });
  const requireClientCertificate = tls.mode === 'MUTUAL';
  return create(TransportSocketSchema, extension(TLS_SOCKET, DownstreamTlsContextSchema, { commonTlsContext, requireClientCertificate }));
}
