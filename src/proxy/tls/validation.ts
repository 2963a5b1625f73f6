/** CertificateValidationContext: what a peer's certificate has to be. Source: Envoy, "Securing Envoy" and its default validator. */
import { createHash, type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { toBinary } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { type AltNames, altNamesOf, fingerprintOf, publicKeyHashOf } from '../../net/peer-certificate.ts';
import { pemBlocks } from '../../wire/x509/pem.ts';
import {
  type CertificateValidationContext,
  CertificateValidationContextSchema,
  CertificateValidationContext_TrustChainVerification as TrustChain,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { SYSTEM_ROOT_FILES } from '../config/system-roots.ts';
import { certificatesOf, pathToRoot, presentedChain } from './chain.ts';
import { readDataSource } from './data-source.ts';
import { revocationListsOf, revocationOf } from './revocation.ts';
import { compileSanMatchers, type SanMatch } from './san-matcher.ts';
import { readSpiffeValidator } from './spiffe-validator.ts';

/** Why a chain will not do, in OpenSSL's words; undefined where it will. `verifyError` is OpenSSL's verdict. */
type ChainCheck = (leaf: X509Certificate, verifyError: string | undefined) => string | undefined;

/** What a peer's certificate has to be. */
export interface Validation {
  /** PEM; undefined: chains are not checked at all. */
  readonly roots: string | undefined;
  /** Revocation lists for OpenSSL, PEM. */
  readonly crls: readonly string[];
  /** True: a peer that shows no certificate is refused. */
  readonly requiresCertificate: boolean;
  /** True: whatever is wrong with a certificate is told (`PeerTls`), not refused. */
  readonly acceptsUntrusted: boolean;
  readonly names: SanMatch | undefined;
  /** Lower-case hex SHA-256 of certificates, one of which it must be; empty for any. */
  readonly fingerprints: ReadonlySet<string>;
  /** Base64 SHA-256 of public keys. */
  readonly publicKeys: ReadonlySet<string>;
  /** Undefined: OpenSSL's verdict is all. */
  readonly checkChain: ChainCheck | undefined;
  /** The same for validations that ask the same: sessions are resumed only where it is equal. */
  readonly identity: string;
}

/** Why a certificate is refused: Envoy's statistic and a text for logs. */
export interface Refusal {
  readonly stat: 'fail_verify_no_cert' | 'fail_verify_error' | 'fail_verify_san' | 'fail_verify_cert_hash';
  readonly reason: string;
}

/** The system's roots, or those that Node brings where the system has none. */
function systemRoots(): string {
  for (const file of SYSTEM_ROOT_FILES) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      continue;
    }
  }
  return rootCertificates.join('\n');
}

function readRoots(context: CertificateValidationContext, path: string): string | undefined {
  if (context.trustedCa === undefined) return context.systemRootCerts === undefined ? undefined : systemRoots();
  const pem = readDataSource(context.trustedCa, `${path}.trusted_ca`);
  if (certificatesOf(pem).length === 0) throw new ConfigError(`${path}.trusted_ca`, 'holds no certificate in PEM');
  return pem;
}

/** The revocation lists: those of `crl`, and those that stand among the roots. */
function readCrls(context: CertificateValidationContext, roots: string | undefined, path: string): string {
  const own = context.crl === undefined ? '' : readDataSource(context.crl, `${path}.crl`);
  if (context.crl !== undefined && !pemBlocks(own).some(({ label }) => label === 'X509 CRL'))
    throw new ConfigError(`${path}.crl`, 'holds no certificate revocation list in PEM');
  const text = [own, roots ?? ''].flatMap((pem) => pemBlocks(pem).filter(({ label }) => label === 'X509 CRL')).map((block) => block.text);
  const lists = revocationListsOf(text.join('\n'));
  if (typeof lists === 'string') throw new ConfigError(`${path}.crl`, lists);
  return text.join('\n');
}

const TIME_ERRORS: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** What is left of the verdict where times do not count: OpenSSL tells only the last thing that is wrong. */
function verdictBesideTime(isPath: boolean, allowsExpired: boolean, verifyError: string | undefined): string | undefined {
  if (verifyError === undefined || !allowsExpired || !TIME_ERRORS.has(verifyError)) return verifyError;
  return isPath ? undefined : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
}

/** A check of the chain besides OpenSSL's; undefined where nothing asks for one. */
function compileChainCheck(
  context: CertificateValidationContext,
  roots: string | undefined,
  crls: string,
  needsPath: boolean,
): ChainCheck | undefined {
  const { allowExpiredCertificate: allowsExpired, maxVerifyDepth, onlyVerifyLeafCertCrl: onlyLeaf } = context;
  const ownLists = crls !== '' && (onlyLeaf || allowsExpired);
  if (roots === undefined || !(allowsExpired || needsPath || ownLists || maxVerifyDepth !== undefined)) return undefined;
  const anchors = certificatesOf(roots);
  const read = revocationListsOf(ownLists ? crls : '');
  const lists = typeof read === 'string' ? [] : read;
  return (leaf, verifyError) => {
    const path = pathToRoot(presentedChain(leaf), anchors);
    const verdict = verdictBesideTime(path !== undefined, allowsExpired, verifyError);
    if (verdict !== undefined) return verdict;
    if (path === undefined) return 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
    // the leaf does not count
    if (maxVerifyDepth !== undefined && path.length - 1 > maxVerifyDepth) return 'CERT_CHAIN_TOO_LONG';
    if (!ownLists) return undefined;
    for (const [i, certificate] of path.slice(0, onlyLeaf ? 1 : undefined).entries()) {
      const revocation = revocationOf(certificate, path[i + 1] ?? certificate, lists, Date.now());
      if (revocation !== undefined) return revocation;
    }
    return undefined;
  };
}

