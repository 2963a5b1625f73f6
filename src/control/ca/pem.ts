/** PEM around DER (RFC 7468). */
import { ProtocolError } from '../../core/errors.ts';

/** `der` as a PEM block, with a newline at its end. */
export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The DER of the first block with one of `labels`. Throws ProtocolError where there is none. */
export function fromPem(pem: string, labels: readonly string[]): Buffer {
  for (const label of labels) {
    const match = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(pem);
    if (match !== null) return Buffer.from(match[1] ?? '', 'base64');
  }
  throw new ProtocolError('pem_malformed', 400, `no PEM block "${labels[0] ?? ''}" found`);
}
