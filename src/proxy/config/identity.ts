/**
 * The proxy's own certificate: a key made here that never leaves the process, signed by the mesh's CA, renewed at
 * half of its life. A failed renewal is tried again while the old certificate still holds, and after.
 *
 *   start ──▶ asking ──(signed)──▶ waiting for half-life ──▶ asking ...
 *               ▲  └─(failed)──▶ backing off ─┘
 */
import { X509Certificate } from 'node:crypto';
import type { Clock, Random } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { createKeyAndCsr } from './csr.ts';
import type { KeyPair, TrustBundle } from './secret-store.ts';

export interface IdentityOptions {
  /** Has the CA sign a request; PEM certificates, leaf first, root last. */
  sign(csr: string): Promise<readonly string[]>;
  onCertificate(keyPair: KeyPair, trust: TrustBundle): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly stats: StatsScope;
}

const BACK_OFF_MS = 500;
const BACK_OFF_MS_MAX = 30_000;
/** Share of the life after which a certificate is renewed, and how far chance moves it, so that a fleet spreads. */
const RENEW_AT = 0.5;
const RENEW_JITTER = 0.1;
/** How long nobody looks at the wall's clock: it may be set, or have gone on while the machine slept, and timers not. */
const LOOK_MS_MAX = 60_000;

export class Identity {
  readonly #options: IdentityOptions;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;
  #expiresMs = 0;

  constructor(options: IdentityOptions) {
    this.#options = options;
  }

  /** When the certificate in use ends, Unix milliseconds; 0 before there is one. */
  get expiresMs(): number {
    return this.#expiresMs;
  }

  /** True where there is a certificate and its time is over. */
  get isExpired(): boolean {
    return this.#expiresMs !== 0 && this.#options.clock.wallMs() >= this.#expiresMs;
  }

  /** Asks for the first certificate and goes on by itself. */
  start(): void {
    void this.#renew();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #renew(): Promise<void> {
    const { log, stats } = this.#options;
    try {
      const { privateKey, csr } = createKeyAndCsr();
      const chain = await this.#options.sign(csr);
      if (this.#isStopped) return;
      this.#install(privateKey, chain);
      this.#failures = 0;
      stats.counter('renewals').value++;
    } catch (error) {
      if (this.#isStopped) return;
      stats.counter('renewal_failures').value++;
      this.#watchExpiry();
      const delayMs = this.#backOffMs();
      log.warn('certificate was not signed', { error: messageOf(error), retryMs: delayMs, isExpired: this.isExpired });
      this.#after(delayMs, () => void this.#renew());
    }
  }

  #install(privateKey: string, chain: readonly string[]): void {
    const [leaf] = chain;
    const root = chain.at(-1);
    if (leaf === undefined || root === undefined || chain.length < 2)
      throw new Error(`the CA answered with ${chain.length} certificates; a leaf and a root are needed`);
    const certificate = new X509Certificate(leaf);
    this.#expiresMs = Date.parse(certificate.validTo);
    const { clock, random, log, stats } = this.#options;
    this.#options.onCertificate({ certificateChain: joinPem(chain.slice(0, -1)), privateKey }, { roots: root });
    stats.gauge('expires_at_seconds').value = Math.floor(this.#expiresMs / 1000);
    stats.gauge('expired').value = 0;
    // CAs date certificates back, against clocks that are behind: its life begins now
    const nowMs = clock.wallMs();
    const lifeMs = this.#expiresMs - nowMs;
    const renewMs = nowMs + Math.max(BACK_OFF_MS, lifeMs * (RENEW_AT + (random() - 0.5) * RENEW_JITTER));
    log.info('certificate signed', { names: certificate.subjectAltName, expires: new Date(this.#expiresMs).toISOString() });
    this.#until(renewMs, clock);
  }

  /** Waits for a point of wall time, in steps that a timer can take. */
  #until(wallMs: number, clock: Clock): void {
    const leftMs = wallMs - clock.wallMs();
    this.#after(Math.min(Math.max(leftMs, 0), LOOK_MS_MAX), () => {
      this.#watchExpiry();
      if (clock.wallMs() >= wallMs) void this.#renew();
      else this.#until(wallMs, clock);
    });
  }

  #watchExpiry(): void {
    this.#options.stats.gauge('expired').value = this.isExpired ? 1 : 0;
  }

  /** Full jitter over a doubling ceiling. */
  #backOffMs(): number {
    const ceiling = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS * 2 ** this.#failures);
    this.#failures++;
    return Math.round(ceiling / 2 + (this.#options.random() * ceiling) / 2);
  }

  #after(delayMs: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, delayMs).unref();
  }
}

function joinPem(certificates: readonly string[]): string {
  return certificates.map((certificate) => `${certificate.trimEnd()}\n`).join('');
}
