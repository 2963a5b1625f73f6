import { Bag, type Bagged, NOWHERE } from '../../core/bag.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { Connection } from '../../net/connection.ts';
import type { NetAddress } from '../../net/address.ts';
import { wrapTls } from '../../net/socket-connection.ts';
import { type ClientHello, parseClientHello } from '../../wire/tls/client-hello.ts';
import { stateFrom } from '../http/shared-state.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import { refusalOf } from '../network/refusal.ts';
import { tcpStreamInfo } from '../network/tcp-stream-info.ts';
import type { AccessLogger } from '../telemetry/access-log.ts';
import type { Counter, Gauge, StatsScope } from '../telemetry/stats.ts';
import type { DownstreamTls } from '../tls/downstream.ts';
import { type Fingerprints, fingerprintsOf } from '../tls/hello-fingerprint.ts';
import type { DownstreamConnection, PeerTls } from './connection.ts';
import type { FilterChain } from './filter-chain.ts';
import type { Inspection } from './inspect.ts';
import type { AcceptedSocket } from './listener-scope.ts';

export interface RunnerScope {
  readonly listenerName: string;
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
  /** `per_connection_buffer_limit_bytes`. */
  readonly bufferLimitBytes?: number | undefined;
  readonly direction: DownstreamConnection['direction'];
  readonly clock: Clock;
  readonly log: Log;
  /** The listener's. */
  readonly stats: StatsScope;
  readonly accessLog: AccessLogger;
  /** What is made of ClientHellos; undefined: nothing. */
  readonly fingerprints: Fingerprints | undefined;
}

/** What is under way through a chain, and can be closed at once: a connection, or a socket on its way to one. */
interface Open extends Bagged {
  readonly closable: { destroy(): void };
  readonly chain: FilterChain;
}

const NO_CHAIN = flagBit('NR');
/** Istio's name for the identity of the peer that a connection within the process is for. */
const PEER_PRINCIPAL = 'io.istio.peer_principal';
let nextId = 1;

/** The identity of a workload among the names of its certificate; '' without. */
function principalOf(tls: PeerTls | undefined): string {
  return tls?.uriSans.find((uri) => uri.startsWith('spiffe://')) ?? '';
}

/** Brings accepted sockets through the handshake and the filters of their chain, and counts them until they end. */
export class ConnectionRunner {
  readonly #scope: RunnerScope;
  readonly #active: Gauge;
  readonly #open = new Bag<Open>();
  /** Declared once a connection needs them. */
  #total: Counter | undefined = undefined;
  #destroyed: Counter | undefined = undefined;

  constructor(scope: RunnerScope) {
    this.#scope = scope;
    this.#active = scope.stats.gauge('downstream_cx_active');
  }

  get size(): number {
    return this.#open.size;
  }

  /** Closes everything under way. */
  destroyAll(): void {
    for (const { closable } of this.#open.values()) closable.destroy();
  }

  /** Closes what runs through chains that have drained for so long. */
  destroyDrained(ms: number): void {
    for (const { closable, chain } of this.#open.values()) if (chain.drain.hasLasted(ms)) closable.destroy();
  }

  #count(name: string): void {
    this.#scope.stats.counter(name).value++;
  }

  /** Runs a socket through `chain`; without one it is closed. */
  run(accepted: AcceptedSocket, inspection: Inspection, chain: FilterChain | undefined): void {
    (this.#total ??= this.#scope.stats.counter('downstream_cx_total')).value++;
    if (chain === undefined) {
      accepted.incoming.destroy();
      this.#refused(this.#describe(accepted, inspection.hello, undefined, ''), NO_CHAIN, 'filter_chain_not_found', '');
    } else if (chain.tls === undefined) {
      const { incoming, local, remote } = accepted;
      this.#begin(incoming.toConnection(local, remote), this.#describe(accepted, inspection.hello, undefined, chain.name), chain);
    } else {
      this.#secure(accepted, inspection.hello, chain, chain.tls);
    }
  }

  #secure(accepted: AcceptedSocket, hello: ClientHello | undefined, chain: FilterChain, tls: DownstreamTls): void {
    const { incoming } = accepted;
    if (hello !== undefined || !tls.isReady) {
      this.#shake(accepted, hello, chain, tls);
      return;
    }
    let found: ClientHello | undefined;
    const decide = (bytes: Uint8Array): number | undefined => {
      const result = parseClientHello(bytes);
      if (result.kind === 'hello') found = result.hello;
      return result.kind === 'incomplete' ? undefined : 0;
    };
    const open = this.#open.add({ closable: incoming, chain, place: NOWHERE });
    incoming.peek(tls.handshakeMs, decide, (end) => {
      this.#open.delete(open);
      // what is no TLS gets its alert from the handshake
      if (end === 'decided') this.#shake(accepted, found, chain, tls);
      else incoming.destroy();
    });
  }

  #shake(accepted: AcceptedSocket, hello: ClientHello | undefined, chain: FilterChain, tls: DownstreamTls): void {
    const raw = accepted.incoming.toSocket();
    if (raw === undefined) {
      // internal listeners have no chains with TLS
      accepted.incoming.destroy();
      return;
    }
    const open = this.#open.add({ closable: raw, chain, place: NOWHERE });
    raw.once('close', () => this.#open.delete(open));
    tls.accept(raw, hello, {
      onSecure: (socket, peer) => {
        this.#open.delete(open);
        const connection = wrapTls(socket, accepted.local, accepted.remote);
        this.#begin(connection, this.#describe(accepted, hello, peer, chain.name), chain);
      },
      onRefused: (reason) => this.#refused(this.#describe(accepted, hello, undefined, chain.name), 0, 'downstream_tls_failure', reason),
    });
  }

  #describe(
    accepted: AcceptedSocket,
    hello: ClientHello | undefined,
    tls: PeerTls | undefined,
    filterChainName: string,
  ): DownstreamConnection {
    const { fingerprints } = this.#scope;
    const prints = hello === undefined || fingerprints === undefined ? undefined : fingerprintsOf(hello, fingerprints);
    const state = accepted.state && stateFrom(accepted.state);
    return {
      id: nextId++,
      remote: accepted.remote,
      directRemote: accepted.directRemote,
      local: accepted.local,
      isRedirected: accepted.isRedirected,
      requestedServerName: hello?.serverName ?? '',
      ja3: prints?.ja3,
      ja4: prints?.ja4,
      tls,
      principal: tls === undefined ? (accepted.state?.values.get(PEER_PRINCIPAL) ?? '') : principalOf(tls),
      direction: this.#scope.direction,
      listenerName: this.#scope.listenerName,
      filterChainName,
      listenerMetadata: this.#scope.listenerMetadata,
      metadata: accepted.metadata,
      proxyTlvs: accepted.proxyTlvs,
      directLocal: accepted.directLocal,
      filterState: state?.filterState,
      sharing: state?.sharing,
      memo: new Map(),
    };
  }

