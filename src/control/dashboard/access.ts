/**
 * Who may see the dashboard. On loopback without a token: whoever is on this machine, but no page of another site. With
 * a token: whoever shows it as a bearer, or has logged in with it and got a cookie.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { foreignReason, isForeign } from '../foreign-page.ts';

type Access =
  | { readonly kind: 'granted' }
  /** A token is asked for. */
  | { readonly kind: 'login' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Decides who may see the dashboard. */
export interface Gate {
  /** Whether a request may be answered. */
  check(request: IncomingMessage): Access;
  /** The `Set-Cookie` for who shows the token; undefined for any other text. */
  login(token: string): string | undefined;
  readonly asksForToken: boolean;
}

const COOKIE = 'tulle_dashboard';

function cookieOf(request: IncomingMessage): string {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([name]) => name === COOKIE)?.[1] ?? '';
}

function bearerOf(request: IncomingMessage): string {
  return /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

/** What stands in a cookie dies with this process, and tells nothing of the token. */
function sealed(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Makes the gate; `isSecure` where it is TLS, which the cookie is bound to then. */
export function createGate(token: string | undefined, isSecure: boolean): Gate {
  const key = randomBytes(32);
  const wanted = token === undefined ? undefined : sealed(key, token);
  const session = sealed(key, 'session').toString('hex');
  const isToken = (text: string): boolean => wanted !== undefined && timingSafeEqual(sealed(key, text), wanted);
  const isSession = (text: string): boolean => timingSafeEqual(sealed(key, text), sealed(key, session));
  return {
    asksForToken: token !== undefined,
    check(request) {
      if (token === undefined) {
        const reason = foreignReason(request);
        return reason === undefined ? { kind: 'granted' } : { kind: 'refused', reason };
      }
      // who has logged in brings the cookie along to whatever another page asks for
      if (isForeign(request)) return { kind: 'refused', reason: 'a page of another site may not use the dashboard' };
      return isToken(bearerOf(request)) || isSession(cookieOf(request)) ? { kind: 'granted' } : { kind: 'login' };
    },
    login(text) {
      if (!isToken(text)) return undefined;
      return `${COOKIE}=${session}; Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
    },
  };
}
