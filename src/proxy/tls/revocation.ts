/** Revocation of single certificates, where OpenSSL (as Node has it) can only check whole chains: `only_verify_leaf_cert_crl`. */
import { verify, type X509Certificate } from 'node:crypto';
import { revocationSerialOf } from '../../net/peer-certificate.ts';
import { issuerNameOf } from '../../wire/x509/certificate.ts';
import { pemBlocks } from '../../wire/x509/pem.ts';
import { readRevocationList, type RevocationList } from '../../wire/x509/revocation-list.ts';

/** Digests of signature algorithms by object identifier (RFC 5758, RFC 8017); null where the key says it (Ed25519). */
const DIGESTS: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

/** The lists of a PEM text. A string says what is wrong. */
export function revocationListsOf(pem: string): RevocationList[] | string {
  const lists: RevocationList[] = [];
  for (const { label, base64 } of pemBlocks(pem)) {
    if (label !== 'X509 CRL') continue;
    const list = readRevocationList(Buffer.from(base64, 'base64'));
    if (list === undefined) return 'is a broken certificate revocation list';
    lists.push(list);
  }
  return lists;
}

function isSigned(list: RevocationList, issuer: X509Certificate): boolean {
  const digest = DIGESTS[list.algorithm];
  return digest !== undefined && verify(digest, list.signedBytes, issuer.publicKey, list.signature);
}

/** Why `certificate` counts as revoked, in OpenSSL's words; undefined where it does not. */
export function revocationOf(
  certificate: X509Certificate,
  issuer: X509Certificate,
  lists: readonly RevocationList[],
  nowMs: number,
): string | undefined {
  const name = issuerNameOf(certificate.raw);
  const own = lists.filter((list) => list.issuer === name && isSigned(list, issuer));
  const [list] = own.filter(({ fromMs, untilMs }) => fromMs <= nowMs && nowMs <= untilMs);
  if (list === undefined) return own.length === 0 ? 'UNABLE_TO_GET_CRL' : 'CRL_HAS_EXPIRED';
  return list.serials.has(revocationSerialOf(certificate)) ? 'CERT_REVOKED' : undefined;
}
