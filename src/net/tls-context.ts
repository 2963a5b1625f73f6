/** TLS contexts for `node:tls`: what both sides are willing to speak, and with which keys. */
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../core/errors.ts';

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** What a side is willing to speak. */
export interface TlsParameters {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL cipher list, TLS 1.3 suites included; '' for ours. */
  readonly ciphers: string;
  /** Colon-separated curves; '' for OpenSSL's. */
  readonly curves: string;
  /** Colon-separated signature algorithms; '' for OpenSSL's. */
  readonly signatureAlgorithms: string;
}

/** A key pair, PEM; the chain leaf first. */
export interface TlsKeyPair {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** AES-128-GCM first: strong enough for every certificate of ours, and the cheapest where the CPU has AES. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** TLS 1.2 and 1.3 with our ciphers. */
export const DEFAULT_TLS_PARAMETERS: TlsParameters = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: '',
  curves: '',
  signatureAlgorithms: '',
};

/**
 * The options of a context. `roots` (PEM) is all that peers' chains are checked against; undefined trusts nobody,
 * never the system's roots.
 */
export function contextOptions(
  parameters: TlsParameters,
  keyPairs: readonly TlsKeyPair[],
  roots: string | undefined,
): SecureContextOptions {
  const { curves, signatureAlgorithms } = parameters;
  return {
    minVersion: parameters.minVersion,
    maxVersion: parameters.maxVersion,
    ciphers: parameters.ciphers === '' ? CIPHERS : parameters.ciphers,
    honorCipherOrder: true,
    cert: keyPairs.map((pair) => pair.certificateChain),
    key: keyPairs.map((pair) => pair.privateKey),
    ca: roots === undefined ? [] : [roots],
    ...(curves === '' ? {} : { ecdhCurve: curves }),
    ...(signatureAlgorithms === '' ? {} : { sigalgs: signatureAlgorithms }),
  };
}

/** Makes a context. Throws Error where a key, certificate or cipher cannot be read. */
export function createTlsContext(options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw new Error(`no TLS context can be made: ${messageOf(cause)}`, { cause });
  }
}
