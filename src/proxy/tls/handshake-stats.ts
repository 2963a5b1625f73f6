/** Statistics of handshakes: Envoy's `ssl.*` of listeners and clusters. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { HelloOffer } from '../../wire/tls/hello-offer.ts';
import type { StatsScope } from '../telemetry/stats.ts';

/** Groups as TLS numbers them. */
const GROUP_NUMBERS: Readonly<Record<string, number>> = { 'P-256': 23, 'P-384': 24, 'P-521': 25, X25519: 29, X25519MLKEM768: 0x11ec };
const HYBRID = 'X25519MLKEM768';
/** OpenSSL's names of curves by TLS's. */
const GROUP_NAMES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp256r1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** The signature that a key makes in TLS 1.3, where it makes only one. */
const SIGNATURES: Readonly<Record<string, string>> = {
  prime256v1: 'ecdsa_secp256r1_sha256',
  secp384r1: 'ecdsa_secp384r1_sha384',
  secp521r1: 'ecdsa_secp521r1_sha512',
};

/**
 * The group that a server with these groups agrees on with a client: the first of its own that the client has sent a key of,
 * else the first that the client has. Node tells it to clients only. '' where there is none.
 */
export function agreedGroup(all: readonly string[], offer: HelloOffer | undefined, protocol: string | null): string {
  // hybrids are for TLS 1.3
  const own = protocol === 'TLSv1.3' ? all : all.filter((name) => name !== HYBRID);
  const has = (list: readonly number[] | undefined) => (name: string) => list?.includes(GROUP_NUMBERS[name] ?? -1) === true;
  return own.find(has(offer?.keyShares)) ?? own.find(has(offer?.groups)) ?? '';
}

/** The group that a client has agreed on; '' where the handshake had none. */
export function clientGroup(socket: TLSSocket): string {
  const info: unknown = socket.getEphemeralKeyInfo();
  const name: unknown = typeof info === 'object' && info !== null ? Reflect.get(info, 'name') : undefined;
  return typeof name === 'string' ? (GROUP_NAMES[name] ?? name) : '';
}

/** The algorithm of a peer's signature in the handshake, where its key decides it; '' where it may be another. */
function signatureOf(certificate: X509Certificate, protocol: string | null): string {
  if (protocol !== 'TLSv1.3') return '';
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  return type === 'ed25519' ? 'ed25519' : (SIGNATURES[details?.namedCurve ?? ''] ?? '');
}

/** Counts a handshake that has come to a connection. */
export function countHandshake(stats: StatsScope, socket: TLSSocket, group: string, certificate: X509Certificate | undefined): void {
  const count = (name: string): void => void stats.counter(`ssl.${name}`).value++;
  const protocol = socket.getProtocol();
  const isReused = socket.isSessionReused();
  count('handshake');
  count(`versions.${protocol ?? 'unknown'}`);
  count(`ciphers.${socket.getCipher().name}`);
  if (group !== '') count(`curves.${group}`);
  if (isReused) count('session_reused');
  const signature = certificate === undefined || isReused ? '' : signatureOf(certificate, protocol);
  if (signature !== '') count(`sigalgs.${signature}`);
}
