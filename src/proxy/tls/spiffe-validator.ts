/**
 * envoy.tls.cert_validator.spiffe: the trust domain in a certificate's SPIFFE ID chooses the roots that it must lead to,
 * so that no domain can sign for another. Source: SPIFFE "X.509-SVID" sections 4 and 5, and Envoy's validator.
 */
import type { X509Certificate } from 'node:crypto';
import { isFieldSet } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { altNamesOf } from '../../net/peer-certificate.ts';
import { isForPeersOnly } from '../../wire/x509/certificate.ts';
import {
  type CertificateValidationContext,
  CertificateValidationContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { SPIFFECertValidatorConfigSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { certificatesOf, pathToRoot, presentedChain } from './chain.ts';
import { readDataSource } from './data-source.ts';

export interface SpiffeValidator {
  /** The roots of all domains, PEM. */
  readonly roots: string;
  readonly check: (leaf: X509Certificate, verifyError: string | undefined) => string | undefined;
}

const NAME = 'envoy.tls.cert_validator.spiffe';

/** Fields that the validator obeys; Envoy's ignores the others without a word. */
const OBEYED: ReadonlySet<string> = new Set([
  'custom_validator_config',
  'allow_expired_certificate',
  'match_typed_subject_alt_names',
  'match_subject_alt_names',
  'trust_chain_verification',
]);

function trustDomain(leaf: X509Certificate): string | undefined {
  const [uri] = altNamesOf(leaf).uris;
  return uri === undefined ? undefined : /^spiffe:\/\/([^/]+)/i.exec(uri)?.[1]?.toLowerCase();
}

function readBundles(context: CertificateValidationContext, path: string): Map<string, string> {
  const config = decodeTyped(context.customValidatorConfig?.typedConfig, SPIFFECertValidatorConfigSchema, `${path}.typed_config`);
  const bundles = new Map<string, string>();
  for (const [i, { name, trustBundle }] of config.trustDomains.entries()) {
    const at = `${path}.typed_config.trust_domains[${i}]`;
    if (name === '' || name.includes('/')) throw new ConfigError(`${at}.name`, `"${name}" is no trust domain`);
    if (bundles.has(name.toLowerCase())) throw new ConfigError(`${at}.name`, `"${name}" stands twice`);
    const pem = readDataSource(trustBundle, `${at}.trust_bundle`);
    if (certificatesOf(pem).length === 0) throw new ConfigError(`${at}.trust_bundle`, 'holds no certificate in PEM');
    bundles.set(name.toLowerCase(), pem);
  }
  if (bundles.size === 0) throw new ConfigError(`${path}.typed_config.trust_domains`, 'is empty');
  return bundles;
}

/** Reads `custom_validator_config`; undefined without one. `path` is the validation context's. Throws ConfigError. */
export function readSpiffeValidator(context: CertificateValidationContext, path: string): SpiffeValidator | undefined {
  const custom = context.customValidatorConfig;
  if (custom === undefined) return undefined;
  if (custom.name !== NAME)
    throw new ConfigError(`${path}.custom_validator_config.name`, `${custom.name} is not supported by Tulle; ${NAME} is`);
  for (const field of CertificateValidationContextSchema.fields) {
    if (!OBEYED.has(field.name) && isFieldSet(context, field))
      throw new ConfigError(`${path}.${field.name}`, 'has no effect beside custom_validator_config');
  }
  const bundles = readBundles(context, `${path}.custom_validator_config`);
  const anchors = new Map([...bundles].map(([name, pem]) => [name, certificatesOf(pem)]));
  return {
    roots: [...bundles.values()].join('\n'),
    check(leaf, verifyError) {
      const domain = trustDomain(leaf);
      if (leaf.ca || domain === undefined || !isForPeersOnly(leaf.raw)) return 'the certificate is no X.509-SVID';
      const own = anchors.get(domain);
      if (own === undefined) return `no trust bundle for ${domain}`;
      const isTime = verifyError === 'CERT_HAS_EXPIRED' || verifyError === 'CERT_NOT_YET_VALID';
      if (verifyError !== undefined && !(isTime && context.allowExpiredCertificate)) return verifyError;
      return pathToRoot(presentedChain(leaf), own) === undefined ? `no chain to the trust bundle of ${domain}` : undefined;
    },
  };
}
