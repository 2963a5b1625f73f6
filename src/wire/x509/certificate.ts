/** What a certificate says that Node's X509Certificate does not tell: extensions, and the issuer's and own name as bytes. RFC 5280. */
import { BIT_STRING, derChildren, type DerNode, derNodes, hexOf, OCTET_STRING, oidOf } from './der.ts';

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const OTHER_NAME = 0xa0;
const EXPLICIT_0 = 0xa0;
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;
const CRL_SIGN = 0x02;

const SUBJECT_ALT_NAME = '2.5.29.17';
const KEY_USAGE = '2.5.29.15';
const TLS_FEATURE = '1.3.6.1.5.5.7.1.24';
/** `status_request` among TLS features (RFC 7633): the certificate wants a staple. */
const STATUS_REQUEST = '05';

/** The parts of a certificate's TBSCertificate from its serial number on. */
function partsOf(der: Uint8Array): readonly DerNode[] {
  const [tbs] = derChildren(derNodes(der)[0]);
  const parts = derChildren(tbs);
  return parts[0]?.tag === VERSION ? parts.slice(1) : parts;
}

/** The bytes in an extension of a certificate (DER); undefined where it has none of that identifier. */
export function extensionOf(der: Uint8Array, oid: string): Uint8Array | undefined {
  const list = partsOf(der).find(({ tag }) => tag === EXTENSIONS);
  const extensions = derChildren(derChildren(list, EXTENSIONS)[0]);
  const parts = extensions.map((extension) => derChildren(extension)).find(([id]) => oidOf(id) === oid);
  return parts?.find(({ tag }) => tag === OCTET_STRING)?.body;
}

/** A subject alternative name of type otherName. */
export interface OtherName {
  readonly oid: string;
  /** Its text; hex of its bytes where it holds no string. */
  readonly value: string;
}

const TEXT_TAGS: ReadonlySet<number> = new Set([0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a, 0x1e]);
const BMP_STRING = 0x1e;

function textOf(node: DerNode | undefined): string {
  if (node === undefined) return '';
  if (!TEXT_TAGS.has(node.tag)) return hexOf(node.body);
  return new TextDecoder(node.tag === BMP_STRING ? 'utf-16be' : 'utf-8').decode(node.body);
}

/** The otherName entries among a certificate's subject alternative names. */
export function otherNamesOf(der: Uint8Array): readonly OtherName[] {
  const extension = extensionOf(der, SUBJECT_ALT_NAME);
  if (extension === undefined) return [];
  return derChildren(derNodes(extension)[0])
    .filter(({ tag }) => tag === OTHER_NAME)
    .map((name) => {
      const [id, value] = derNodes(name.body);
      return { oid: oidOf(id), value: textOf(derChildren(value, EXPLICIT_0)[0]) };
    });
}

/** True where the certificate is to be used only with a stapled OCSP response (RFC 7633). */
export function mustStaple(der: Uint8Array): boolean {
  const extension = extensionOf(der, TLS_FEATURE);
  if (extension === undefined) return false;
  return derChildren(derNodes(extension)[0]).some(({ body }) => hexOf(body) === STATUS_REQUEST);
}

/** False where the certificate says what its key is for, and signing (as handshakes do) is not among it. */
export function maySign(der: Uint8Array): boolean {
  const extension = extensionOf(der, KEY_USAGE);
  const bits = extension === undefined ? undefined : derNodes(extension)[0];
  return bits?.tag !== BIT_STRING || ((bits.body[1] ?? 0) & DIGITAL_SIGNATURE) !== 0;
}

/** True where the certificate says what its key is for, and that is not to sign certificates or revocation lists. */
export function isForPeersOnly(der: Uint8Array): boolean {
  const extension = extensionOf(der, KEY_USAGE);
  const bits = extension === undefined ? undefined : derNodes(extension)[0];
  return bits?.tag === BIT_STRING && ((bits.body[1] ?? 0) & (KEY_CERT_SIGN | CRL_SIGN)) === 0;
}

/** Hex of the issuer's name as it stands in the certificate. */
export function issuerNameOf(der: Uint8Array): string {
  const issuer = partsOf(der)[2];
  return issuer === undefined ? '' : hexOf(issuer.whole);
}
