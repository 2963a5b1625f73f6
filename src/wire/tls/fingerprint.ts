/**
 * Fingerprints of TLS clients by what they offer: JA3 (github.com/salesforce/ja3) and JA4 (github.com/FoxIO-LLC/ja4,
 * the BSD-licensed JA4 for TLS). Here are the texts; hashes are the caller's, for there is no cryptography in this folder.
 */
import type { ClientHello } from './client-hello.ts';
import { type HelloOffer, isGrease } from './hello-offer.ts';

const SERVER_NAME = 0;
const ALPN = 16;

function decimals(values: readonly number[]): string {
  return values.filter((value) => !isGrease(value)).join('-');
}

/** The text whose MD5 in hex is the JA3 fingerprint. */
export function ja3Text(offer: HelloOffer): string {
  const { version, ciphers, extensions, groups, pointFormats } = offer;
  return [String(version), decimals(ciphers), decimals(extensions), decimals(groups), pointFormats.join('-')].join(',');
}

const VERSIONS: Readonly<Record<number, string>> = { 0x0304: '13', 0x0303: '12', 0x0302: '11', 0x0301: '10', 0x0300: 's3', 0x0002: 's2' };

function hexes(values: readonly number[]): string[] {
  return values.filter((value) => !isGrease(value)).map((value) => value.toString(16).padStart(4, '0'));
}

const count = (values: readonly unknown[]): string => String(Math.min(99, values.length)).padStart(2, '0');

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** First and last character of the first protocol; hex digits of them where one is no letter or digit. */
function alpnMark(protocol: string | undefined): string {
  if (protocol === undefined || protocol === '') return '00';
  const [first, last] = [protocol.charCodeAt(0), protocol.charCodeAt(protocol.length - 1)];
  if (isAlphanumeric(first) && isAlphanumeric(last)) return String.fromCharCode(first, last);
  return `${first.toString(16).padStart(2, '0')[0] ?? '0'}${last.toString(16).padStart(2, '0')[1] ?? '0'}`;
}

/** The parts of a JA4: what stands in clear, and the two texts whose SHA-256's first 12 hex digits follow it. */
export interface Ja4 {
  readonly clear: string;
  readonly ciphers: string;
  readonly extensions: string;
}

/** A JA4 for TLS over TCP. */
export function ja4Of(hello: ClientHello, offer: HelloOffer): Ja4 {
  const ciphers = hexes(offer.ciphers);
  const extensions = hexes(offer.extensions);
  const version = Math.max(...(offer.versions.length > 0 ? offer.versions.filter((value) => !isGrease(value)) : [offer.version]));
  const named = offer.extensions.includes(SERVER_NAME) ? 'd' : 'i';
  const rest = hexes(offer.extensions.filter((type) => type !== SERVER_NAME && type !== ALPN)).toSorted();
  const algorithms = hexes(offer.signatureAlgorithms);
  return {
    clear: `t${VERSIONS[version] ?? '00'}${named}${count(ciphers)}${count(extensions)}${alpnMark(hello.alpn[0])}`,
    ciphers: ciphers.toSorted().join(','),
    extensions: [rest.join(','), ...(algorithms.length === 0 ? [] : [algorithms.join(',')])].join('_'),
  };
}
