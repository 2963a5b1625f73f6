/**
 * Certificate signing requests (RFC 2986). Of a request only the public key counts, and the proof that the asker holds
 * the private one; names in it are ignored, since who asks is known from the token.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ProtocolError } from '../../core/errors.ts';
import { BIT_STRING, decodeAll, type DerValue, members, objectIdentifier, SEQUENCE } from './der.ts';
import { fromPem } from './pem.ts';

/** Signature algorithms taken, with the digest for `crypto.verify` (null: part of the algorithm). */
const SIGNATURES: readonly { readonly oid: Buffer; readonly digest: string | null }[] = [
  { oid: objectIdentifier('1.2.840.10045.4.3.2'), digest: 'sha256' },
  { oid: objectIdentifier('1.2.840.10045.4.3.3'), digest: 'sha384' },
  { oid: objectIdentifier('1.2.840.10045.4.3.4'), digest: 'sha512' },
  { oid: objectIdentifier('1.2.840.113549.1.1.11'), digest: 'sha256' },
  { oid: objectIdentifier('1.2.840.113549.1.1.12'), digest: 'sha384' },
  { oid: objectIdentifier('1.2.840.113549.1.1.13'), digest: 'sha512' },
  { oid: objectIdentifier('1.3.101.112'), digest: null },
];

const RSA_BITS_MIN = 2048;

/** Longest request read, in bytes. */
const CSR_BYTES_MAX = 64 * 1024;

/** The asker's public key. */
export interface SigningRequest {
  readonly publicKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

function refuse(why: string): ProtocolError {
  return new ProtocolError('csr_refused', 400, `certificate signing request refused: ${why}`);
}

function digestOf(algorithm: DerValue | undefined): string | null {
  const [oid] = members(algorithm, SEQUENCE);
  const known = SIGNATURES.find((row) => oid !== undefined && row.oid.equals(oid.raw));
  if (known === undefined) throw refuse('its signature algorithm is not ECDSA, RSA or Ed25519 with SHA-2');
  return known.digest;
}

function readKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new ProtocolError('csr_refused', 400, `certificate signing request refused: its public key cannot be read: ${String(cause)}`);
  }
}

function checkKey(key: KeyObject): void {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (key.asymmetricKeyType === 'rsa' && (bits === undefined || bits < RSA_BITS_MIN)) {
    throw refuse(`an RSA key of ${bits ?? 0} bits; at least ${RSA_BITS_MIN} are needed`);
  }
  const kind = key.asymmetricKeyType ?? 'unknown';
  if (!['rsa', 'ec', 'ed25519'].includes(kind)) throw refuse(`a key of type ${kind}`);
}

/** Whether the key has signed; a key of another kind than the algorithm has not. */
function isSigned(key: KeyObject, digest: string | null, signed: Buffer, bitString: Buffer): boolean {
  try {
    // the first byte of a bit string counts unused bits
    return verify(digest, signed, key, bitString.subarray(1));
  } catch {
    return false;
  }
}

/** Reads a PEM request and checks its signature. Throws ProtocolError with the reason. */
export function readSigningRequest(pem: string): SigningRequest {
  if (pem.length > CSR_BYTES_MAX) throw refuse(`it has ${pem.length} bytes; at most ${CSR_BYTES_MAX} are read`);
  const [request] = decodeAll(fromPem(pem, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']));
  const [info, algorithm, signature] = members(request, SEQUENCE);
  const [, , spki] = members(info, SEQUENCE);
  if (info === undefined || spki === undefined || signature?.tag !== BIT_STRING) throw refuse('a part is missing');
  const publicKey = readKey(spki.raw);
  checkKey(publicKey);
  if (!isSigned(publicKey, digestOf(algorithm), info.raw, signature.contents)) throw refuse('its signature does not fit its public key');
  return { publicKey, spki: spki.raw };
}
