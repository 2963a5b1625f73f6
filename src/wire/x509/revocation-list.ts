/** Certificate revocation lists (RFC 5280 section 5): whose, what is revoked, and what its signature is over. */
import { BIT_STRING, derChildren, derNodes, hexOf, INTEGER, integerHex, oidOf, SEQUENCE, timeMs } from './der.ts';

export interface RevocationList {
  /** Hex of the issuer's name as it stands there. */
  readonly issuer: string;
  /** Hex of the serial numbers of what is revoked. */
  readonly serials: ReadonlySet<string>;
  /** Unix milliseconds. */
  readonly fromMs: number;
  /** Unix milliseconds; Infinity where it does not say. */
  readonly untilMs: number;
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
  /** Object identifier of the signature's algorithm. */
  readonly algorithm: string;
}

/** Reads a list in DER; undefined where it is none. */
export function readRevocationList(der: Uint8Array): RevocationList | undefined {
  const [tbs, algorithm, signature] = derChildren(derNodes(der)[0]);
  const parts = derChildren(tbs);
  const [, issuer, thisUpdate, ...rest] = parts[0]?.tag === INTEGER ? parts.slice(1) : parts;
  const fromMs = timeMs(thisUpdate);
  if (tbs === undefined || issuer === undefined || fromMs === undefined || signature?.tag !== BIT_STRING) return undefined;
  const untilMs = timeMs(rest[0]);
  const revoked = rest[untilMs === undefined ? 0 : 1];
  const serials = revoked?.tag === SEQUENCE ? derChildren(revoked).map((entry) => integerHex(derChildren(entry)[0])) : [];
  return {
    issuer: hexOf(issuer.whole),
    serials: new Set(serials),
    fromMs,
    untilMs: untilMs ?? Infinity,
    signedBytes: tbs.whole,
    signature: signature.body.subarray(1),
    algorithm: oidOf(derChildren(algorithm)[0]),
  };
}
