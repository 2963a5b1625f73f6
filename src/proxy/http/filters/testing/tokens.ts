/** Tokens and key sets for tests. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject | Buffer;
  /** The public half (of an HMAC key: the key) as a JWK. */
  readonly jwk: Record<string, unknown>;
}

const HASHES: Readonly<Record<string, string>> = { 256: 'sha256', 384: 'sha384', 512: 'sha512' };

function pair(alg: string): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  if (alg.startsWith('ES'))
    return generateKeyPairSync('ec', { namedCurve: { 256: 'P-256', 384: 'P-384', 512: 'P-521' }[alg.slice(2)] ?? '' });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** A fresh key for an algorithm (`RS256`, `ES256`, `EdDSA`, `HS256`, ...). */
export function newKey(alg: string, kid: string): TestKey {
  if (alg.startsWith('HS')) {
    const secret = Buffer.alloc(64, kid);
    return { kid, alg, privateKey: secret, jwk: { kty: 'oct', k: secret.toString('base64url'), kid, alg } };
  }
  const { publicKey, privateKey } = pair(alg);
  return { kid, alg, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg } };
}

/** A JWKS's text. */
export function jwksOf(...keys: readonly TestKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

function signatureOf(text: string, { alg, privateKey }: TestKey): Buffer {
  const data = Buffer.from(text);
  const hash = HASHES[alg.slice(2)] ?? null;
  if (Buffer.isBuffer(privateKey))
    return createHmac(hash ?? 'sha256', privateKey)
      .update(data)
      .digest();
  if (alg.startsWith('ES')) return sign(hash, data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return sign(hash, data, alg.startsWith('PS') ? { key: privateKey, padding: 6, saltLength: -1 } : privateKey);
}

const part = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token; `header` replaces fields of its header (undefined: left out). */
export function tokenOf(key: TestKey, payload: unknown, header: Record<string, unknown> = {}): string {
  const text = `${part({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })}.${part(payload)}`;
  return `${text}.${signatureOf(text, key).toString('base64url')}`;
}
