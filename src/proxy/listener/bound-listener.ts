import { messageOf } from '../../core/errors.ts';
import { internalAddress, type NetAddress } from '../../net/address.ts';
import type { PairedConnection } from '../../net/connection-pair.ts';
import { type Incoming, incomingPair } from '../../net/incoming.ts';
import { plainHost, restoreDestination } from '../../net/original-destination.ts';
import type { PassedOn } from '../cluster/internal-dial.ts';
import { DEFAULT_CHAIN } from '../config/unchanged-chains.ts';
import type { NetworkScope } from '../network/filter.ts';
import type { Overload } from '../overload/overload.ts';
import type { AccessLogger } from '../telemetry/access-log.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { WarmWaiters } from '../warm-waiters.ts';
import { Acceptor, type AcceptTarget } from './acceptor.ts';
import type { ChainMatcher } from './chain-match.ts';
import { ConnectionRunner } from './connection-runner.ts';
import { DrainState } from './drain-state.ts';
import type { FilterChain, ParsedChain } from './filter-chain.ts';
import type { Inspection } from './inspect.ts';
import { socketKey } from './listen-sockets.ts';
import type { ListenerFilters } from './listener-filters.ts';
import { internalDestination } from './internal-destination.ts';
import type { AcceptedSocket, ListenerScope, RuntimeListener } from './listener-scope.ts';
import { ProxyProtocolStats } from './proxy-protocol.ts';
import { type FilterHost, runListenerFilters } from './run-filters.ts';

/** An address to listen on, and the field that it comes from. */
export interface BindAddress {
  readonly address: NetAddress;
  /** An IPv6 address that takes IPv4 too. */
  readonly isDualStack: boolean;
  readonly path: string;
}

/** A listener's configuration, read and checked. */
export interface ListenerSettings {
  readonly name: string;
  readonly binds: readonly BindAddress[];
  readonly bindsToPort: boolean;
  /** `internal_listener`. */
  readonly isInternal: boolean;
  readonly backlog: number;
  /** Bytes for a client that the kernel has not taken above which its other side is not read; undefined: as many as is usual. */
  readonly bufferLimitBytes: number | undefined;
  /** `use_original_dst`. */
  readonly handsOff: boolean;
  readonly filters: ListenerFilters;
  readonly direction: NetworkScope['direction'];
  /** `drain_type: DEFAULT`: connections are to end too while the proxy fails health checks. */
  readonly drainsOnFailure: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly match: ChainMatcher;
  readonly chains: readonly ParsedChain[];
  readonly defaultChain: ParsedChain | undefined;
  readonly accessLog: AccessLogger;
  /** `bypass_overload_manager`, and `ignore_global_conn_limit`. */
  readonly bypassesOverload: boolean;
  readonly ignoresConnectionLimit: boolean;
}

interface Scope extends ListenerScope {
  readonly listenerStats: StatsScope;
}

function plain({ host, port }: NetAddress): NetAddress {
  return { host: plainHost(host), port };
}

/** Accepts sockets, finds out where they wanted to go and what they speak, and runs them through a filter chain. */
export class BoundListener implements RuntimeListener, AcceptTarget {
  readonly name: string;
  readonly isInternal: boolean;
  readonly addresses: readonly NetAddress[];
  readonly #settings: ListenerSettings;
  readonly #scope: Scope;
  readonly #chains: readonly FilterChain[];
  readonly #defaultChain: FilterChain | undefined;
  readonly #runner: ConnectionRunner;
  readonly #filterHost: FilterHost;
  #acceptors: Acceptor[] = [];
  #unwatch: (() => void) | undefined = undefined;
  readonly #waiters = new WarmWaiters(() => this.isWarm);

