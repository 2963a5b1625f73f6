/** TlsParameters: Envoy's (BoringSSL's) words for versions, ciphers, groups and signatures in OpenSSL's. */
import { ConfigError } from '../../core/errors.ts';
import { DEFAULT_GROUPS, DEFAULT_TLS_PARAMETERS, type TlsParameters, type TlsVersion } from '../../net/tls-context.ts';
import {
  type TlsParameters as TlsParametersProto,
  TlsParameters_CompliancePolicy as CompliancePolicy,
  TlsParameters_TlsProtocol as TlsProtocol,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';

const VERSIONS = new Map<number, TlsVersion>([
  [TlsProtocol.TLSv1_0, 'TLSv1'],
  [TlsProtocol.TLSv1_1, 'TLSv1.1'],
  [TlsProtocol.TLSv1_2, 'TLSv1.2'],
  [TlsProtocol.TLSv1_3, 'TLSv1.3'],
]);

/** Groups by BoringSSL's names that OpenSSL has too. */
const GROUPS: ReadonlySet<string> = new Set(['X25519', 'X25519MLKEM768', 'P-256', 'P-384', 'P-521']);

/** What `FIPS_202205` allows: https://commondatastorage.googleapis.com/chromium-boringssl-docs/ssl.h.html, ssl_compliance_policy_t. */
const FIPS: TlsParameters = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
  ].join(':'),
  groups: ['P-256', 'P-384'],
  signatureAlgorithms: [
    'rsa_pss_rsae_sha256',
    'rsa_pss_rsae_sha384',
    'rsa_pss_rsae_sha512',
    'rsa_pkcs1_sha256',
    'ecdsa_secp256r1_sha256',
    'rsa_pkcs1_sha384',
    'ecdsa_secp384r1_sha384',
    'rsa_pkcs1_sha512',
  ].join(':'),
};

/** BoringSSL's `[a|b]` groups of equal preference become plain lists; TLS 1.3 suites cannot be chosen there and stay ours. */
function cipherList(suites: readonly string[]): string {
  if (suites.length === 0) return '';
  const names = suites.flatMap((suite) => suite.split(/[[\]|:]/)).filter(Boolean);
  return ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', ...names].join(':');
}

function readGroups(names: readonly string[], path: string): readonly string[] {
  for (const [i, name] of names.entries())
    if (!GROUPS.has(name)) throw new ConfigError(`${path}.ecdh_curves[${i}]`, `${name} is not one of ${[...GROUPS].join(', ')}`);
  return names.length === 0 ? DEFAULT_GROUPS : names;
}

/** Reads the parameters; `path` is their own. Throws ConfigError. */
export function readParameters(params: TlsParametersProto | undefined, path: string): TlsParameters {
  if (params === undefined) return DEFAULT_TLS_PARAMETERS;
  for (const [i, policy] of params.compliancePolicies.entries()) {
    if (policy !== CompliancePolicy.FIPS_202205) throw new ConfigError(`${path}.compliance_policies[${i}]`, `${policy} is not FIPS_202205`);
  }
  // a policy is applied last, and takes the place of everything it speaks of
  if (params.compliancePolicies.length > 0) return FIPS;
  return {
    minVersion: VERSIONS.get(params.tlsMinimumProtocolVersion) ?? DEFAULT_TLS_PARAMETERS.minVersion,
    maxVersion: VERSIONS.get(params.tlsMaximumProtocolVersion) ?? DEFAULT_TLS_PARAMETERS.maxVersion,
    ciphers: cipherList(params.cipherSuites),
    groups: readGroups(params.ecdhCurves, path),
    signatureAlgorithms: params.signatureAlgorithms.join(':'),
  };
}
