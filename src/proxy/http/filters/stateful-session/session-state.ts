/** Where a session's host is written: a cookie or a header. Envoy: envoy.http.stateful_session.{cookie,header}. */
import { ConfigError } from '../../../../core/errors.ts';
import type { RequestHead, ResponseHead } from '../../../../wire/http/message.ts';
import type { TypedExtensionConfig } from '../../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { CookieBasedSessionStateSchema } from '../../../../xds/gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts';
import { HeaderBasedSessionStateSchema } from '../../../../xds/gen/envoy/extensions/http/stateful_session/header/v3/header_pb.ts';
import type { Cookie } from '../../../../xds/gen/envoy/type/http/v3/cookie_pb.ts';
import { decodeTyped, typeNameOf } from '../../../config/typed-config.ts';
import { cookieOf } from '../request-cookie.ts';
import { decodeSession, encodeSession } from './session-cookie.ts';

export interface SessionState {
  /** Whether sessions are kept for such requests. */
  concerns(head: RequestHead): boolean;
  /** The address that the request names, as `Host.key`; undefined for none. */
  read(head: RequestHead, nowMs: number): string | undefined;
  /** Tells the client who has served it. */
  write(head: ResponseHead, address: string, nowMs: number): void;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeBase64(text: string): Buffer | undefined {
  return text !== '' && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** RFC 6265 section 5.1.4; the query belongs to the path here. */
function pathTest(cookiePath: string): (path: string) => boolean {
  if (cookiePath === '' || cookiePath === '/') return () => true;
  if (cookiePath.endsWith('/')) return (path) => path.startsWith(cookiePath);
  return (path) => path.startsWith(cookiePath) && /^[/?#]?$/.test(path.charAt(cookiePath.length));
}

function cookieState(cookie: Cookie, path: string): SessionState {
  const { name, path: cookiePath } = cookie;
  if (name === '') throw new ConfigError(`${path}.name`, 'is empty');
  const ttlSeconds = Number(cookie.ttl?.seconds ?? 0n);
  if (ttlSeconds < 0) throw new ConfigError(`${path}.ttl`, 'is negative');
  const test = pathTest(cookiePath);
  const attributes = [
    ...(ttlSeconds === 0 ? [] : [`Max-Age=${ttlSeconds}`]),
    ...(cookiePath === '' ? [] : [`Path=${cookiePath}`]),
    ...cookie.attributes.map((each) => (each.value === '' ? each.name : `${each.name}=${each.value}`)),
    'HttpOnly',
  ].join('; ');
  return {
    concerns: (head) => test(head.path),
    read(head, nowMs) {
      const bytes = decodeBase64(cookieOf(head.headers, name) ?? '');
      return bytes === undefined ? undefined : decodeSession(bytes, Math.floor(nowMs / 1000));
    },
    write(head, address, nowMs) {
      const expires = ttlSeconds === 0 ? 0 : Math.floor(nowMs / 1000) + ttlSeconds;
      head.headers.add('set-cookie', `${name}="${encodeSession(address, expires).toString('base64')}"; ${attributes}`);
    },
  };
}

function headerState(name: string, path: string): SessionState {
  if (name === '') throw new ConfigError(`${path}.name`, 'is empty');
  const lower = name.toLowerCase();
  return {
    concerns: () => true,
    read: ({ headers }) => decodeBase64(headers.get(lower) ?? '')?.toString('latin1'),
    write: ({ headers }, address) => headers.set(lower, Buffer.from(address).toString('base64')),
  };
}

/** Reads `session_state`. */
export function readSessionState({ typedConfig: any }: TypedExtensionConfig, path: string): SessionState {
  const at = `${path}.typed_config`;
  if (any === undefined) throw new ConfigError(at, 'is missing');
  switch (typeNameOf(any)) {
    case CookieBasedSessionStateSchema.typeName: {
      const { cookie } = decodeTyped(any, CookieBasedSessionStateSchema, at);
      if (cookie === undefined) throw new ConfigError(`${at}.cookie`, 'is missing');
      return cookieState(cookie, `${at}.cookie`);
    }
    case HeaderBasedSessionStateSchema.typeName:
      return headerState(decodeTyped(any, HeaderBasedSessionStateSchema, at).name, at);
    default:
      throw new ConfigError(at, `session state ${typeNameOf(any)} is not supported by Tulle`);
  }
}
