/** Sets of keys, and signatures checked by them. Source: RFC 7517; which keys a token tries, as in Envoy. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import type { JWK } from 'jose';
import type { compactVerify } from 'jose/jws/compact/verify';
import { decodeBase64url, type Json, type Jwt } from './jwt.ts';
import { type JwtStatus, OK, STATUS } from './status.ts';

interface Key {
  /** '' matches every token, like `alg`. */
  readonly kid: string;
  readonly alg: string;
  readonly jwk: JWK;
}

export interface KeySet {
  readonly keys: readonly Key[];
}

const ED25519_SIGNATURE_BYTES = 64;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Which algorithms a type of key is for. */
const ALGORITHMS: Readonly<Record<string, RegExp>> = { RSA: /^[RP]S/, EC: /^ES/, oct: /^HS/, OKP: /^EdDSA$/ };

const PARSE_ERRORS: Readonly<Record<string, JwtStatus>> = { RSA: STATUS.rsaKey, EC: STATUS.ecKey, OKP: STATUS.okpBase64 };

/** The key that a JWK holds, or what is wrong with it. */
function readKey(value: Json): Key | JwtStatus {
  const { kty, kid, alg } = value;
  if (typeof kty !== 'string' || !Object.hasOwn(ALGORITHMS, kty)) return STATUS.jwksNoValidKeys;
  const ownAlg = typeof alg === 'string' ? alg : '';
  if (ownAlg !== '' && ALGORITHMS[kty]?.test(ownAlg) !== true) return STATUS.jwksNoValidKeys;
  // what else the key says (`use`, `key_ops`, `x5c`) does not decide whether a signature holds
  const material = kty === 'oct' ? { k: value['k'] } : { n: value['n'], e: value['e'], crv: value['crv'], x: value['x'], y: value['y'] };
  const fields = Object.entries({ kty, ...material }).filter(([, field]) => typeof field === 'string');
  if (kty === 'EC' && typeof value['crv'] !== 'string') fields.push(['crv', CURVES[ownAlg] ?? 'P-256']);
  const jwk = Object.fromEntries(fields) as JWK;
  if (kty === 'oct') {
    const bytes = typeof value['k'] === 'string' ? decodeBase64url(value['k']) : undefined;
    if (bytes === undefined || bytes.length === 0) return STATUS.octKey;
  } else {
    try {
      createPublicKey({ key: jwk, format: 'jwk' });
    } catch {
      return PARSE_ERRORS[kty] ?? STATUS.jwksNoValidKeys;
    }
  }
  return { kid: typeof kid === 'string' ? kid : '', alg: ownAlg, jwk };
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** Certificates by key identifier: how Firebase publishes its keys. */
function readCertificates(set: Json): KeySet | JwtStatus {
  const keys: Key[] = [];
  for (const [kid, pem] of Object.entries(set)) {
    if (typeof pem !== 'string' || pem === '' || kid === '') return STATUS.jwksNoKeys;
    try {
      keys.push({ kid, alg: '', jwk: new X509Certificate(pem).publicKey.export({ format: 'jwk' }) as JWK });
    } catch {
      return STATUS.jwksNoValidKeys;
    }
  }
  return keys.length === 0 ? STATUS.jwksNoKeys : { keys };
}

/** Reads a key set: a JWKS, or a map of certificates. Keys that cannot be read are left out, unless none is left. */
export function parseJwks(text: string): KeySet | JwtStatus {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    return STATUS.jwksJson;
  }
  if (!isObject(set)) return STATUS.jwksJson;
  if (set['keys'] === undefined) return readCertificates(set);
  if (!Array.isArray(set['keys'])) return STATUS.jwksBadKeys;
  const read = set['keys'].filter(isObject).map(readKey);
  const keys = read.filter((each): each is Key => 'jwk' in each);
  const [first] = read;
  if (keys.length > 0) return { keys };
  return first !== undefined && 'code' in first ? first : STATUS.jwksNoValidKeys;
}

let verifier: Promise<typeof compactVerify> | undefined;

/** Loads what checks signatures: only a proxy that authenticates needs it. */
export function loadVerifier(): Promise<typeof compactVerify> {
  verifier ??= import('jose/jws/compact/verify').then((jose) => jose.compactVerify);
  return verifier;
}

async function holds(jwt: Jwt, { jwk }: Key): Promise<boolean> {
  const verify = await loadVerifier();
  try {
    await verify(jwt.text, jwk, { algorithms: [jwt.alg] });
    return true;
  } catch {
    // also a key of another type than the token's algorithm needs
    return false;
  }
}

/** Whether a key of the set has signed the token. */
export async function verifySignature(jwt: Jwt, { keys }: KeySet): Promise<JwtStatus> {
  const candidates = keys.filter(({ kid, alg }) => (jwt.kid === '' || kid === '' || kid === jwt.kid) && (alg === '' || alg === jwt.alg));
  for (const key of candidates) {
    if (key.jwk.kty === 'OKP' && jwt.signatureBytes !== ED25519_SIGNATURE_BYTES) return STATUS.ed25519Length;
    if (await holds(jwt, key)) return OK;
  }
  return candidates.length === 0 ? STATUS.noMatchingKey : STATUS.failed;
}
