/** Connections to listeners within the process. Envoy: "Internal listener". */
import { timerMs } from '../../core/timer-limit.ts';
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
 * Connects to the internal listener that `address` is of. It is connected once somebody there reads it: for a TCP proxy,
 * once it has an upstream itself, so that what fails behind an internal listener fails here, where there may be another
 * host. `timeoutMs` bounds that; 0 for no bound. Nothing is told before this returns.
 */
export function connectInternal(
  find: FindInternal,
  address: NetAddress,
  passed: PassedOn,
  timeoutMs: number,
  handlers: TransportHandlers,
): void {
  const target = find(internalListenerOf(address) ?? '');
  queueMicrotask(() => {
    // Envoy's words
    if (target === undefined) handlers.onClose(`immediate connect error: Invalid argument|remote address:${address.host}`);
    else begin(target, address, passed, timeoutMs, handlers);
  });
}

function begin(target: InternalTarget, address: NetAddress, passed: PassedOn, timeoutMs: number, handlers: TransportHandlers): void {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const { client, server } = connectionPair(CLIENT, address, {
    onTaken() {
      if (isOver) return;
      clearTimeout(timer);
      client.read(handlers);
      handlers.onConnect(client);
    },
    onRefused(reason) {
      if (isOver) return;
      clearTimeout(timer);
      handlers.onClose(reason);
    },
  });
  const expire = (): void => {
    isOver = true;
    client.destroy('connection timeout');
    handlers.onClose('connection timeout');
  };
  if (timeoutMs > 0) timer = setTimeout(expire, timerMs(timeoutMs));
  target.acceptInternal(server, passed);
}
