/** What logs, headers and conditions may ask of a certificate, read when somebody does. */
import type { X509Certificate } from 'node:crypto';
import { type AltNames, altNamesOf, fingerprintOf, issuerOf, serialOf, subjectOf } from '../../net/peer-certificate.ts';
import { presentedChain } from './chain.ts';

export class CertificateFacts {
  readonly certificate: X509Certificate;
  #names: AltNames | undefined;
  #subject: string | undefined;
  #issuer: string | undefined;
  #fingerprint: string | undefined;

  constructor(certificate: X509Certificate) {
    this.certificate = certificate;
  }

  get names(): AltNames {
    return (this.#names ??= altNamesOf(this.certificate));
  }

  get subject(): string {
    return (this.#subject ??= subjectOf(this.certificate));
  }

  get issuer(): string {
    return (this.#issuer ??= issuerOf(this.certificate));
  }

  get serial(): string {
    return serialOf(this.certificate);
  }

  /** SHA-256 in lower-case hex. */
  get fingerprint(): string {
    return (this.#fingerprint ??= fingerprintOf(this.certificate));
  }

  /** SHA-1 in lower-case hex. */
  get fingerprintSha1(): string {
    return this.certificate.fingerprint.replaceAll(':', '').toLowerCase();
  }

  get pem(): string {
    return this.certificate.toString();
  }

  /** Unix milliseconds. */
  get validFromMs(): number {
    return this.certificate.validFromDate.getTime();
  }

  /** Unix milliseconds. */
  get validToMs(): number {
    return this.certificate.validToDate.getTime();
  }

  /** The certificates that came with it, itself first. */
  chain(): readonly CertificateFacts[] {
    return presentedChain(this.certificate).map((each) => new CertificateFacts(each));
  }
}
