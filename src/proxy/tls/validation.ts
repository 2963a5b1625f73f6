import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { X509Certificate } from 'node:crypto';
import { ConfigError } from '../../core/errors.ts';
import { type AltNames, altNamesOf, fingerprintOf, publicKeyHashOf } from '../../net/peer-certificate.ts';
import {
  type CertificateValidationContext,
  CertificateValidationContext_TrustChainVerification as TrustChain,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { TrustBundle, Watched } from '../config/secret-store.ts';
import { readDataSource } from './data-source.ts';
import { compileSanMatchers, type SanMatch } from './san-matcher.ts';

/** What a peer's certificate has to be. */
export interface Validation {
  /** Roots; undefined: chains are not checked at all. */
  readonly trust: Watched<TrustBundle> | undefined;
  /** True: a chain that leads nowhere is told apart (`PeerTls`), not refused. */
  readonly acceptsUntrusted: boolean;
  readonly names: SanMatch | undefined;
  /** Lower-case hex SHA-256 of certificates, one of which it must be; empty for any. */
  readonly fingerprints: ReadonlySet<string>;
  /** Base64 SHA-256 of public keys. */
  readonly publicKeys: ReadonlySet<string>;
}

/** Why a certificate is refused: Envoy's statistic and a text for logs. */
export interface Refusal {
  readonly stat: 'fail_verify_no_cert' | 'fail_verify_error' | 'fail_verify_san' | 'fail_verify_cert_hash';
  readonly reason: string;
}

/** Where Debian, Alpine, Red Hat and others keep the system's roots. */
const SYSTEM_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** The system's roots, or those that Node brings where the system has none. */
function systemRoots(): string {
  for (const file of SYSTEM_BUNDLES) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      continue;
    }
  }
  return rootCertificates.join('\n');
}

/** A value that never changes. */
export function constant<Value>(value: Value): Watched<Value> {
  return { current: () => value, watch: () => () => {} };
}

function readTrust(context: CertificateValidationContext, path: string): Watched<TrustBundle> | undefined {
  if (context.trustedCa !== undefined) return constant({ roots: readDataSource(context.trustedCa, `${path}.trusted_ca`) });
  return context.systemRootCerts === undefined ? undefined : constant({ roots: systemRoots() });
}

/** Reads a validation context. `sds` are the roots that come by name and take the place of `trusted_ca`. */
export function readValidation(context: CertificateValidationContext, path: string, sds: Watched<TrustBundle> | undefined): Validation {
  const names = compileSanMatchers(context, path);
  const trust = sds ?? readTrust(context, path);
  const acceptsUntrusted = context.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED;
  if (names !== undefined && trust === undefined) {
    throw new ConfigError(path, 'subject alternative names are asked for without a trusted_ca: anybody could claim them');
  }
  return {
    trust,
    acceptsUntrusted,
    names,
    fingerprints: new Set(context.verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase())),
    publicKeys: new Set(context.verifyCertificateSpki),
  };
}

function isPinned(validation: Validation, certificate: X509Certificate): boolean {
  const { fingerprints, publicKeys } = validation;
  if (fingerprints.size === 0 && publicKeys.size === 0) return true;
  return fingerprints.has(fingerprintOf(certificate)) || publicKeys.has(publicKeyHashOf(certificate));
}

/**
 * Judges a peer's certificate after the handshake. `verifyError` is OpenSSL's verdict on the chain, undefined where
 * it holds. Returns undefined for a certificate that will do.
 */
export function judge(
  validation: Validation,
  certificate: X509Certificate,
  verifyError: string | undefined,
  names: AltNames = altNamesOf(certificate),
): Refusal | undefined {
  const checksChain = validation.trust?.current()?.roots !== undefined && !validation.acceptsUntrusted;
  if (checksChain && verifyError !== undefined) return { stat: 'fail_verify_error', reason: verifyError };
  if (validation.names?.(names) === false) {
    const found = [...names.uris, ...names.dns, ...names.ips].join(' ') || 'no names';
    return { stat: 'fail_verify_san', reason: `SAN matcher: the peer's certificate has ${found}` };
  }
  if (!isPinned(validation, certificate))
    return { stat: 'fail_verify_cert_hash', reason: "the peer's certificate is not among the pinned ones" };
  return undefined;
}
