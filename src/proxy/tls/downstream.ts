import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { peerCertificate } from '../../net/peer-certificate.ts';
import { acceptTls, createStapler, refuseTls, type TlsAcceptOptions } from '../../net/tls-accept.ts';
import { createTlsContext } from '../../net/tls-context.ts';
import type { ClientHello } from '../../wire/tls/client-hello.ts';
import { type HelloOffer, readHelloOffer } from '../../wire/tls/hello-offer.ts';
import { readOcspResponse } from '../../wire/x509/ocsp-response.ts';
import {
  CommonTlsContextSchema,
  type DownstreamTlsContext,
  DownstreamTlsContext_OcspStaplePolicy as OcspStaplePolicy,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { durationMs } from '../config/durations.ts';
import type { KeyPair, SecretStore, TicketKeys, Watched } from '../config/secret-store.ts';
import type { PeerTls } from '../listener/connection.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import {
  type Candidate,
  chooseCertificate,
  clientOf,
  curveOf,
  serverNames,
  type StapleAction,
  type StaplePolicy,
  wantsStaple,
} from './certificate-choice.ts';
import { CertificateFacts } from './certificate-facts.ts';
import { ContextSource, readTlsSettings, type TlsSettings, type VersionedContext } from './common-context.ts';
import { Peer } from './downstream-peer.ts';
import { agreedGroup, countHandshake } from './handshake-stats.ts';
import { asksForStaple, leafOf } from './key-pair.ts';
import { readTicketKeys, useTicketKeys } from './ticket-keys.ts';
import { judge, type Refusal, type Validation } from './validation.ts';

export interface DownstreamTlsHandlers {
  onSecure(socket: TLSSocket, peer: PeerTls): void;
  /** No connection; the socket is closed. `reason` begins with `TLS_error:|`. */
  onRefused(reason: string): void;
}

/** One certificate of ours, ready for handshakes. */
interface Identity extends Candidate {
  readonly options: Omit<TlsAcceptOptions, 'alpn' | 'stapler'>;
  readonly stapler: Server | undefined;
  readonly facts: CertificateFacts;
}

/** All that is made of the secrets in force. */
interface Current {
  readonly version: number;
  readonly identities: readonly [Identity, ...Identity[]];
  readonly validation: Validation | undefined;
}

/** Where nothing limits a handshake: OpenSSL would wait for ever. */
const HANDSHAKE_MS = 120_000;

const POLICIES: Readonly<Record<number, StaplePolicy>> = {
  [OcspStaplePolicy.LENIENT_STAPLING]: 'lenient',
  [OcspStaplePolicy.STRICT_STAPLING]: 'strict',
  [OcspStaplePolicy.MUST_STAPLE]: 'must',
};

const STAPLE_STATS: Readonly<Record<StapleAction, string | undefined>> = {
  staple: 'ssl.ocsp_staple_responses',
  omit: 'ssl.ocsp_staple_omitted',
  fail: 'ssl.ocsp_staple_failed',
  unasked: undefined,
};

function readTickets(config: DownstreamTlsContext, path: string, secrets: SecretStore): Watched<TicketKeys> | undefined {
  const type = config.sessionTicketKeysType;
  if (type.case === 'sessionTicketKeysSdsSecretConfig') return secrets.ticketKeys(type.value.name, type.value.sdsConfig);
  if (type.case !== 'sessionTicketKeys') return undefined;
  const keys = readTicketKeys(type.value, `${path}.session_ticket_keys`);
  return { current: () => keys, watch: () => () => {} };
}

function stapleEndOf({ ocspStaple }: KeyPair): number | undefined {
  const response = ocspStaple === undefined ? '' : readOcspResponse(ocspStaple);
  return typeof response === 'string' ? undefined : response.untilMs;
}

/** TLS with clients: DownstreamTlsContext. New connections get the secrets in force, those that exist keep theirs. */
export class DownstreamTls {
  readonly #config: DownstreamTlsContext;
  readonly #settings: TlsSettings;
  readonly #tickets: Watched<TicketKeys> | undefined;
  readonly #stopTickets: (() => void)[] = [];
  readonly #requiresCertificate: boolean;
  readonly #policy: StaplePolicy;
  readonly #handshakeMs: number;
  readonly #source: ContextSource;
  readonly #stats: StatsScope;
  #current: Current | undefined;

