import type { X509Certificate } from 'node:crypto';
import type { SecureContext, TLSSocket } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { KeepAlive } from '../../net/keep-alive.ts';
import { wrapTls } from '../../net/socket-connection.ts';
import { altNamesOf, peerCertificate } from '../../net/peer-certificate.ts';
import { createTlsContext } from '../../net/tls-context.ts';
import { dialTls } from '../../net/tls-dial.ts';
import { maySign } from '../../wire/x509/certificate.ts';
import { CommonTlsContextSchema, type UpstreamTlsContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { ConnectOptions, Host, Transport, TransportHandlers, UpstreamTls } from '../cluster/cluster.ts';
import type { SecretStore } from '../config/secret-store.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { CertificateFacts } from './certificate-facts.ts';
import { ContextSource, readTlsSettings, type TlsSettings } from './common-context.ts';
import { clientGroup, countHandshake } from './handshake-stats.ts';
import { leafOf } from './key-pair.ts';
import { dnsNameCovers } from './san-matcher.ts';
import { judge, namesLine, type Refusal, type Validation } from './validation.ts';

/** All that is made of the secrets in force. */
interface Current {
  readonly version: number;
  readonly context: SecureContext;
  readonly validation: Validation | undefined;
  /** Our own certificate; undefined without one. */
  readonly local: CertificateFacts | undefined;
}

interface Session {
  readonly version: number;
  /** The name that its peer was judged by. */
  readonly serverName: string;
  /** Its peer's certificate, which is not shown again when the session is resumed. */
  readonly peer: CertificateFacts | undefined;
  readonly bytes: Buffer;
}

/** What a handshake is judged and kept by. */
interface Dial {
  readonly host: Host;
  readonly serverName: string;
  readonly current: Current;
  readonly handlers: TransportHandlers;
  /** The session that was offered. */
  readonly former: Session | undefined;
}

/** Names of HTTP/2 in ALPN; the latter is Istio's, between its sidecars. */
export const HTTP2_NAMES: ReadonlySet<string> = new Set(['h2', 'istio-h2']);

const NO_NAMES: readonly string[] = [];

/** Why there is no connection, as Envoy's transport failure reason begins. */
function tlsError(reason: string): string {
  return `TLS_error:|${reason}`;
}

export interface UpstreamScope {
  readonly stats: StatsScope;
  readonly secrets: SecretStore;
  readonly usesHostname: boolean;
  readonly checksSni: boolean;
  readonly keepAlive: KeepAlive | undefined;
  /** `cluster.<name>`, for lists of certificates. */
  readonly usedBy?: string;
}

/** TLS to hosts: UpstreamTlsContext. Sessions are kept one a host, as long as the secrets stay. */
export class TlsTransport implements Transport {
  readonly isTls = true;
  readonly #config: UpstreamTlsContext;
  readonly #settings: TlsSettings;
  readonly #usesHostname: boolean;
  readonly #checksSni: boolean;
  readonly #keepAlive: KeepAlive | undefined;
  readonly #resumes: boolean;
  readonly #source: ContextSource;
  readonly #stats: StatsScope;
  readonly #sessions = new WeakMap<Host, Session>();
  #context: Current | undefined;

  constructor(config: UpstreamTlsContext, path: string, scope: UpstreamScope) {
    this.#config = config;
    const common = config.commonTlsContext ?? create(CommonTlsContextSchema);
    this.#settings = readTlsSettings(common, `${path}.common_tls_context`, scope.secrets);
    if (this.#settings.keyPairs.length > 1)
      throw new ConfigError(`${path}.common_tls_context`, 'has more than one certificate; a client has one');
    if (config.autoSniSanValidation && this.#settings.trust === undefined)
      throw new ConfigError(`${path}.auto_sni_san_validation`, 'needs a trusted_ca: anybody could claim the name');
    if (config.autoHostSni && config.sni !== '') throw new ConfigError(`${path}.auto_host_sni`, 'cannot stand beside sni');
    this.#usesHostname = scope.usesHostname || config.autoHostSni;
    this.#checksSni = scope.checksSni;
    this.#keepAlive = scope.keepAlive;
    this.#resumes = (config.maxSessionKeys ?? 1) > 0;
    this.#stats = scope.stats;
    this.#source = new ContextSource(this.#settings, {
      usedBy: scope.usedBy ?? 'cluster',
      secrets: scope.secrets,
      stats: scope.stats,
      onUpdate: (error) =>
        this.#count(`client_ssl_socket_factory.${error === undefined ? 'ssl_context_update_by_sds' : 'ssl_context_update_failed'}`),
    });
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

  #count(name: string): void {
    this.#stats.counter(name).value++;
  }

  /** The context in force; undefined until its secrets have come. */
  #use(): Current | undefined {
    const source = this.#source.current();
    if (source === undefined) return undefined;
    if (this.#context?.version === source.version) return this.#context;
    const { version, optionsWith, keyPairs, validation } = source;
    const [pair] = keyPairs;
    const local = pair === undefined ? undefined : new CertificateFacts(leafOf(pair, 'certificate_chain'));
    this.#context = { version, context: createTlsContext(optionsWith(keyPairs)), validation, local };
    return this.#context;
  }

  #nameFor(host: Host, options: ConnectOptions): string {
    if (this.#config.autoHostSni && host.hostname !== '') return host.hostname;
    const configured = options.sni ?? this.#config.sni;
    return configured === '' && this.#usesHostname ? host.hostname : configured;
  }

  #offer({ alpn = this.#settings.alpn, alpnFallback = [], isHttp1Only = false }: ConnectOptions): readonly string[] {
    const offer = alpn.length > 0 ? alpn : alpnFallback;
    return isHttp1Only ? offer.filter((name) => !HTTP2_NAMES.has(name)) : offer;
  }

  connect(host: Host, options: ConnectOptions, handlers: TransportHandlers): void {
    const current = this.#use();
    if (current === undefined) {
      this.#count('client_ssl_socket_factory.upstream_context_secrets_not_ready');
      queueMicrotask(() => handlers.onClose(tlsError('Secret is not supplied by SDS')));
      return;
    }
    const serverName = this.#nameFor(host, options);
    const kept = this.#sessions.get(host);
    const former = kept?.version === current.version && kept.serverName === serverName ? kept : undefined;
    this.#dial({ host, serverName, current, handlers, former }, options);
  }

  #dial(dial: Dial, options: ConnectOptions): void {
    const { host, serverName, current, former } = dial;
    let accepted: CertificateFacts | undefined;
    let isAccepted = false;
    let latest: Buffer | undefined;
    const keep = (): void => {
      if (isAccepted && latest !== undefined && this.#resumes)
        this.#sessions.set(host, { version: current.version, serverName, peer: accepted, bytes: latest });
    };
    dialTls(
      {
        address: host.address,
        bind: options.bind,
        preface: options.preface,
        context: current.context,
        serverName,
        alpn: this.#offer(options),
        session: former?.bytes,
        timeoutMs: options.timeoutMs,
        keepAlive: this.#keepAlive,
      },
      {
        onFailure: (kind, reason) => this.#failed(dial, kind, reason),
        onSession(session) {
          latest = session;
          keep();
        },
        onSecure: (socket, verifyError) => {
          // read once: Node takes a server's certificate off the chain when it is asked for, and has none the second time
          const certificate = peerCertificate(socket);
          if (!this.#isAccepted(dial, socket, certificate, verifyError)) return;
          isAccepted = true;
          accepted = socket.isSessionReused() ? former?.peer : certificate && new CertificateFacts(certificate);
          this.#handOver(dial, socket, accepted);
          keep();
        },
      },
    );
  }

  #failed({ host, handlers }: Dial, kind: 'connect' | 'handshake' | 'timeout', reason: string): void {
    if (kind === 'handshake') {
      this.#count('ssl.connection_error');
      this.#sessions.delete(host);
    }
    handlers.onClose(kind === 'handshake' ? tlsError(reason) : reason);
  }

  #refusal(certificate: X509Certificate | undefined, verifyError: string | undefined, { serverName, current }: Dial): Refusal | undefined {
    if (certificate !== undefined && certificate.publicKey.asymmetricKeyType === 'rsa' && !maySign(certificate.raw))
      return { stat: 'fail_verify_error', reason: 'KEY_USAGE_BIT_INCORRECT' };
    const { validation } = current;
    if (validation === undefined) return undefined;
    if (certificate === undefined) return { stat: 'fail_verify_no_cert', reason: 'the peer has no certificate' };
    const names = altNamesOf(certificate);
    const isForSni = (): boolean => names.dns.some((name) => dnsNameCovers(name, serverName));
    const replacesNames = this.#config.autoSniSanValidation && serverName !== '';
    if ((replacesNames || this.#checksSni) && !isForSni()) {
      const wanted = serverName === '' ? 'a name, and none was sent' : serverName;
      return { stat: 'fail_verify_san', reason: `the peer's certificate is not for ${wanted}: it has ${namesLine(names)}` };
    }
    const asked = replacesNames ? { ...validation, names: undefined } : validation;
    const { fault, isRefused } = judge(asked, certificate, verifyError, names);
    if (fault !== undefined && !isRefused) this.#count(`ssl.${fault.stat}`);
    return isRefused ? fault : undefined;
  }

  /** Whether the peer is whom we want; tells where it is not. */
  #isAccepted(dial: Dial, socket: TLSSocket, certificate: X509Certificate | undefined, verifyError: string | undefined): boolean {
    // sessions are kept of peers that were judged under the same secrets, and a resumed one shows no certificate
    const refusal = socket.isSessionReused() ? undefined : this.#refusal(certificate, verifyError, dial);
    if (refusal !== undefined) {
      socket.destroy();
      this.#sessions.delete(dial.host);
      this.#count(`ssl.${refusal.stat}`);
      dial.handlers.onClose(tlsError(`CERTIFICATE_VERIFY_FAILED:${refusal.reason}`));
      return false;
    }
    countHandshake(this.#stats, socket, clientGroup(socket), certificate);
    return true;
  }

  #handOver({ host, handlers, current }: Dial, socket: TLSSocket, peer: CertificateFacts | undefined): void {
    const tls: UpstreamTls = {
      alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
      uriSans: peer?.names.uris ?? NO_NAMES,
      localUriSans: current.local?.names.uris ?? NO_NAMES,
      certificate: peer,
      local: current.local,
      protocol: socket.getProtocol() ?? '',
      cipher: socket.getCipher().name,
      group: clientGroup(socket),
    };
    const connection = wrapTls(socket, undefined, host.address);
    connection.read(handlers);
    handlers.onConnect(connection, tls);
  }
}
