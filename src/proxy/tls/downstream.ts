import { constants, type X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { altNamesOf, fingerprintOf, peerCertificate, subjectOf } from '../../net/peer-certificate.ts';
import { createTlsAcceptor, type TlsAcceptor } from '../../net/tls-accept.ts';
import type { ClientHello } from '../../wire/tls/client-hello.ts';
import { CommonTlsContextSchema, type DownstreamTlsContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { durationMs } from '../config/durations.ts';
import type { SecretStore } from '../config/secret-store.ts';
import type { PeerTls } from '../listener/connection.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { ContextSource, readTlsSettings, type TlsSettings, urisOf } from './common-context.ts';
import { judge, type Refusal } from './validation.ts';

export interface DownstreamTlsHandlers {
  onSecure(socket: TLSSocket, peer: PeerTls): void;
  /** No connection; the socket is closed. `reason` begins with `TLS_error:|`. */
  onRefused(reason: string): void;
}

/** What is read of a certificate the first time somebody asks. */
class Peer implements PeerTls {
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly localUriSans: readonly string[];
  readonly #certificate: X509Certificate | undefined;
  readonly #socket: TLSSocket;
  #facts: { subject: string; fingerprint: string } | undefined;
  readonly protocol: string;
  readonly alpn: string;

  /** `certificate` is given where it was verified. */
  constructor(socket: TLSSocket, certificate: X509Certificate | undefined, localUriSans: readonly string[]) {
    const names = altNamesOf(certificate);
    this.uriSans = names.uris;
    this.dnsSans = names.dns;
    this.localUriSans = localUriSans;
    this.#certificate = certificate;
    this.#socket = socket;
    this.protocol = socket.getProtocol() ?? '';
    this.alpn = socket.alpnProtocol || '';
  }

  #read(): { subject: string; fingerprint: string } {
    const certificate = this.#certificate;
    this.#facts ??=
      certificate === undefined
        ? { subject: '', fingerprint: '' }
        : { subject: subjectOf(certificate), fingerprint: fingerprintOf(certificate) };
    return this.#facts;
  }

  get subject(): string {
    return this.#read().subject;
  }

  get fingerprint(): string {
    return this.#read().fingerprint;
  }

  get pem(): string {
    return this.#certificate?.toString() ?? '';
  }

  chainPem(): readonly string[] {
    const chain: string[] = [];
    for (let each = this.#certificate; each !== undefined; each = each.issuerCertificate) chain.push(each.toString());
    return chain;
  }

  get cipher(): string {
    return this.#socket.destroyed ? '' : this.#socket.getCipher().standardName;
  }
}

interface Acceptors {
  readonly version: number;
  readonly withAlpn: TlsAcceptor;
  /** For clients that offer protocols of which we have none: they get no answer instead of an alert, as from Envoy. */
  readonly withoutAlpn: TlsAcceptor;
  readonly localUriSans: readonly string[];
}

/** Where nothing limits a handshake: OpenSSL would wait for ever. */
const HANDSHAKE_MS = 120_000;

/** TLS with clients: DownstreamTlsContext. New connections get the secrets in force, those that exist keep theirs. */
export class DownstreamTls {
  readonly #settings: TlsSettings;
  readonly #requiresCertificate: boolean;
  readonly #requiresName: boolean;
  readonly #resumes: boolean;
  readonly #sessionTimeoutS: number | undefined;
  readonly #handshakeMs: number;
  readonly #source: ContextSource;
  readonly #stats: StatsScope;
  #acceptors: Acceptors | undefined;

  constructor(config: DownstreamTlsContext, path: string, scope: { stats: StatsScope; secrets: SecretStore; handshakeMs: number }) {
    const common = config.commonTlsContext ?? create(CommonTlsContextSchema);
    this.#settings = readTlsSettings(common, `${path}.common_tls_context`, scope.secrets);
    if (this.#settings.keyPairs.length === 0) throw new ConfigError(`${path}.common_tls_context`, 'no certificate is given');
    this.#requiresCertificate = config.requireClientCertificate ?? false;
    if (this.#requiresCertificate && this.#settings.validation === undefined) {
      throw new ConfigError(`${path}.require_client_certificate`, 'needs a validation context to check certificates against');
    }
    this.#requiresName = config.requireSni ?? false;
    // sessions are kept by clients alone (tickets): without them nothing is resumed
    this.#resumes = config.sessionTicketKeysType.case !== 'disableStatelessSessionResumption' || !config.sessionTicketKeysType.value;
    this.#sessionTimeoutS = config.sessionTimeout && Math.max(1, Math.round(durationMs(config.sessionTimeout, 0) / 1000));
    this.#handshakeMs = scope.handshakeMs || HANDSHAKE_MS;
    this.#source = new ContextSource(this.#settings);
    this.#stats = scope.stats;
  }

  get isReady(): boolean {
    return this.#source.isReady;
  }

  onReady(callback: () => void): void {
    this.#source.onChange(callback);
  }

  close(): void {
    this.#source.close();
  }

  /** True where the ClientHello must be known before the handshake begins. */
  get needsHello(): boolean {
    return this.#settings.alpn.length > 0 || this.#requiresName;
  }

  get handshakeMs(): number {
    return this.#handshakeMs;
  }

  #count(name: string): void {
    this.#stats.counter(name).value++;
  }

  #current(): Acceptors | undefined {
    const source = this.#source.current();
    if (source === undefined) return undefined;
    if (this.#acceptors?.version === source.version) return this.#acceptors;
    const options = {
      context: this.#resumes ? source.options : { ...source.options, secureOptions: constants.SSL_OP_NO_TICKET },
      asksCertificate: this.#settings.validation !== undefined,
      timeoutMs: this.#handshakeMs,
      sessionTimeoutS: this.#sessionTimeoutS,
    };
    const withoutAlpn = createTlsAcceptor({ ...options, alpn: [] });
    const { alpn } = this.#settings;
    const withAlpn = alpn.length === 0 ? withoutAlpn : createTlsAcceptor({ ...options, alpn });
    this.#acceptors = { version: source.version, withAlpn, withoutAlpn, localUriSans: urisOf(source.keyPairs) };
    return this.#acceptors;
  }

  /** Shakes hands over a paused socket, whose bytes that were read already have been put back. */
  accept(socket: Socket, hello: ClientHello | undefined, handlers: DownstreamTlsHandlers): void {
    const refuse = (reason: string, stat: string): void => {
      this.#count(stat);
      socket.destroy();
      handlers.onRefused(`TLS_error:|${reason}`);
    };
    let acceptors: Acceptors | undefined;
    try {
      acceptors = this.#current();
    } catch (error) {
      refuse(messageOf(error), 'ssl.connection_error');
      return;
    }
    if (acceptors === undefined) refuse('Secret is not supplied by SDS', 'ssl.downstream_context_secrets_not_ready');
    else if (this.#requiresName && (hello?.serverName ?? '') === '') refuse('the client sent no server name', 'ssl.connection_error');
    else this.#shake(socket, hello, acceptors, handlers, refuse);
  }

  #shake(
    socket: Socket,
    hello: ClientHello | undefined,
    acceptors: Acceptors,
    handlers: DownstreamTlsHandlers,
    refuse: (reason: string, stat: string) => void,
  ): void {
    const shares = hello === undefined || hello.alpn.length === 0 || hello.alpn.some((protocol) => this.#settings.alpn.includes(protocol));
    const acceptor = shares ? acceptors.withAlpn : acceptors.withoutAlpn;
    acceptor.accept(socket, {
      onFailure: (reason) => refuse(reason, 'ssl.connection_error'),
      onSecure: (secured, verifyError) => {
        const certificate = peerCertificate(secured);
        const refusal = this.#refusal(certificate, verifyError);
        if (refusal !== undefined) {
          secured.destroy();
          refuse(`CERTIFICATE_VERIFY_FAILED:${refusal.reason}`, `ssl.${refusal.stat}`);
          return;
        }
        this.#count('ssl.handshake');
        if (secured.isSessionReused()) this.#count('ssl.session_reused');
        if (certificate === undefined) this.#count('ssl.no_certificate');
        const verified = this.#settings.validation?.trust !== undefined && verifyError === undefined ? certificate : undefined;
        handlers.onSecure(secured, new Peer(secured, verified, acceptors.localUriSans));
      },
    });
  }

  #refusal(certificate: X509Certificate | undefined, verifyError: string | undefined): Refusal | undefined {
    const { validation } = this.#settings;
    if (validation === undefined) return undefined;
    if (certificate !== undefined) return judge(validation, certificate, verifyError);
    return this.#requiresCertificate ? { stat: 'fail_verify_no_cert', reason: 'the client sent no certificate' } : undefined;
  }
}
