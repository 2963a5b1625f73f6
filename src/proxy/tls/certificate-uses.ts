/** Which certificates are in use, by whom and until when: for `/certs`, `tulle proxy certs`, and warnings before they end. */
import type { X509Certificate } from 'node:crypto';
import type { Log } from '../../core/log.ts';
import { altNamesOf, issuerOf, serialOf, subjectOf } from '../../net/peer-certificate.ts';
import { readOcspResponse } from '../../wire/x509/ocsp-response.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { certificatesOf } from './chain.ts';

/** Certificates that belong together as Envoy's `/certs` groups them. */
export interface CertificateUse {
  /** Names of the secrets of `chains`; `inline` for those of the configuration itself. */
  readonly names: readonly string[];
  readonly trustName: string;
  /** `listener.<address>` or `cluster.<name>`: who uses it. */
  readonly usedBy: string;
  /** PEM; '' without. */
  readonly roots: string;
  /** PEM of each of our own certificates' chains. */
  readonly chains: readonly string[];
  /** Stapled OCSP responses, in the order of `chains`. */
  readonly staples: readonly (Uint8Array | undefined)[];
}

/** One certificate. */
export interface CertificateRow {
  readonly certificate: X509Certificate;
  readonly use: CertificateUse;
  readonly kind: 'ca' | 'leaf' | 'intermediate';
  /** The secret's name. */
  readonly name: string;
  readonly expiresMs: number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** How much of its life may be left before a warning: renewals come at half of it, and something is wrong by then. */
const WARN_SHARE = 1 / 4;
/** So long after a change nobody is warned of: a renewed certificate reaches those who use it one after another. In milliseconds. */
const SETTLE_MS = 1000;
/** No warning while more than this is left, however long the life is. */
const WARN_MS_MAX = 30 * DAY_MS;

function rowsOf(use: CertificateUse): CertificateRow[] {
  const row = (certificate: X509Certificate, kind: CertificateRow['kind'], name: string): CertificateRow => ({
    certificate,
    use,
    kind,
    name,
    expiresMs: certificate.validToDate.getTime(),
  });
  const own = use.chains.flatMap((chain, at) =>
    certificatesOf(chain).map((each, i) => row(each, i === 0 ? 'leaf' : 'intermediate', use.names[at] ?? '')),
  );
  return [...certificatesOf(use.roots).map((each) => row(each, 'ca', use.trustName)), ...own];
}

function isNearEnd({ certificate, expiresMs }: CertificateRow, nowMs: number): boolean {
  const lifeMs = expiresMs - certificate.validFromDate.getTime();
  return expiresMs - nowMs < Math.min(WARN_MS_MAX, lifeMs * WARN_SHARE);
}

/** When the first of the staples ends, in Unix milliseconds; undefined where none does. */
function firstStapleEnd(uses: Iterable<CertificateUse>): number | undefined {
  let first: number | undefined;
  for (const { staples } of uses) {
    for (const staple of staples) {
      const response = staple === undefined ? '' : readOcspResponse(staple);
      if (typeof response !== 'string' && Number.isFinite(response.untilMs)) first = Math.min(first ?? Infinity, response.untilMs);
    }
  }
  return first;
}

/** The certificates in use now. */
export class CertificateUses {
  readonly #uses = new Map<object, CertificateUse>();
  readonly #warned = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #look: ((warns: boolean) => void) | undefined;
  #isLookDue = false;
  #warnTimer: NodeJS.Timeout | undefined;

  /** Tells what `user` uses from now on. */
  set(user: object, use: CertificateUse): void {
    this.#uses.set(user, use);
    this.#lookSoon();
  }

  delete(user: object): void {
    if (this.#uses.delete(user)) this.#lookSoon();
  }

  /** Once for all that changes in this turn of the event loop; warnings only when changes are over. */
  #lookSoon(): void {
    if (this.#look === undefined) return;
    clearTimeout(this.#warnTimer);
    this.#warnTimer = setTimeout(() => this.#look?.(true), SETTLE_MS).unref();
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    setImmediate(() => {
      this.#isLookDue = false;
      this.#look?.(false);
    });
  }

  [Symbol.iterator](): Iterator<CertificateUse> {
    return this.#uses.values();
  }

  rows(): CertificateRow[] {
    return [...this.#uses.values()].flatMap(rowsOf);
  }

  /**
   * Keeps the gauges of Envoy's `server.*` and warns, now, when certificates have changed, and every hour. `nowMs` is Unix
   * milliseconds.
   */
  watch(stats: StatsScope, log: Log, nowMs: () => number): void {
    const look = (warns: boolean): void => {
      this.#count(stats, nowMs());
      if (warns) for (const row of this.rows()) this.#warn(row, log, nowMs());
    };
    this.#look = look;
    clearInterval(this.#timer);
    this.#timer = setInterval(look, HOUR_MS, true).unref();
    look(true);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#warnTimer);
    this.#timer = undefined;
    this.#look = undefined;
  }

  #count(stats: StatsScope, nowMs: number): void {
    const rows = this.rows();
    const firstMs = Math.min(...rows.map(({ expiresMs }) => expiresMs));
    // Envoy's value where there is none
    const days = rows.length === 0 ? 0xffff_ffff : Math.floor((firstMs - nowMs) / DAY_MS);
    stats.gauge('days_until_first_cert_expiring').value = Math.max(0, days);
    const stapleMs = firstStapleEnd(this.#uses.values());
    if (stapleMs !== undefined)
      stats.gauge('seconds_until_first_ocsp_response_expiring').value = Math.max(0, Math.floor((stapleMs - nowMs) / 1000));
  }

  #warn(row: CertificateRow, log: Log, nowMs: number): void {
    const { certificate, use, name, expiresMs } = row;
    const key = `${certificate.fingerprint256} ${use.usedBy} ${expiresMs < nowMs ? 'expired' : 'near'}`;
    if (!isNearEnd(row, nowMs) || this.#warned.has(key)) return;
    this.#warned.add(key);
    const names = altNamesOf(certificate);
    log.warn(expiresMs < nowMs ? 'a certificate has expired' : 'a certificate expires soon', {
      name,
      usedBy: use.usedBy,
      subject: subjectOf(certificate) || names.uris[0] || names.dns[0] || '',
      issuer: issuerOf(certificate),
      serial: serialOf(certificate),
      expires: new Date(expiresMs).toISOString(),
    });
  }
}