function readFingerprints(hashes: readonly string[], path: string): ReadonlySet<string> {
  const plain = hashes.map((hash) => hash.replaceAll(':', '').toLowerCase());
  const wrong = plain.findIndex((hash) => !/^[0-9a-f]{64}$/.test(hash));
  if (wrong !== -1) throw new ConfigError(`${path}.verify_certificate_hash[${wrong}]`, 'is no SHA-256 in hex');
  return new Set(plain);
}

function readPublicKeys(hashes: readonly string[], path: string): ReadonlySet<string> {
  const wrong = hashes.findIndex((hash) => !/^[A-Za-z0-9+/]{43}=$/.test(hash));
  if (wrong !== -1) throw new ConfigError(`${path}.verify_certificate_spki[${wrong}]`, 'is no SHA-256 in base64');
  return new Set(hashes);
}

/**
 * Reads a validation context. `needsPath`: OpenSSL's verdict alone cannot be relied on, as its store has more than the
 * roots. Throws ConfigError.
 */
export function readValidation(context: CertificateValidationContext, path: string, needsPath = false): Validation {
  const names = compileSanMatchers(context, path);
  const spiffe = readSpiffeValidator(context, path);
  const roots = spiffe?.roots ?? readRoots(context, path);
  if (names !== undefined && roots === undefined)
    throw new ConfigError(path, 'subject alternative names are asked for without a trusted_ca: anybody could claim them');
  const acceptsUntrusted = context.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED;
  const fingerprints = readFingerprints(context.verifyCertificateHash, path);
  const publicKeys = readPublicKeys(context.verifyCertificateSpki, path);
  const crls = readCrls(context, roots, path);
  const checkChain = spiffe?.check ?? compileChainCheck(context, roots, crls, needsPath);
  // the lists are OpenSSL's to check, unless it would check more, or tell less, than it should
  const givesLists = crls !== '' && !context.onlyVerifyLeafCertCrl && !context.allowExpiredCertificate;
  const asksMore = names !== undefined || spiffe !== undefined || fingerprints.size > 0 || publicKeys.size > 0;
  return {
    roots,
    crls: givesLists ? [crls] : [],
    requiresCertificate: asksMore && !acceptsUntrusted,
    acceptsUntrusted,
    names,
    fingerprints,
    publicKeys,
    checkChain,
    identity: createHash('sha256').update(toBinary(CertificateValidationContextSchema, context)).update(`${roots}${crls}`).digest('hex'),
  };
}

function isPinned(validation: Validation, certificate: X509Certificate): boolean {
  const { fingerprints, publicKeys } = validation;
  if (fingerprints.size === 0 && publicKeys.size === 0) return true;
  return fingerprints.has(fingerprintOf(certificate)) || publicKeys.has(publicKeyHashOf(certificate));
}

/** All names of a certificate in one line, for logs. */
export function namesLine(names: AltNames): string {
  return [...names.uris, ...names.dns, ...names.ips, ...names.emails].join(' ') || 'no names';
}

/** What is wrong with a certificate, whether it is refused for that or not. */
function fault(
  validation: Validation,
  certificate: X509Certificate,
  verifyError: string | undefined,
  names: AltNames,
): Refusal | undefined {
  if (validation.roots !== undefined) {
    const verdict = validation.checkChain === undefined ? verifyError : validation.checkChain(certificate, verifyError);
    if (verdict !== undefined) return { stat: 'fail_verify_error', reason: verdict };
  }
  if (validation.names?.(names) === false)
    return { stat: 'fail_verify_san', reason: `SAN matcher: the peer's certificate has ${namesLine(names)}` };
  if (!isPinned(validation, certificate))
    return { stat: 'fail_verify_cert_hash', reason: "the peer's certificate is not among the pinned ones" };
  return undefined;
}

/** What is found of a peer's certificate. */
export interface Verdict {
  /** It was checked against something, and nothing is wrong with it. */
  readonly isValid: boolean;
  /** What is wrong with it; counted also where it is accepted nevertheless. */
  readonly fault: Refusal | undefined;
  /** The connection is to be refused. */
  readonly isRefused: boolean;
}

/** Judges a peer's certificate after the handshake. `verifyError` is OpenSSL's verdict on the chain, undefined where it holds. */
export function judge(
  validation: Validation,
  certificate: X509Certificate,
  verifyError: string | undefined,
  names: AltNames = altNamesOf(certificate),
): Verdict {
  const found = fault(validation, certificate, verifyError, names);
  const isChecked = validation.roots !== undefined || validation.fingerprints.size > 0 || validation.publicKeys.size > 0;
  return { isValid: isChecked && found === undefined, fault: found, isRefused: found !== undefined && !validation.acceptsUntrusted };
}
