/**
 * Finds the way from a certificate to a root by itself, for what OpenSSL's verdict, as Node gives it, does not tell: how
 * long the way is, which root it ends at, and whether it holds but for the time. It checks names, signatures and that
 * issuers are authorities (RFC 5280 section 6.1.3 and 6.1.4 k); times, and what a policy may say besides, are not looked at.
 */
import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '../../wire/x509/pem.ts';

/** Envoy's default of `max_verify_depth`. */
const DEPTH_MAX = 100;

/** The certificates of a PEM text; what cannot be read is left out. */
export function certificatesOf(pem: string): X509Certificate[] {
  return pemBlocks(pem)
    .filter(({ label }) => label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE')
    .flatMap(({ text }) => {
      try {
        return [new X509Certificate(text)];
      } catch {
        return [];
      }
    });
}

/** A peer's certificates as they came, its own first. */
export function presentedChain(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let each: X509Certificate | undefined = leaf; each !== undefined && chain.length < DEPTH_MAX; each = each.issuerCertificate) {
    if (chain.some(({ raw }) => raw.equals(each?.raw ?? raw.subarray(1)))) break;
    chain.push(each);
  }
  return chain;
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/**
 * The way from the first of `chain` over others of it to one of `roots`, which may be any certificate on it (Envoy accepts
 * partial chains); undefined where there is none.
 */
export function pathToRoot(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): readonly X509Certificate[] | undefined {
  const path: X509Certificate[] = [];
  for (let [at] = chain; at !== undefined && path.length <= DEPTH_MAX;) {
    const current: X509Certificate = at;
    path.push(current);
    if (roots.some(({ raw }) => raw.equals(current.raw))) return path;
    const root = roots.find((issuer) => hasIssued(issuer, current));
    if (root !== undefined) return [...path, root];
    at = chain.find((issuer) => !path.includes(issuer) && hasIssued(issuer, current));
  }
  return undefined;
}
