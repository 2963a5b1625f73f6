/** PEM (RFC 7468): blocks of base64 between lines that name them. */

/** One block, as text with its lines. */
export interface PemBlock {
  /** `CERTIFICATE`, `X509 CRL`, `PRIVATE KEY`, ... */
  readonly label: string;
  readonly text: string;
  readonly base64: string;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*?)-----END \1-----/g;

/** The blocks of a text, in their order; what stands between them has no meaning. */
export function pemBlocks(text: string): readonly PemBlock[] {
  return [...text.matchAll(BLOCK)].map(([block, label = '', base64 = '']) => ({
    label,
    text: block,
    base64: base64.replaceAll(/\s/g, ''),
  }));
}
