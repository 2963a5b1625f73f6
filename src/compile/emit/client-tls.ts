/** TLS that a DestinationRule asks for by hand: SIMPLE and MUTUAL, to servers outside the mesh's own mTLS. */
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { TlsDefaults } from '../../model/mesh.ts';
import type { ClientTls } from '../../model/traffic-policy.ts';
import { DataSourceSchema, type TransportSocket, TransportSocketSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  CertificateValidationContext_TrustChainVerification,
  CertificateValidationContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { extension } from './any.ts';
import { peerNames, sdsSecret, TLS_SOCKET } from './mesh-tls.ts';

/** Where Debian and most images keep the system's roots: what SIMPLE checks against when no CA is named. */
const SYSTEM_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

/** SDS name of the CA that belongs to the credential `name`. */
export function caSecretName(name: string): string {
  return `${name}-cacert`;
}

function validationOf(tls: ClientTls, subjectAltNames: readonly string[]) {
  const context = create(CertificateValidationContextSchema, { matchTypedSubjectAltNames: peerNames(subjectAltNames) });
  if (tls.caCrl !== '' && !tls.insecureSkipVerify)
    context.crl = create(DataSourceSchema, { specifier: { case: 'filename', value: tls.caCrl } });
  if (tls.insecureSkipVerify) context.trustChainVerification = CertificateValidationContext_TrustChainVerification.ACCEPT_UNTRUSTED;
  return context;
}

/** A credential from SDS, or files on the proxy's machine. */
function certificatesOf(
  tls: ClientTls,
): Partial<Pick<CommonTlsContext, 'tlsCertificateSdsSecretConfigs'>> & { tlsCertificates?: object[] } {
  if (tls.mode !== 'MUTUAL') return {};
  if (tls.credentialName !== '') return { tlsCertificateSdsSecretConfigs: [sdsSecret(tls.credentialName)] };
  if (tls.clientCertificate === '' || tls.privateKey === '') {
    throw new ConfigError('tls.clientCertificate', 'mode MUTUAL needs credentialName, or clientCertificate and privateKey');
  }
  return {
    tlsCertificates: [
      {
        certificateChain: { specifier: { case: 'filename', value: tls.clientCertificate } },
        privateKey: { specifier: { case: 'filename', value: tls.privateKey } },
      },
    ],
  };
}

/** Ciphers and curves that the mesh asks for; nothing where it leaves them to proxies. */
function cipherParams({ cipherSuites, ecdhCurves }: TlsDefaults) {
  if (cipherSuites.length === 0 && ecdhCurves.length === 0) return {};
  return { tlsParams: { cipherSuites: [...cipherSuites], ecdhCurves: [...ecdhCurves] } };
}

/** The transport socket of SIMPLE and MUTUAL; `subjectAltNames` are the ServiceEntry's, which the rule's own beat. */
export function clientTlsSocket(
  tls: ClientTls,
  subjectAltNames: readonly string[],
  alpnProtocols: readonly string[],
  defaults: TlsDefaults,
): TransportSocket {
  const validation = validationOf(tls, tls.subjectAltNames.length > 0 ? tls.subjectAltNames : subjectAltNames);
  const isBySds = tls.credentialName !== '' && tls.caCertificates === '' && (tls.mode === 'MUTUAL' || !tls.insecureSkipVerify);
  if (!isBySds && !tls.insecureSkipVerify) {
    validation.trustedCa = {
      $typeName: 'envoy.config.core.v3.DataSource',
      specifier: { case: 'filename', value: tls.caCertificates || SYSTEM_ROOTS },
    };
  }
  const commonTlsContext = create(CommonTlsContextSchema, {
    ...certificatesOf(tls),
    ...cipherParams(defaults),
    alpnProtocols: [...alpnProtocols],
    validationContextType: isBySds
      ? {
          case: 'combinedValidationContext',
          value: { defaultValidationContext: validation, validationContextSdsSecretConfig: sdsSecret(caSecretName(tls.credentialName)) },
        }
      : { case: 'validationContext', value: validation },
  });
  return create(TransportSocketSchema, extension(TLS_SOCKET, UpstreamTlsContextSchema, { commonTlsContext, sni: tls.sni }));
}
