import type { X509Certificate } from 'node:crypto';
import type { SecureContext, TLSSocket } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { messageOf } from '../../core/errors.ts';
import { wrapTls } from '../../net/socket-connection.ts';
import { altNamesOf, peerCertificate } from '../../net/peer-certificate.ts';
import { createTlsContext } from '../../net/tls-context.ts';
import { dialTls } from '../../net/tls-dial.ts';
import { CommonTlsContextSchema, type UpstreamTlsContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { ConnectOptions, Host, Transport, TransportHandlers, UpstreamTls } from '../cluster/cluster.ts';
import type { SecretStore } from '../config/secret-store.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { ContextSource, readTlsSettings, type TlsSettings, urisOf } from './common-context.ts';
import { dnsNameCovers } from './san-matcher.ts';
import { judge, type Refusal } from './validation.ts';

interface Current {
  readonly version: number;
  readonly context: SecureContext;
  readonly localUriSans: readonly string[];
}

interface Session {
  readonly version: number;
  /** The name that its peer was judged by. */
  readonly serverName: string;
  /** Its peer's, which shows no certificate when the session is resumed. */
  readonly uriSans: readonly string[];
  readonly bytes: Buffer;
}

/** Names of HTTP/2 in ALPN; the latter is Istio's, between its sidecars. */
export const HTTP2_NAMES: ReadonlySet<string> = new Set(['h2', 'istio-h2']);

/** Why there is no connection, as Envoy's transport failure reason begins. */
function tlsError(reason: string): string {
  return `TLS_error:|${reason}`;
}

/** TLS to hosts: UpstreamTlsContext. Sessions are kept one a host, as long as the secrets stay. */
export class TlsTransport implements Transport {
  readonly isTls = true;
  readonly #settings: TlsSettings;
  readonly #serverName: string;
  readonly #usesHostname: boolean;
  readonly #checksSni: boolean;
  readonly #keepAliveMs: number;
  readonly #resumes: boolean;
  readonly #source: ContextSource;
  readonly #stats: StatsScope;
  readonly #sessions = new WeakMap<Host, Session>();
  #context: Current | undefined;

  constructor(
    config: UpstreamTlsContext,
    path: string,
    scope: { stats: StatsScope; secrets: SecretStore; usesHostname: boolean; checksSni: boolean; keepAliveMs: number },
  ) {
    this.#settings = readTlsSettings(
      config.commonTlsContext ?? create(CommonTlsContextSchema),
      `${path}.common_tls_context`,
      scope.secrets,
    );
    this.#serverName = config.sni;
    this.#usesHostname = scope.usesHostname;
    this.#checksSni = scope.checksSni;
    this.#keepAliveMs = scope.keepAliveMs;
    this.#resumes = (config.maxSessionKeys ?? 1) > 0;
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

  #count(name: string): void {
    this.#stats.counter(name).value++;
  }

  /** The context in force and its version. Throws where it cannot be made of secrets that came later. */
  #current(): Current | undefined {
    const source = this.#source.current();
    if (source === undefined) return undefined;
    if (this.#context?.version === source.version) return this.#context;
    const { version, options, keyPairs } = source;
    this.#context = { version, context: createTlsContext(options), localUriSans: urisOf(keyPairs) };
    return this.#context;
  }

  #nameFor(host: Host, options: ConnectOptions): string {
    const configured = options.sni ?? this.#serverName;
    return configured === '' && this.#usesHostname ? host.hostname : configured;
  }

  #offer({ alpn = this.#settings.alpn, alpnFallback = [], isHttp1Only = false }: ConnectOptions): readonly string[] {
    const offer = alpn.length > 0 ? alpn : alpnFallback;
    return isHttp1Only ? offer.filter((name) => !HTTP2_NAMES.has(name)) : offer;
  }

  connect(host: Host, options: ConnectOptions, handlers: TransportHandlers): void {
    let current: Current | undefined;
    try {
      current = this.#current();
    } catch (error) {
      this.#fail(handlers, tlsError(messageOf(error)), 'ssl.connection_error');
      return;
    }
    if (current === undefined) this.#fail(handlers, tlsError('Secret is not supplied by SDS'), 'ssl.upstream_context_secrets_not_ready');
    else this.#dial(host, options, handlers, current);
  }

  #fail(handlers: TransportHandlers, reason: string, stat: string): void {
    this.#count(stat);
    queueMicrotask(() => handlers.onClose(reason));
  }

  #dial(host: Host, options: ConnectOptions, handlers: TransportHandlers, current: Current): void {
    const former = this.#sessions.get(host);
    const serverName = this.#nameFor(host, options);
    let trusted: UpstreamTls | undefined;
    let latest: Buffer | undefined;
    const keep = (): void => {
      if (trusted !== undefined && latest !== undefined && this.#resumes)
        this.#sessions.set(host, { version: current.version, serverName, uriSans: trusted.uriSans, bytes: latest });
    };
    dialTls(
      {
        address: host.address,
        bind: options.bind,
        context: current.context,
        serverName,
        alpn: this.#offer(options),
        session: former?.version === current.version && former.serverName === serverName ? former.bytes : undefined,
        timeoutMs: options.timeoutMs,
        keepAliveMs: this.#keepAliveMs,
      },
      {
        onFailure: (kind, reason) => this.#failed(host, handlers, kind, reason),
        onSession(session) {
          latest = session;
          keep();
        },
        onSecure: (socket, verifyError) => {
          // read once: Node takes a server's certificate off the chain when it is asked for, and has none the second time
          const certificate = peerCertificate(socket);
          if (!this.#isAccepted(host, socket, certificate, verifyError, serverName, handlers)) return;
          const uriSans = socket.isSessionReused() ? (former?.uriSans ?? []) : altNamesOf(certificate).uris;
          const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '';
          trusted = { alpn, uriSans, localUriSans: current.localUriSans };
          this.#handOver(host, socket, trusted, handlers);
          keep();
        },
      },
    );
  }

  #failed(host: Host, handlers: TransportHandlers, kind: 'connect' | 'handshake' | 'timeout', reason: string): void {
    if (kind === 'handshake') {
      this.#count('ssl.connection_error');
      this.#sessions.delete(host);
    }
    handlers.onClose(kind === 'handshake' ? tlsError(reason) : reason);
  }

  #refusal(certificate: X509Certificate | undefined, verifyError: string | undefined, serverName: string): Refusal | undefined {
    const { validation } = this.#settings;
    if (validation === undefined) return undefined;
    if (certificate === undefined) return { stat: 'fail_verify_no_cert', reason: 'the peer has no certificate' };
    const names = altNamesOf(certificate);
    if (this.#checksSni && !names.dns.some((name) => dnsNameCovers(name, serverName))) {
      return {
        stat: 'fail_verify_san',
        reason: `the peer's certificate is not for ${serverName === '' ? 'a name, and none was sent' : serverName}`,
      };
    }
    return judge(validation, certificate, verifyError, names);
  }

  /** Whether the peer is whom we want; tells where it is not. */
  #isAccepted(
    host: Host,
    socket: TLSSocket,
    certificate: X509Certificate | undefined,
    verifyError: string | undefined,
    serverName: string,
    handlers: TransportHandlers,
  ): boolean {
    // sessions are kept of peers that were judged under the same secrets, and a resumed one shows no certificate
    const isResumed = socket.isSessionReused();
    const refusal = isResumed ? undefined : this.#refusal(certificate, verifyError, serverName);
    if (refusal !== undefined) {
      socket.destroy();
      this.#sessions.delete(host);
      this.#count(`ssl.${refusal.stat}`);
      handlers.onClose(tlsError(`CERTIFICATE_VERIFY_FAILED:${refusal.reason}`));
      return false;
    }
    this.#count('ssl.handshake');
    if (isResumed) this.#count('ssl.session_reused');
    return true;
  }

  #handOver(host: Host, socket: TLSSocket, tls: UpstreamTls, handlers: TransportHandlers): void {
    const connection = wrapTls(socket, undefined, host.address);
    connection.read(handlers);
    handlers.onConnect(connection, tls);
  }
}
