/** Connections to listeners within the process. Envoy: "Internal listener". */
import { internalListenerOf, type NetAddress } from '../../net/address.ts';
import { connectionPair, type PairedConnection } from '../../net/connection-pair.ts';
import type { SharedState } from '../http/shared-state.ts';
import type { TransportHandlers } from './cluster.ts';

/** What a connection takes along to an internal listener. */
export interface PassedOn {
  /** Dynamic metadata of the connection there, by namespace. */
  readonly metadata: ReadonlyMap<string, unknown> | undefined;
  /** Its filter state. */
  readonly state: SharedState | undefined;
}

/** An internal listener as those who connect to it see it. */
export interface InternalTarget {
  acceptInternal(connection: PairedConnection, passed: PassedOn): void;
}

/** Finds the internal listener of a name; undefined where there is none. */
export type FindInternal = (name: string) => InternalTarget | undefined;

export const NOTHING_PASSED: PassedOn = { metadata: undefined, state: undefined };

/** Envoy's text of the client's end: it has no address. */
const CLIENT: NetAddress = { host: 'envoy://internal_client_address/', port: 0 };

/**
 * Connects to the internal listener that `address` is of. `onConnect` comes in a microtask, as `onClose` does where there
 * is no such listener.
 */
export function connectInternal(find: FindInternal, address: NetAddress, passed: PassedOn, handlers: TransportHandlers): void {
  const name = internalListenerOf(address) ?? '';
  const target = find(name);
  queueMicrotask(() => {
    if (target === undefined) {
      handlers.onClose(`there is no internal listener ${name}`);
      return;
    }
    const { client, server } = connectionPair(CLIENT, address);
    client.read(handlers);
    handlers.onConnect(client);
    target.acceptInternal(server, passed);
  });
}
