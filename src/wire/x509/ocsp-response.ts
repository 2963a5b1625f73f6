/** OCSP responses (RFC 6960) as far as a server that staples them looks: of which certificate, good or not, and until when. */
import { derChildren, type DerNode, derNodes, integerHex, OCTET_STRING, oidOf, timeMs } from './der.ts';

export interface OcspResponse {
  /** Hex of the serial number of the certificate that it is about. */
  readonly serial: string;
  readonly status: 'good' | 'revoked' | 'unknown';
  /** Unix milliseconds. */
  readonly fromMs: number;
  /** Unix milliseconds; Infinity where it does not say. */
  readonly untilMs: number;
}

const ENUMERATED = 0x0a;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_1 = 0xa1;
const BASIC = '1.3.6.1.5.5.7.48.1.1';
const STATUSES: Readonly<Record<number, OcspResponse['status']>> = { 0x80: 'good', 0xa1: 'revoked', 0x82: 'unknown' };
const GENERALIZED_TIME = 0x18;

/** The BasicOCSPResponse in a successful response. */
function basicOf(bytes: Uint8Array): DerNode | undefined {
  const [status, rest] = derChildren(derNodes(bytes)[0]);
  if (status?.tag !== ENUMERATED || status.body[0] !== 0) return undefined;
  const [type, response] = derChildren(derChildren(rest, EXPLICIT_0)[0]);
  return oidOf(type) === BASIC && response?.tag === OCTET_STRING ? derNodes(response.body)[0] : undefined;
}

/** Reads a response of one certificate. A string says what is wrong with it. */
export function readOcspResponse(bytes: Uint8Array): OcspResponse | string {
  const basic = basicOf(bytes);
  if (basic === undefined) return 'is no successful basic OCSP response in DER';
  const parts = derChildren(derChildren(basic)[0]);
  // version [0], responderID [1] or [2], producedAt, responses
  const producedAt = parts.findIndex(({ tag }) => tag === GENERALIZED_TIME);
  const singles = producedAt === -1 ? [] : derChildren(parts[producedAt + 1]);
  if (singles.length !== 1) return `is about ${singles.length} certificates; it must be about one`;
  const [id, state, thisUpdate, nextUpdate] = derChildren(singles[0]);
  const status = STATUSES[state?.tag ?? 0];
  const serial = integerHex(derChildren(id)[3]);
  const fromMs = timeMs(thisUpdate);
  if (status === undefined || serial === '' || fromMs === undefined) return 'is a broken OCSP response';
  const until = nextUpdate?.tag === EXPLICIT_0 ? timeMs(derChildren(nextUpdate, EXPLICIT_0)[0]) : undefined;
  const isBroken = nextUpdate !== undefined && nextUpdate.tag !== EXPLICIT_1 && until === undefined;
  return isBroken ? 'is a broken OCSP response' : { serial, status, fromMs, untilMs: until ?? Infinity };
}
