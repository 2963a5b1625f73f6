/** JSON Web Tokens, read but not verified. Source: RFC 7519, RFC 7515; statuses and their order as in Envoy. */
import { type JwtStatus, STATUS } from './status.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface Jwt {
  readonly text: string;
  readonly alg: string;
  /** '' where the token names no key. */
  readonly kid: string;
  readonly header: Json;
  readonly payload: Json;
  /** The payload as it stands in the token, base64url. */
  readonly payloadText: string;
  readonly signatureBytes: number;
  /** '' where missing, like `subject`. */
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Seconds since the Unix epoch; 0 where missing. */
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
}

const ALGORITHMS: ReadonlySet<string> = new Set([
  'ES256',
  'ES384',
  'ES512',
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
]);

/** Characters beyond which a token is not looked at. */
const MAX_CHARS = 65_536;
const BASE64URL = /^[A-Za-z0-9_-]*$/;
const MAX_INT64 = 2 ** 63;

/** Bytes of base64url text without padding; undefined where it is none. */
export function decodeBase64url(text: string): Buffer | undefined {
  return BASE64URL.test(text) && text.length % 4 !== 1 ? Buffer.from(text, 'base64url') : undefined;
}

function parseObject(bytes: Buffer): Json | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

function own(object: Json, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Statuses are thrown only within this file, as the shortest way out of a long reading. */
class Malformed extends Error {
  readonly status: JwtStatus;
  constructor(status: JwtStatus) {
    super(status.text);
    this.status = status;
  }
}

function text(object: Json, key: string, status: JwtStatus): string {
  const value = own(object, key);
  if (value === undefined) return '';
  if (typeof value !== 'string') throw new Malformed(status);
  return value;
}

function seconds(payload: Json, key: string, wrongType: JwtStatus, outOfRange: JwtStatus): number {
  const value = own(payload, key);
  if (value === undefined) return 0;
  if (typeof value !== 'number') throw new Malformed(wrongType);
  if (value < 0 || value >= MAX_INT64) throw new Malformed(outOfRange);
  return Math.trunc(value);
}

function audiencesOf(payload: Json): readonly string[] {
  const value = own(payload, 'aud');
  if (value === undefined) return [];
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) throw new Malformed(STATUS.badAud);
  return value;
}

function decode(part: string, badBase64: JwtStatus, badJson: JwtStatus): Json {
  const bytes = decodeBase64url(part);
  if (bytes === undefined) throw new Malformed(badBase64);
  const object = parseObject(bytes);
  if (object === undefined) throw new Malformed(badJson);
  return object;
}

function readHeader(part: string): Pick<Jwt, 'alg' | 'kid' | 'header'> {
  const header = decode(part, STATUS.headerBase64, STATUS.headerJson);
  const alg = own(header, 'alg');
  if (typeof alg !== 'string') throw new Malformed(STATUS.badAlg);
  if (!ALGORITHMS.has(alg)) throw new Malformed(STATUS.unknownAlg);
  return { header, alg, kid: text(header, 'kid', STATUS.badKid) };
}

function readClaims(part: string): Omit<Jwt, 'text' | 'alg' | 'kid' | 'header' | 'signatureBytes'> {
  const payload = decode(part, STATUS.payloadBase64, STATUS.payloadJson);
  const issuer = text(payload, 'iss', STATUS.badIss);
  const subject = text(payload, 'sub', STATUS.badSub);
  const issuedAt = seconds(payload, 'iat', STATUS.badIat, STATUS.iatRange);
  const notBefore = seconds(payload, 'nbf', STATUS.badNbf, STATUS.nbfRange);
  const expiresAt = seconds(payload, 'exp', STATUS.badExp, STATUS.expRange);
  text(payload, 'jti', STATUS.badJti);
  return { payload, payloadText: part, issuer, subject, audiences: audiencesOf(payload), issuedAt, notBefore, expiresAt };
}

function read(token: string): Jwt {
  const parts = token.length > MAX_CHARS ? [] : token.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3 || header === '' || payload === '' || signature === '') throw new Malformed(STATUS.badFormat);
  const head = readHeader(header);
  const claims = readClaims(payload);
  const bytes = decodeBase64url(signature);
  if (bytes === undefined) throw new Malformed(STATUS.signatureBase64);
  return { text: token, ...head, ...claims, signatureBytes: bytes.length };
}

/** Reads a token, or says what is wrong with it. */
export function parseJwt(token: string): Jwt | JwtStatus {
  try {
    return read(token);
  } catch (error) {
    if (error instanceof Malformed) return error.status;
    throw error;
  }
}

/** Whether what `parseJwt` or `parseJwks` gave is a status. */
export function isStatus(value: object): value is JwtStatus {
  return 'code' in value && 'text' in value && typeof value.code === 'number';
}
