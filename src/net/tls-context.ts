/** TLS contexts for `node:tls`: what both sides are willing to speak, and with which keys. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../core/errors.ts';

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** What a side is willing to speak. */
export interface TlsParameters {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL cipher list, TLS 1.3 suites included; '' for ours. */
  readonly ciphers: string;
  /** Key exchange groups in order of preference. */
  readonly groups: readonly string[];
  /** Colon-separated signature algorithms; '' for OpenSSL's. */
  readonly signatureAlgorithms: string;
}

/** A key pair, PEM; the chain leaf first. */
export interface TlsKeyPair {
  readonly certificateChain: string;
  /** '' with `pkcs12`. */
  readonly privateKey: string;
  /** The whole pair as PKCS #12; `certificateChain` is then its certificate alone, to read from. */
  readonly pkcs12?: { readonly bytes: Buffer; readonly password: string };
}

/** What peers' chains are checked against. */
export interface TlsTrust {
  /** PEM; undefined trusts nobody, never the system's roots. */
  readonly roots: string | undefined;
  /** Revocation lists, PEM; with any, each certificate of a chain needs one of its issuer. */
  readonly crls: readonly string[];
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

/**
 * The post-quantum hybrid first (draft-ietf-tls-ecdhe-mlkem): what is recorded today cannot be read by a quantum computer
 * later. A handshake costs about a sixth more CPU with it, and 1.1 kB more each way (`npm run bench -- --only tls`).
 */
export const DEFAULT_GROUPS: readonly string[] = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'];

/** TLS 1.2 and 1.3 with our ciphers and groups. */
export const DEFAULT_TLS_PARAMETERS: TlsParameters = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: '',
  groups: DEFAULT_GROUPS,
  signatureAlgorithms: '',
};

/** The options of a context. */
export function contextOptions(parameters: TlsParameters, keyPairs: readonly TlsKeyPair[], trust: TlsTrust): SecureContextOptions {
  const { groups, signatureAlgorithms } = parameters;
  const pem = keyPairs.filter(({ pkcs12 }) => pkcs12 === undefined);
  const packed = keyPairs.flatMap(({ pkcs12 }) => (pkcs12 === undefined ? [] : [{ buf: pkcs12.bytes, passphrase: pkcs12.password }]));
  return {
    minVersion: parameters.minVersion,
    maxVersion: parameters.maxVersion,
    ciphers: parameters.ciphers === '' ? CIPHERS : parameters.ciphers,
    honorCipherOrder: true,
    cert: pem.map((pair) => pair.certificateChain),
    key: pem.map((pair) => pair.privateKey),
    ca: trust.roots === undefined ? [] : [trust.roots],
    // as Envoy: any certificate of the trusted ones is an anchor, not only roots
    allowPartialTrustChain: true,
    ecdhCurve: groups.join(':'),
    ...(trust.crls.length === 0 ? {} : { crl: [...trust.crls] }),
    ...(packed.length === 0 ? {} : { pfx: packed }),
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

/** OpenSSL's own part of a context, which Node's types know nothing of. */
function innerOf(context: SecureContext): object {
  const inner: unknown = Reflect.get(context, 'context');
  if (typeof inner !== 'object' || inner === null) throw new Error('this Node has other TLS contexts');
  return inner;
}

/** The certificate in a PKCS #12, PEM. Throws Error where it cannot be opened. */
export function pkcs12Certificate(bytes: Buffer, password: string): string {
  const inner = innerOf(createSecureContext({ pfx: bytes, passphrase: password }));
  const get: unknown = Reflect.get(inner, 'getCertificate');
  const der: unknown = typeof get === 'function' ? Reflect.apply(get, inner, []) : undefined;
  if (!Buffer.isBuffer(der)) throw new Error('there is no certificate in it');
  return new X509Certificate(der).toString();
}

/** What a ticket is sealed with: AES-128-CBC and HMAC-SHA-256 (RFC 5077 section 4). */
export interface TicketKey {
  /** 16 bytes, which stand in front of the ticket. */
  readonly name: Buffer;
  /** 16 bytes. */
  readonly hmac: Buffer;
  /** 16 bytes. */
  readonly aes: Buffer;
}

const DECLINE = 0;
const ACCEPT = 1;
const ACCEPT_AND_RENEW = 2;

/**
 * Makes a context seal tickets with the first key and open those of all, renewing what another has sealed. Node documents
 * only one key (`setTicketKeys`); this is what its own tests use for more. `iv` gives 16 random bytes.
 */
export function setTicketKeys(context: SecureContext, keys: readonly TicketKey[], iv: () => Buffer): void {
  const inner = innerOf(context);
  const enable: unknown = Reflect.get(inner, 'enableTicketKeyCallback');
  const [first] = keys;
  if (typeof enable !== 'function' || first === undefined) throw new Error('this Node cannot use keys for session tickets');
  Reflect.set(inner, 'onticketkeycallback', (name: Buffer, _iv: Buffer, isSealing: boolean) => {
    if (isSealing) return [ACCEPT, first.hmac, first.aes, first.name, iv()];
    const key = keys.find((each) => each.name.equals(name));
    return key === undefined ? [DECLINE, first.hmac, first.aes] : [key === first ? ACCEPT : ACCEPT_AND_RENEW, key.hmac, key.aes];
  });
  Reflect.apply(enable, inner, []);
}
