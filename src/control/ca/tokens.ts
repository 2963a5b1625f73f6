/**
 * Join tokens: who holds one may take a workload's identity. A JWT (RFC 7519) with HS256 under a key in the state
 * directory; `sub` has the form that Kubernetes gives service-account tokens.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';

/** The identity that a token stands for, without its trust domain. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Makes join tokens, and reads them. */
export interface Tokens {
  /** A token for `subject`, good for `ttlMs` (default one year). */
  issue(subject: TokenSubject, ttlMs?: number): string;
  /** Whom a token names. Throws ConfigError where it is not ours or too old. */
  verify(token: string): TokenSubject;
}

const KEY_FILE = 'join-key';
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');
const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;

async function readKey(stateDir: string): Promise<Buffer> {
  const file = path.join(stateDir, KEY_FILE);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  try {
    await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const key = Buffer.from(await readFile(file, 'utf8'), 'hex');
  if (key.length !== 32)
    throw new ConfigError('', `${file} is not a key of 32 bytes; remove it to get a new one (tokens must be made anew)`);
  return key;
}

function claimsOf(payload: string): { subject: TokenSubject; expiresAtMs: number } | undefined {
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  if (typeof claims !== 'object' || claims === null || !('sub' in claims) || !('exp' in claims)) return undefined;
  const { sub, exp } = claims;
  if (typeof sub !== 'string' || typeof exp !== 'number') return undefined;
  const [, namespace, serviceAccount] = SUBJECT.exec(sub) ?? [];
  if (namespace === undefined || serviceAccount === undefined) return undefined;
  return { subject: { namespace, serviceAccount }, expiresAtMs: exp * 1000 };
}

/** Opens the token key kept in `stateDir`, or makes one. */
export async function openTokens(stateDir: string, clock: Clock): Promise<Tokens> {
  const key = await readKey(stateDir);
  const signature = (text: string): Buffer => createHmac('sha256', key).update(text).digest();
  return {
    issue(subject, ttlMs = YEAR_MS) {
      const now = Math.floor(clock.wallMs() / 1000);
      const claims = {
        iss: 'tulle',
        sub: `system:serviceaccount:${subject.namespace}:${subject.serviceAccount}`,
        iat: now,
        exp: now + Math.ceil(ttlMs / 1000),
      };
      const text = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
      return `${text}.${signature(text).toString('base64url')}`;
    },
    verify(token) {
      const [header = '', payload = '', given = ''] = token.split('.');
      const want = signature(`${header}.${payload}`);
      const have = Buffer.from(given, 'base64url');
      if (header !== HEADER || have.length !== want.length || !timingSafeEqual(have, want)) {
        throw new ConfigError('', 'the token was not made by this control plane');
      }
      const claims = claimsOf(payload);
      if (claims === undefined) throw new ConfigError('', 'the token names no service account');
      if (claims.expiresAtMs < clock.wallMs()) {
        throw new ConfigError('', `the token expired on ${new Date(claims.expiresAtMs).toISOString()}`);
      }
      return claims.subject;
    },
  };
}
