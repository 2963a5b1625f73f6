import { messageOf } from '../core/errors.ts';

/** OpenSSL's and Node's codes without their common prefix, with the text: `SSL_WRONG_VERSION_NUMBER:wrong version number`. */
export function describeTlsError(error: Error): string {
  const code: unknown = Reflect.get(error, 'code');
  const reason: unknown = Reflect.get(error, 'reason');
  const text = typeof reason === 'string' ? reason : messageOf(error);
  return typeof code === 'string' ? `${code.replace(/^ERR_/, '')}:${text}` : text;
}

/** True for an error of OpenSSL's, such as an alert of the peer that comes after the handshake. */
export function isTlsError(error: Error): boolean {
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' && code.startsWith('ERR_SSL_');
}
