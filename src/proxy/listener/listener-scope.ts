import type { NetAddress } from '../../net/address.ts';
import type { ProxyTlv } from '../../wire/proxy-protocol/result.ts';
import type { Incoming } from '../../net/incoming.ts';
import type { InternalTarget } from '../cluster/internal-dial.ts';
import type { DrainOptions } from './drain-state.ts';
import type { ListenSockets } from './listen-sockets.ts';
import type { SecretStore } from '../config/secret-store.ts';
import type { SharedState } from '../http/shared-state.ts';
import type { NetworkFilter, NetworkScope } from '../network/filter.ts';

/** What listeners are built with: the parts of the running proxy that they may use. `stats` is the registry's root. */
export interface ListenerScope extends Omit<NetworkScope, 'direction' | 'listenerMetadata' | 'isDraining'> {
  readonly secrets: SecretStore;
  /** Where listening sockets come from. */
  readonly sockets: ListenSockets;
  /** How connections are asked to leave when a listener drains. */
  readonly drain: DrainOptions;
  /** The network filters that chains may have; `network/index.ts`. */
  readonly filters: readonly NetworkFilter[];
  /** The listener that a connection to this original destination is handed to (`use_original_dst`); see ListenerDirectory. */
  handOff(destination: NetAddress): RuntimeListener | undefined;
  /** Restores a redirected connection's destination; by the kernel's answer where absent. */
  restoreDestination?(incoming: Incoming): NetAddress | undefined;
}

/** An accepted connection on its way through listeners, with what is known of it. */
export interface AcceptedSocket {
  readonly incoming: Incoming;
  readonly remote: NetAddress;
  /** The socket's peer where a header named another `remote`. */
  readonly directRemote?: NetAddress;
  /** Where the client wanted to go. */
  readonly local: NetAddress;
  readonly isRedirected: boolean;
  /** Fields of its header of the PROXY protocol that may go on upstream; undefined: it had no header. */
  readonly proxyTlvs?: readonly ProxyTlv[] | undefined;
  /** Our end of the socket; undefined where that is `local`. */
  readonly directLocal?: NetAddress | undefined;
  /** What listener filters left, by namespace. */
  readonly metadata?: ReadonlyMap<string, unknown> | undefined;
  /** Filter state that an internal upstream has passed on. */
  readonly state?: SharedState | undefined;
}

/** A listener as its owner sees it. */
export interface RuntimeListener extends InternalTarget {
  readonly name: string;
  /** It takes connections within the process only (`internal_listener`). */
  readonly isInternal: boolean;
  /** As configured; the first is `address`, the rest `additional_addresses`. */
  readonly addresses: readonly NetAddress[];
  /** What is listened on, with real ports; empty before `start` and with `bind_to_port: false`. */
  readonly boundAddresses: readonly NetAddress[];
  /** Connections under way. */
  readonly activeConnections: number;
  /** True once every secret that its chains need has arrived. */
  readonly isWarm: boolean;
  /** Calls back once when the listener is warm; at once where it is. */
  onWarm(callback: () => void): void;
  /**
   * Starts accepting. Listening sockets of `previous` with the same addresses are taken over, so that no connection is
   * refused meanwhile; its others go on until it drains. Rejects with a ConfigError naming the address, and then
   * listens on nothing.
   */
  start(previous?: RuntimeListener): Promise<void>;
  /** Takes a socket that another listener accepted. */
  accept(accepted: AcceptedSocket): void;
  /** Says to its filters that it drains; connections go on, and new ones are accepted. */
  askToLeave(): void;
  /** The same, and accepts no more. Chains of `keeping` (by index; DEFAULT_CHAIN) do not drain: their connections go on. */
  drain(keeping?: ReadonlySet<number>): void;
  /** Closes the connections of chains that have drained for so long. */
  endDrained(ms: number): void;
  /** Closes what is left. `keepsStats`: another listener on its address counts on. */
  close(keepsStats?: boolean): Promise<void>;
}