  constructor(settings: ListenerSettings, scope: Scope) {
    this.name = settings.name;
    this.isInternal = settings.isInternal;
    this.addresses = settings.binds.map((bind) => bind.address);
    this.#settings = settings;
    this.#scope = scope;
    const networkScope: Omit<NetworkScope, 'isDraining' | 'whenDraining'> = {
      ...scope,
      overload: settings.bypassesOverload ? undefined : scope.overload,
      direction: settings.direction,
      listenerMetadata: settings.metadata,
    };
    const { clock, random } = scope;
    const make = ({ name, tls, filters }: ParsedChain): FilterChain => {
      const drain = new DrainState({ options: scope.drain, nowMs: () => clock.monotonicMs(), random });
      const isDraining = (): boolean => drain.isDraining() || (settings.drainsOnFailure && scope.isFailingHealthChecks?.() === true);
      const chainScope = { ...networkScope, isDraining, whenDraining: drain.whenDraining };
      return { name, tls, drain, handlers: filters.map((filter) => filter.create(chainScope)) };
    };
    this.#chains = settings.chains.map(make);
    this.#defaultChain = settings.defaultChain && make(settings.defaultChain);
    this.#runner = new ConnectionRunner({
      fingerprints: settings.filters.fingerprints,
      listenerName: settings.name,
      listenerMetadata: settings.metadata,
      bufferLimitBytes: settings.bufferLimitBytes,
      direction: settings.direction,
      clock: scope.clock,
      log: scope.log,
      stats: scope.listenerStats,
      accessLog: settings.accessLog,
    });
    const { proxyProtocol, rateLimit } = settings.filters;
    const limited = rateLimit && scope.stats.scope(`listener_local_ratelimit.${rateLimit.limit.statPrefix}`).counter('rate_limited');
    this.#filterHost = {
      filters: settings.filters,
      clock: scope.clock,
      proxyProtocolStats: proxyProtocol && new ProxyProtocolStats(scope.stats, proxyProtocol.settings.statPrefix),
      rateLimited: limited && ((): void => void limited.value++),
      count: (name) => this.#count(name),
      onReady: (accepted, inspection) => this.#route(accepted, inspection),
      onClosed: (accepted) => this.#runner.onEarlyEnd(accepted),
    };
    for (const chain of this.#allChains()) chain.tls?.onReady(() => this.#waiters.check());
  }

  #allChains(): readonly FilterChain[] {
    return this.#defaultChain === undefined ? this.#chains : [...this.#chains, this.#defaultChain];
  }

  get boundAddresses(): readonly NetAddress[] {
    if (this.isInternal) return [internalAddress(this.name, '')];
    return this.#acceptors.map((acceptor) => acceptor.bound);
  }

  get activeConnections(): number {
    return this.#runner.size;
  }

  get isWarm(): boolean {
    return this.#allChains().every((chain) => chain.tls?.isReady ?? true);
  }

  onWarm(callback: () => void): void {
    this.#waiters.add(callback);
  }

  async start(previous?: RuntimeListener): Promise<void> {
    if (!this.#settings.bindsToPort) return;
    const fresh: Acceptor[] = [];
    const adopted: Acceptor[] = [];
    try {
      for (const bind of this.#settings.binds) {
        const found = previous instanceof BoundListener ? previous.#acceptorOf(bind) : undefined;
        if (found === undefined) fresh.push(await this.#listen(bind));
        else adopted.push(found);
      }
    } catch (error) {
      for (const acceptor of fresh) acceptor.close();
      throw error;
    }
    if (previous instanceof BoundListener) previous.#acceptors = previous.#acceptors.filter((acceptor) => !adopted.includes(acceptor));
    this.#acceptors = [...adopted, ...fresh];
    for (const acceptor of this.#acceptors) acceptor.target = this;
    if (!this.#settings.bypassesOverload) this.#watchLoad();
  }

  /** Under load new connections wait in the kernel's queue. */
  #watchLoad(): void {
    this.#unwatch = this.#scope.overload?.watchAccepting((isAccepting) => {
      for (const acceptor of this.#acceptors) acceptor.isAccepting = isAccepting;
    });
  }

  #acceptorOf(bind: BindAddress): Acceptor | undefined {
    return this.#acceptors.find(({ wanted }) => wanted.host === bind.address.host && wanted.port === bind.address.port);
  }

  async #listen(bind: BindAddress): Promise<Acceptor> {
    const { backlog } = this.#settings;
    const { sockets } = this.#scope;
    const key = socketKey(this.name, bind.address);
    const acceptor = new Acceptor(bind.address, { backlog, isDualStack: bind.isDualStack, key, sockets });
    // connections that come between the first and the last address wait here
    acceptor.target = this;
    await acceptor.listen(bind.path);
    return acceptor;
  }

  askToLeave(): void {
    for (const { drain } of this.#allChains()) drain.begin();
  }

  drain(keeping?: ReadonlySet<number>): void {
    for (const [i, { drain }] of this.#chains.entries()) if (keeping?.has(i) !== true) drain.begin();
    if (keeping?.has(DEFAULT_CHAIN) !== true) this.#defaultChain?.drain.begin();
    this.#unwatch?.();
    for (const acceptor of this.#acceptors) acceptor.close();
    this.#acceptors = [];
  }

  endDrained(ms: number): void {
    this.#runner.destroyDrained(ms);
  }

  async close(keepsStats = false): Promise<void> {
    this.drain();
    this.#runner.destroyAll();
    for (const chain of this.#allChains()) chain.tls?.close();
    if (!keepsStats) this.#scope.listenerStats.drop();
    await Promise.resolve();
  }

  /** A connection to one of our own addresses: `known`, where the acceptor knows which. */
  onIncoming(incoming: Incoming, known: NetAddress | undefined): void {
    if (this.#scope.overload !== undefined && this.#sheds(this.#scope.overload)) {
      incoming.destroy();
      return;
    }
    const local = known ?? plain(incoming.local);
    const wanted = this.#restore(incoming, local);
    const isRedirected = wanted.host !== local.host || wanted.port !== local.port;
    this.accept({ incoming, remote: plain(incoming.remote), local: wanted, isRedirected, directLocal: isRedirected ? local : undefined });
  }

  /** Whether a new connection is too much for the proxy, counted. */
  #sheds(overload: Overload): boolean {
    const { bypassesOverload, ignoresConnectionLimit } = this.#settings;
    if (!bypassesOverload && overload.rejectedShare > 0 && this.#scope.random() < overload.rejectedShare) {
      this.#count('downstream_cx_overload_reject');
      return true;
    }
    if (ignoresConnectionLimit || !overload.isFull) return false;
    this.#count('downstream_global_cx_overflow');
    return true;
  }

  #restore(incoming: Incoming, local: NetAddress): NetAddress {
    if (this.#settings.filters.originalDst?.(local.port) !== true) return local;
    try {
      const restored =
        this.#scope.restoreDestination === undefined ? restoreDestination(incoming) : this.#scope.restoreDestination(incoming);
      return restored ?? local;
    } catch (error) {
      this.#scope.log.warn('the original destination cannot be restored', { listener: this.name, error: messageOf(error) });
      return local;
    }
  }

  /** A connection from a cluster of this proxy. */
  acceptInternal(connection: PairedConnection, passed: PassedOn): void {
    const { local, remote } = connection;
    const restored = this.#settings.filters.originalDst === undefined ? undefined : internalDestination(passed);
    const { metadata, state } = passed;
    this.accept({
      incoming: incomingPair(connection),
      remote: restored?.remote ?? remote,
      local: restored?.local ?? local,
      isRedirected: restored?.local !== undefined,
      metadata,
      state,
    });
  }

  accept(accepted: AcceptedSocket): void {
    runListenerFilters(accepted, this.#filterHost);
  }

  #count(name: string): void {
    this.#scope.listenerStats.counter(name).value++;
  }

  /** Hands a redirected connection to the listener of its destination, or runs it here. */
  #route(accepted: AcceptedSocket, inspection: Inspection): void {
    if (this.#settings.handsOff && accepted.isRedirected) {
      const other = this.#scope.handOff(accepted.local);
      if (other !== undefined && other !== this) {
        other.accept(accepted);
        return;
      }
    }
    const index = this.#settings.match({
      destination: accepted.local,
      source: accepted.remote,
      directSource: accepted.directRemote,
      serverName: inspection.hello?.serverName ?? '',
      transportProtocol: inspection.hello === undefined ? 'raw_buffer' : 'tls',
      applicationProtocols: inspection.applicationProtocols,
    });
    const chain = index === undefined ? this.#defaultChain : this.#chains[index];
    if (chain === undefined) this.#count('no_filter_chain_match');
    this.#runner.run(accepted, inspection, chain);
  }
}