  /** Logs a connection that was closed before a chain was chosen for it; Envoy does not count it. */
  onEarlyEnd(accepted: AcceptedSocket): void {
    const info = tcpStreamInfo(this.#describe(accepted, undefined, undefined, ''), this.#scope.clock);
    info.endMs = info.startMs;
    this.#scope.accessLog.log(info);
  }

  /** Logs a connection that never came to its filters. */
  #refused(downstream: DownstreamConnection, flags: number, details: string, reason: string): void {
    const info = tcpStreamInfo(downstream, this.#scope.clock);
    info.flags = flags;
    info.responseCodeDetails = details;
    info.terminationDetails = reason;
    if (reason !== '') {
      info.downstreamTransportFailure = reason;
      this.#scope.log.debug('a TLS client is refused', {
        listener: this.#scope.listenerName,
        remote: remoteText(downstream.remote),
        reason,
      });
    }
    this.#finish(info);
  }

  #finish(info: StreamInfo): void {
    info.endMs = this.#scope.clock.monotonicMs();
    (this.#destroyed ??= this.#scope.stats.counter('downstream_cx_destroy')).value++;
    this.#scope.accessLog.log(info);
  }

  #begin(connection: Connection, downstream: DownstreamConnection, chain: FilterChain): void {
    const info = tcpStreamInfo(downstream, this.#scope.clock);
    if (this.#scope.bufferLimitBytes !== undefined) connection.limitBuffer?.(this.#scope.bufferLimitBytes);
    const open = this.#open.add({ closable: connection, chain, place: NOWHERE });
    this.#active.value++;
    connection.afterClose = () => {
      this.#open.delete(open);
      this.#active.value--;
      this.#finish(info);
    };
    if (chain.handlers.length === 0) connection.destroy('the filter chain has no filters');
    this.#pass(connection, downstream, info, chain, 0);
  }

  /** Asks the filters from place `from` on. */
  #pass(accepted: Connection, downstream: DownstreamConnection, info: StreamInfo, chain: FilterChain, from: number): void {
    let connection = accepted;
    try {
      for (let at = from; at < chain.handlers.length; at++) {
        if (connection.isClosed) return;
        const decision = chain.handlers[at]?.(connection, downstream, info) ?? true;
        if (decision === true) continue;
        if (decision === false) return this.#refuse(connection, downstream, info, chain);
        if ('layer' in decision) {
          connection = decision.layer;
          continue;
        }
        return decision.whenDecided((goesOn) => {
          if (goesOn) this.#pass(connection, downstream, info, chain, at + 1);
          else this.#refuse(connection, downstream, info, chain);
        });
      }
    } catch (error) {
      this.#count('bug_total');
      this.#scope.log.error('a network filter failed', { listener: this.#scope.listenerName, error: messageOf(error) });
      connection.destroy('internal error');
    }
  }

  /** A filter has closed the connection, or is about to: tells the one that it would have come to. */
  #refuse(connection: Connection, downstream: DownstreamConnection, info: StreamInfo, chain: FilterChain): void {
    const refusal = refusalOf(downstream);
    if (refusal === undefined) return;
    info.flags |= refusal.flags;
    info.terminationDetails = refusal.details;
    info.localCloseReason = refusal.reason;
    chain.handlers.at(-1)?.refused?.(connection, downstream, info);
  }
}

function remoteText(address: NetAddress): string {
  return `${address.host}:${address.port}`;
}
