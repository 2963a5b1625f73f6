/**
 * Certificate signing requests for P-256 keys, DER by hand: the CA reads only the public key out of it, so that the
 * subject is empty and there are no attributes. RFC 2986 section 4, RFC 5480 section 2.
 */
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
/** Context tag [0], constructed: attributes. */
const ATTRIBUTES = 0xa0;
/** AlgorithmIdentifier of ecdsa-with-SHA256 (1.2.840.10045.4.3.2). */
const ECDSA_WITH_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex');

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = body.length < 0x100 ? Buffer.of(0x81, body.length) : Buffer.of(0x82, body.length >> 8, body.length & 0xff);
  return Buffer.concat([Buffer.of(tag), length, body]);
}

function pem(label: string, body: Buffer): string {
  const lines = body.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/** A new P-256 key (PKCS #8) and a request to sign it, both PEM. */
export function createKeyAndCsr(): { readonly privateKey: string; readonly csr: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const info = der(SEQUENCE, der(INTEGER, Buffer.of(0)), der(SEQUENCE), publicKey, der(ATTRIBUTES));
  const signature = sign('sha256', info, privateKey);
  const request = der(SEQUENCE, info, ECDSA_WITH_SHA256, der(BIT_STRING, Buffer.of(0), signature));
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    csr: pem('CERTIFICATE REQUEST', request),
  };
}
