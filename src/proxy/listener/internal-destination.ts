/**
 * Where a connection to an internal listener wants to go, as the listener filter original_dst finds it: in filter state
 * that was shared with it, else in metadata that its endpoint had. Envoy: envoy.filters.listener.original_dst.
 */
import net from 'node:net';
import { type NetAddress, parseAddress } from '../../net/address.ts';
import type { PassedOn } from '../cluster/internal-dial.ts';
import { LOCAL_IP, REMOTE_IP } from '../http/filter-state-values.ts';

const NAMESPACE = 'envoy.filters.listener.original_dst';

interface Destination {
  readonly local: NetAddress | undefined;
  readonly remote: NetAddress | undefined;
}

function addressOf(text: unknown): NetAddress | undefined {
  const address = typeof text === 'string' ? parseAddress(text) : undefined;
  return address === undefined || net.isIP(address.host) === 0 ? undefined : address;
}

/** What was passed on says of the connection's ends; undefined for what it does not say. */
export function internalDestination({ metadata, state }: PassedOn): Destination {
  const own: unknown = metadata?.get(NAMESPACE);
  const fromMetadata = (key: string): NetAddress | undefined =>
    typeof own === 'object' && own !== null && Object.hasOwn(own, key) ? addressOf(Reflect.get(own, key)) : undefined;
  return {
    local: addressOf(state?.values.get(LOCAL_IP)) ?? fromMetadata('local'),
    remote: addressOf(state?.values.get(REMOTE_IP)) ?? fromMetadata('remote'),
  };
}
