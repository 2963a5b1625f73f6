/** What a peer's certificate says of it, read once per connection. */
import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** Subject alternative names by type (RFC 5280 section 4.2.1.6). */
export interface AltNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly ips: readonly string[];
  readonly emails: readonly string[];
}

const NO_NAMES: AltNames = { uris: [], dns: [], ips: [], emails: [] };

/** OpenSSL's prefixes for the types of names. */
const PREFIXES = [
  ['URI:', 'uris'],
  ['DNS:', 'dns'],
  ['IP Address:', 'ips'],
  ['email:', 'emails'],
] as const;

/**
 * Cuts Node's text form at `, `. A name with a comma, quote or control character in it is written as a JSON string
 * by Node, so that no name can pretend to be two.
 */
function splitNames(text: string): string[] {
  return text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g)?.map((part) => part.trim()) ?? [];
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'string' ? parsed : '';
  } catch {
    return '';
  }
}

/** Reads the text that `X509Certificate.subjectAltName` gives. */
export function parseAltNames(text: string | undefined): AltNames {
  if (text === undefined || text === '') return NO_NAMES;
  const found = { uris: [] as string[], dns: [] as string[], ips: [] as string[], emails: [] as string[] };
  for (const part of splitNames(text)) {
    const prefix = PREFIXES.find(([start]) => part.startsWith(start));
    if (prefix !== undefined) found[prefix[1]].push(unquote(part.slice(prefix[0].length)));
  }
  return found;
}

/** Names of the certificate that a PEM file begins with; none where it cannot be read. */
export function altNamesOf(certificate: X509Certificate | undefined): AltNames {
  return parseAltNames(certificate?.subjectAltName);
}

/** Lower-case hex of the SHA-256 of a certificate's bytes. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** Base64 of the SHA-256 of a certificate's public key, as Envoy's `verify_certificate_spki` has it. */
export function publicKeyHashOf(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}

/** A subject in one line, most specific part first, as Envoy logs it (RFC 2253). */
export function subjectOf(certificate: X509Certificate): string {
  // Node leaves it undefined where the subject is empty, as in SPIFFE certificates
  const subject: string | undefined = certificate.subject;
  return (subject ?? '').split('\n').filter(Boolean).toReversed().join(',');
}

/** The peer's certificate as it was sent, also where nobody has verified it. */
export function peerCertificate(socket: TLSSocket): X509Certificate | undefined {
  return socket.getPeerX509Certificate();
}
