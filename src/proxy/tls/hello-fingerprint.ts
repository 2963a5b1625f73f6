/** The fingerprints of a TLS client that `tls_inspector` is asked for. */
import { createHash } from 'node:crypto';
import type { ClientHello } from '../../wire/tls/client-hello.ts';
import { ja3Text, ja4Of } from '../../wire/tls/fingerprint.ts';
import { readHelloOffer } from '../../wire/tls/hello-offer.ts';

/** Which of them are wanted. */
export interface Fingerprints {
  readonly ja3: boolean;
  readonly ja4: boolean;
}

/** Hex digits of a JA4's hashes. */
const JA4_DIGITS = 12;

function shortHash(text: string): string {
  return text === '' ? '0'.repeat(JA4_DIGITS) : createHash('sha256').update(text).digest('hex').slice(0, JA4_DIGITS);
}

/** The fingerprints of a hello; those that are not wanted are absent. */
export function fingerprintsOf(hello: ClientHello, wanted: Fingerprints): { readonly ja3?: string; readonly ja4?: string } {
  const offer = readHelloOffer(hello.message);
  const { clear, ciphers, extensions } = ja4Of(hello, offer);
  return {
    ...(wanted.ja3 ? { ja3: createHash('md5').update(ja3Text(offer)).digest('hex') } : {}),
    ...(wanted.ja4 ? { ja4: `${clear}_${shortHash(ciphers)}_${shortHash(extensions)}` } : {}),
  };
}
