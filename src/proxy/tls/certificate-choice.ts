/**
 * Which of several certificates a client gets: by the name it asks for, by the keys it can verify, by staples. Source:
 * Envoy, "Multiple TLS certificates" and "OCSP stapling".
 */
import type { X509Certificate } from 'node:crypto';
import { altNamesOf } from '../../net/peer-certificate.ts';
import type { ClientHello } from '../../wire/tls/client-hello.ts';
import { type HelloOffer, STATUS_REQUEST } from '../../wire/tls/hello-offer.ts';

export type StaplePolicy = 'lenient' | 'strict' | 'must';

/** A certificate of ours as the choice sees it. */
export interface Candidate {
  /** DNS names in lower case; of a wildcard what follows the `*`. */
  readonly names: ReadonlySet<string>;
  /** The curve of an EC key as TLS numbers it; undefined for other keys. */
  readonly curve: number | undefined;
  /** When its staple ends, in Unix milliseconds; undefined without one. */
  readonly stapleEndMs: number | undefined;
  /** The certificate itself asks for a staple. */
  readonly mustStaple: boolean;
}

/** What to do about a staple: `unasked` where the client does not want one. */
export type StapleAction = 'staple' | 'omit' | 'fail' | 'unasked';

export interface Client {
  readonly serverName: string;
  /** Curves of ECDSA keys that it can verify; empty: none. */
  readonly curves: ReadonlySet<number>;
  readonly wantsStaple: boolean;
}

export interface Choice<Kind extends Candidate> {
  readonly certificate: Kind;
  readonly staple: StapleAction;
}

const CURVES: Readonly<Record<string, number>> = { prime256v1: 23, secp384r1: 24, secp521r1: 25 };
/** ECDSA signature algorithms of TLS 1.3, each for one curve. */
const ECDSA: ReadonlyMap<number, number> = new Map([
  [0x0403, 23],
  [0x0503, 24],
  [0x0603, 25],
]);
const ECDSA_CURVES: ReadonlySet<number> = new Set(ECDSA.values());
const TLS13 = 0x0304;
/** Cipher suites ECDHE-ECDSA of TLS 1.2 and before. */
const ECDSA_CIPHERS: ReadonlySet<number> = new Set([0xc009, 0xc00a, 0xc023, 0xc024, 0xc02b, 0xc02c, 0xcca9, 0xc0ac, 0xc0ad]);

/** The names of a certificate that servers are called by: DNS names, or the common name where it has no alternative names. */
export function serverNames(certificate: X509Certificate): ReadonlySet<string> {
  // undefined in a certificate without a subject
  const subject: string | undefined = certificate.subject;
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  const names = certificate.subjectAltName === undefined && common !== undefined ? [common] : altNamesOf(certificate).dns;
  return new Set(names.map((name) => name.toLowerCase().replace(/^\*(?=\.)/, '')));
}

/** The curve of a certificate's key; undefined where it is no EC key. */
export function curveOf(certificate: X509Certificate): number | undefined {
  return CURVES[certificate.publicKey.asymmetricKeyDetails?.namedCurve ?? ''];
}

/** Curves of ECDSA keys that a client can verify: of its signature algorithms, before TLS 1.3 of its groups. */
function curvesOf(offer: HelloOffer): ReadonlySet<number> {
  if (offer.versions.includes(TLS13)) {
    const curves = offer.signatureAlgorithms.map((algorithm) => ECDSA.get(algorithm));
    return new Set(curves.filter((curve) => curve !== undefined));
  }
  const hasCipher = offer.ciphers.some((cipher) => ECDSA_CIPHERS.has(cipher));
  return new Set(hasCipher ? offer.groups.filter((group) => ECDSA_CURVES.has(group)) : []);
}

/** True where a client asks for a stapled OCSP response. */
export function wantsStaple(offer: HelloOffer | undefined): boolean {
  return offer?.extensions.includes(STATUS_REQUEST) === true;
}

/** What a client's hello says for the choice. */
export function clientOf(hello: ClientHello | undefined, offer: HelloOffer | undefined): Client {
  if (hello === undefined || offer === undefined) return { serverName: '', curves: new Set(), wantsStaple: false };
  return { serverName: hello.serverName, curves: curvesOf(offer), wantsStaple: wantsStaple(offer) };
}

/** What is done about the staple of a certificate. */
function stapleAction(candidate: Candidate, policy: StaplePolicy, wantsStaple: boolean, nowMs: number): StapleAction {
  if (!wantsStaple) return 'unasked';
  const { stapleEndMs } = candidate;
  if (stapleEndMs !== undefined && stapleEndMs >= nowMs) return 'staple';
  const isMust = policy === 'must' || candidate.mustStaple;
  return isMust || (policy === 'strict' && stapleEndMs !== undefined) ? 'fail' : 'omit';
}

/** The first that the client can verify, EC keys before others; undefined where there is none. */
function firstFitting<Kind extends Candidate>(list: readonly Kind[], { curves }: Client): Kind | undefined {
  return list.find(({ curve }) => curve !== undefined && curves.has(curve)) ?? list.find(({ curve }) => curve === undefined);
}

/**
 * Chooses among `all`, which is not empty. With `fullScan` a client whose name fits none gets the first that it can verify,
 * as one without a name does; without it the first of all.
 */
export function chooseCertificate<Kind extends Candidate>(
  all: readonly [Kind, ...Kind[]],
  client: Client,
  options: { readonly policy: StaplePolicy; readonly fullScan: boolean; readonly nowMs: number },
): Choice<Kind> {
  const action = (each: Kind): StapleAction => stapleAction(each, options.policy, client.wantsStaple, options.nowMs);
  const usable = all.filter((each) => action(each) !== 'fail');
  const called = (name: string): readonly Kind[] => usable.filter(({ names }) => names.has(name));
  const { serverName } = client;
  const dot = serverName.indexOf('.', 1);
  const wildcard = dot === -1 || dot === serverName.length - 1 ? undefined : serverName.slice(dot);
  const named =
    serverName === ''
      ? undefined
      : (firstFitting(called(serverName), client) ?? (wildcard === undefined ? undefined : firstFitting(called(wildcard), client)));
  const scanned = named === undefined && (serverName === '' || options.fullScan) ? firstFitting(usable, client) : undefined;
  const certificate = named ?? scanned ?? all[0];
  return { certificate, staple: action(certificate) };
}
