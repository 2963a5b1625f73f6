/** What a peer's certificate says of it, read once per connection. */
import { createHash, type X509Certificate } from 'node:crypto';
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type OtherName, otherNamesOf } from '../wire/x509/certificate.ts';

/** Subject alternative names by type (RFC 5280 section 4.2.1.6). */
export interface AltNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly ips: readonly string[];
  readonly emails: readonly string[];
  readonly otherNames: readonly OtherName[];
}

const NO_NAMES: AltNames = { uris: [], dns: [], ips: [], emails: [], otherNames: [] };

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

/** An address as everybody writes it: OpenSSL gives all of an IPv6 address's zeros. */
function plainAddress(text: string): string {
  return text.includes(':') ? new net.SocketAddress({ address: text, family: 'ipv6' }).address : text;
}

/** Reads the text that `X509Certificate.subjectAltName` gives; names of type otherName are not in it. */
export function parseAltNames(text: string | undefined): AltNames {
  if (text === undefined || text === '') return NO_NAMES;
  const found = { uris: [] as string[], dns: [] as string[], ips: [] as string[], emails: [] as string[], otherNames: [] };
  for (const part of splitNames(text)) {
    const prefix = PREFIXES.find(([start]) => part.startsWith(start));
    if (prefix !== undefined) found[prefix[1]].push(unquote(part.slice(prefix[0].length)));
  }
  return { ...found, ips: found.ips.map(plainAddress) };
}

/** The names of a certificate; none without one. */
export function altNamesOf(certificate: X509Certificate | undefined): AltNames {
  const text = certificate?.subjectAltName;
  const names = parseAltNames(text);
  return certificate !== undefined && text?.includes('othername:') === true
    ? { ...names, otherNames: otherNamesOf(certificate.raw) }
    : names;
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

/** A name of Node's, a line a part, in one line with the most specific part first, as Envoy logs it (RFC 2253). */
function nameLine(name: string | undefined): string {
  return (name ?? '').split('\n').filter(Boolean).toReversed().join(',');
}

/** A certificate's subject in one line. */
export function subjectOf(certificate: X509Certificate): string {
  // Node leaves it undefined where the subject is empty, as in SPIFFE certificates
  return nameLine(certificate.subject);
}

/** A certificate's issuer in one line. */
export function issuerOf(certificate: X509Certificate): string {
  return nameLine(certificate.issuer);
}

/** A certificate's serial number as Envoy writes it: lower-case hex. */
export function serialOf(certificate: X509Certificate): string {
  return certificate.serialNumber.toLowerCase();
}

/** A certificate's serial number as lists and responses about revocation are read here: hex without leading zeros. */
export function revocationSerialOf(certificate: X509Certificate): string {
  return serialOf(certificate).replace(/^0+(?=.)/, '');
}

/** The peer's certificate as it was sent, also where nobody has verified it. */
export function peerCertificate(socket: TLSSocket): X509Certificate | undefined {
  return socket.getPeerX509Certificate();
}
