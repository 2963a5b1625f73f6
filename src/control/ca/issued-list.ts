/** The newest certificate of each identity, for people who ask when it expires. */

/** A certificate that was signed, without its content. */
export interface IssuedCertificate {
  /** SPIFFE ID. */
  readonly identity: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Certificates by identity. */
export interface IssuedList {
  add(certificate: IssuedCertificate): void;
  /** Those that are good at a time, by identity. */
  at(nowMs: number): readonly IssuedCertificate[];
}

/** More identities than one mesh has; the ones renewed longest ago are forgotten first. */
const IDENTITIES_MAX = 20_000;

/** An empty list. */
export function createIssuedList(identitiesMax: number = IDENTITIES_MAX): IssuedList {
  const byIdentity = new Map<string, IssuedCertificate>();
  return {
    add(certificate) {
      byIdentity.delete(certificate.identity);
      byIdentity.set(certificate.identity, certificate);
      if (byIdentity.size <= identitiesMax) return;
      const [oldest] = byIdentity.keys();
      if (oldest !== undefined) byIdentity.delete(oldest);
    },
    at: (nowMs) =>
      [...byIdentity.values()].filter(({ expiresAtMs }) => expiresAtMs > nowMs).toSorted((a, b) => (a.identity < b.identity ? -1 : 1)),
  };
}