  constructor(
    config: DownstreamTlsContext,
    path: string,
    scope: { stats: StatsScope; secrets: SecretStore; handshakeMs: number; usedBy?: string },
  ) {
    const common = config.commonTlsContext ?? create(CommonTlsContextSchema);
    this.#config = config;
    this.#settings = readTlsSettings(common, `${path}.common_tls_context`, scope.secrets);
    if (this.#settings.keyPairs.length === 0) throw new ConfigError(`${path}.common_tls_context`, 'no certificate is given');
    this.#requiresCertificate = config.requireClientCertificate ?? false;
    if (this.#requiresCertificate && this.#settings.trust === undefined)
      throw new ConfigError(`${path}.require_client_certificate`, 'needs a validation context to check certificates against');
    this.#policy = POLICIES[config.ocspStaplePolicy] ?? 'lenient';
    this.#tickets = readTickets(config, path, scope.secrets);
    this.#handshakeMs = scope.handshakeMs || HANDSHAKE_MS;
    this.#stats = scope.stats;
    this.#checkStaples(path);
    this.#source = new ContextSource(this.#settings, {
      usedBy: scope.usedBy ?? 'listener',
      secrets: scope.secrets,
      stats: scope.stats,
      onUpdate: (error) => this.#onUpdate(error),
    });
    this.#watchTickets(() => this.#onUpdate(undefined));
  }

  /** What is missing for ever is wrong now. */
  #checkStaples(path: string): void {
    for (const pair of this.#settings.keyPairs.map((each) => each.current())) {
      if (pair === undefined || pair.ocspStaple !== undefined) continue;
      const at = `${path}.common_tls_context`;
      if (this.#policy === 'must') throw new ConfigError(at, 'ocsp_staple_policy MUST_STAPLE needs an ocsp_staple of each certificate');
      if (asksForStaple(leafOf(pair, at))) throw new ConfigError(at, 'a certificate that asks for a staple needs an ocsp_staple');
    }
  }

