import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { derChildren, derNodes, hexOf, OCTET_STRING } from '../../wire/x509/der.ts';
import type { PeerTls } from '../listener/connection.ts';
import { CertificateFacts } from './certificate-facts.ts';

const NO_NAMES: readonly string[] = [];

/** The identifier in a session as OpenSSL writes it down: version, TLS version, cipher, identifier, ... */
function sessionIdOf(session: Uint8Array): string {
  const [, , , id] = derChildren(derNodes(session)[0]);
  return id?.tag === OCTET_STRING ? hexOf(id.body) : '';
}

export interface PeerOptions {
  /** What the client has shown; undefined where that is nothing. */
  readonly certificate: X509Certificate | undefined;
  /** It was checked, and nothing is wrong with it. */
  readonly isVerified: boolean;
  readonly local: CertificateFacts | undefined;
  /** '' where unknown. */
  readonly group: string;
}

/** What is known of a TLS client; most of it is read the first time somebody asks. Names count only where they were verified. */
export class Peer implements PeerTls {
  readonly protocol: string;
  readonly alpn: string;
  readonly group: string;
  readonly certificate: CertificateFacts | undefined;
  readonly local: CertificateFacts | undefined;
  readonly #verified: CertificateFacts | undefined;
  readonly #socket: TLSSocket;
  #cipher: string | undefined;

  constructor(socket: TLSSocket, { certificate, isVerified, local, group }: PeerOptions) {
    this.certificate = certificate === undefined ? undefined : new CertificateFacts(certificate);
    this.#verified = isVerified ? this.certificate : undefined;
    this.local = local;
    this.group = group;
    this.#socket = socket;
    this.protocol = socket.getProtocol() ?? '';
    this.alpn = socket.alpnProtocol || '';
  }

  get uriSans(): readonly string[] {
    return this.#verified?.names.uris ?? NO_NAMES;
  }

  get dnsSans(): readonly string[] {
    return this.#verified?.names.dns ?? NO_NAMES;
  }

  get localUriSans(): readonly string[] {
    return this.local?.names.uris ?? NO_NAMES;
  }

  get subject(): string {
    return this.#verified?.subject ?? '';
  }

  get fingerprint(): string {
    return this.#verified?.fingerprint ?? '';
  }

  get pem(): string {
    return this.#verified?.pem ?? '';
  }

  chainPem(): readonly string[] {
    return this.#verified?.chain().map(({ pem }) => pem) ?? [];
  }

  get cipher(): string {
    this.#cipher ??= this.#socket.destroyed ? undefined : this.#socket.getCipher().name;
    return this.#cipher ?? '';
  }

  get sessionId(): string {
    // there are no identifiers in TLS 1.3: what OpenSSL has in its place is of the ticket, and no peer knows it
    if (this.protocol === 'TLSv1.3') return '';
    const session = this.#socket.destroyed ? undefined : this.#socket.getSession();
    return session === undefined ? '' : sessionIdOf(session);
  }
}