  #onUpdate(error: string | undefined): void {
    this.#count(`server_ssl_socket_factory.${error === undefined ? 'ssl_context_update_by_sds' : 'ssl_context_update_failed'}`);
    this.#current = undefined;
  }

  get isReady(): boolean {
    return this.#source.isReady && (this.#tickets === undefined || this.#tickets.current() !== undefined);
  }

  onReady(callback: () => void): void {
    this.#source.onChange(callback);
    this.#watchTickets(callback);
  }

  #watchTickets(callback: () => void): void {
    if (this.#tickets !== undefined) this.#stopTickets.push(this.#tickets.watch(callback));
  }

  close(): void {
    this.#source.close();
    for (const stop of this.#stopTickets) stop();
  }

  get handshakeMs(): number {
    return this.#handshakeMs;
  }

  #count(name: string): void {
    this.#stats.counter(name).value++;
  }

  #contextOptions(source: VersionedContext, pair: KeyPair): SecureContextOptions {
    const { sessionTicketKeysType: tickets, preferClientCiphers, sessionTimeout } = this.#config;
    // a client may have got a ticket before its chain was judged, and shows only its own certificate when it comes back
    const hasNoTickets =
      (tickets.case === 'disableStatelessSessionResumption' && tickets.value) || source.validation?.checkChain !== undefined;
    return {
      ...source.optionsWith([pair]),
      honorCipherOrder: !preferClientCiphers,
      // sessions are kept by clients alone (tickets): without them nothing is resumed
      ...(hasNoTickets ? { secureOptions: constants.SSL_OP_NO_TICKET } : {}),
      ...(sessionTimeout === undefined ? {} : { sessionTimeout: Math.max(1, Math.floor(durationMs(sessionTimeout, 0) / 1000)) }),
      // at most 32 bytes; the same for proxies of the same configuration, which may share ticket keys
      sessionIdContext: (source.validation?.identity ?? 'none').slice(0, 32),
    };
  }

  #makeIdentity(source: VersionedContext, pair: KeyPair): Identity {
    const options = this.#contextOptions(source, pair);
    const context = createTlsContext(options);
    const keys = this.#tickets?.current();
    if (keys !== undefined) useTicketKeys(context, keys);
    const leaf = leafOf(pair, 'certificate_chain');
    const asksCertificate = source.validation !== undefined && (this.#requiresCertificate || this.#asks(source.validation));
    const requiresCertificate = this.#requiresCertificate || source.validation?.requiresCertificate === true;
    return {
      options: { context, asksCertificate, requiresCertificate, timeoutMs: this.#handshakeMs },
      stapler: pair.ocspStaple === undefined ? undefined : createStapler(options, pair.ocspStaple),
      facts: new CertificateFacts(leaf),
      names: serverNames(leaf),
      curve: curveOf(leaf),
      stapleEndMs: stapleEndOf(pair),
      mustStaple: asksForStaple(leaf),
    };
  }

  /** Clients are asked for certificates where there is something to check them against, or all are welcome. */
  #asks({ roots, requiresCertificate, acceptsUntrusted }: Validation): boolean {
    return roots !== undefined || requiresCertificate || acceptsUntrusted;
  }

  #use(): Current | undefined {
    const source = this.#source.current();
    if (source === undefined || !this.isReady) return undefined;
    if (this.#current?.version === source.version) return this.#current;
    const [first, ...rest] = source.keyPairs.map((pair) => this.#makeIdentity(source, pair));
    if (first === undefined) return undefined;
    this.#current = { version: source.version, identities: [first, ...rest], validation: source.validation };
    return this.#current;
  }

  #choose(current: Current, hello: ClientHello | undefined, offer: HelloOffer | undefined): { identity: Identity; staple: StapleAction } {
    const [first, ...others] = current.identities;
    if (others.length === 0 && first.stapleEndMs === undefined && !first.mustStaple && this.#policy !== 'must') {
      return { identity: first, staple: wantsStaple(offer) ? 'omit' : 'unasked' };
    }
    const fullScan = this.#config.fullScanCertsOnSniMismatch === true;
    const options = { policy: this.#policy, fullScan, nowMs: Date.now() };
    const { certificate, staple } = chooseCertificate(current.identities, clientOf(hello, offer), options);
    return { identity: certificate, staple };
  }

  #refuse(handlers: DownstreamTlsHandlers, reason: string, stat: string): void {
    this.#count(stat);
    handlers.onRefused(`TLS_error:|${reason}`);
  }

  /** Shakes hands over a paused socket, whose bytes that were read already have been put back. */
  accept(socket: Socket, hello: ClientHello | undefined, handlers: DownstreamTlsHandlers): void {
    const current = this.#use();
    if (current === undefined) {
      socket.destroy();
      this.#refuse(handlers, 'Secret is not supplied by SDS', 'server_ssl_socket_factory.downstream_context_secrets_not_ready');
    } else if (this.#config.requireSni === true && (hello?.serverName ?? '') === '') {
      socket.destroy();
      this.#refuse(handlers, 'the client sent no server name', 'ssl.connection_error');
    } else {
      this.#shake(socket, hello, current, handlers);
    }
  }

  #shake(socket: Socket, hello: ClientHello | undefined, current: Current, handlers: DownstreamTlsHandlers): void {
    const offer = hello && readHelloOffer(hello.message);
    const { identity, staple } = this.#choose(current, hello, offer);
    if (staple !== 'unasked') this.#count('ssl.ocsp_staple_requests');
    const stapleStat = STAPLE_STATS[staple];
    if (stapleStat !== undefined) this.#count(stapleStat);
    if (staple === 'fail') {
      refuseTls(socket);
      this.#refuse(handlers, 'the certificate has no valid OCSP staple', 'ssl.connection_error');
      return;
    }
    const { alpn } = this.#settings;
    // clients that offer protocols of which we have none get no answer instead of an alert, as from Envoy
    const shares = hello === undefined || hello.alpn.length === 0 || hello.alpn.some((protocol) => alpn.includes(protocol));
    const options = { ...identity.options, alpn: shares ? alpn : [], stapler: staple === 'staple' ? identity.stapler : undefined };
    acceptTls(socket, options, {
      onFailure: (reason) => {
        const isMissing = reason.includes('PEER_DID_NOT_RETURN_A_CERTIFICATE');
        const told = isMissing ? 'PEER_DID_NOT_RETURN_A_CERTIFICATE:the client sent no certificate' : reason;
        this.#refuse(handlers, told, isMissing ? 'ssl.fail_verify_no_cert' : 'ssl.connection_error');
      },
      onSecure: (secured, verifyError) => this.#onSecure(secured, verifyError, identity, offer, current.validation, handlers),
    });
  }

  #onSecure(
    secured: TLSSocket,
    verifyError: string | undefined,
    identity: Identity,
    offer: HelloOffer | undefined,
    validation: Validation | undefined,
    handlers: DownstreamTlsHandlers,
  ): void {
    const certificate = peerCertificate(secured);
    const verdict = certificate !== undefined && validation !== undefined ? judge(validation, certificate, verifyError) : undefined;
    const fault: Refusal | undefined = verdict?.fault;
    if (fault !== undefined && verdict?.isRefused === true) {
      secured.destroy();
      this.#refuse(handlers, `CERTIFICATE_VERIFY_FAILED:${fault.reason}`, `ssl.${fault.stat}`);
      return;
    }
    if (fault !== undefined) this.#count(`ssl.${fault.stat}`);
    const group = agreedGroup(this.#settings.parameters.groups, offer, secured.getProtocol());
    countHandshake(this.#stats, secured, group, certificate);
    if (certificate === undefined) this.#count('ssl.no_certificate');
    const isVerified = verdict?.isValid === true;
    handlers.onSecure(secured, new Peer(secured, { certificate, isVerified, local: identity.facts, group }));
  }
}
