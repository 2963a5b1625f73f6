import { objectAt, textOf } from '../json.ts';

export interface Address {
  /** Of a Unix socket its path. */
  readonly address: string;
  /** '' where there is none. */
  readonly port: string;
}

/** Reads an address of a listener or endpoint (envoy.config.core.v3.Address). */
export function addressOf(value: unknown): Address {
  const { address, port_value: port } = objectAt(value, 'socket_address');
  if (textOf(address) !== '') return { address: textOf(address), port: textOf(port) };
  const { server_listener_name: listener, endpoint_id: id } = objectAt(value, 'envoy_internal_address');
  if (textOf(listener) !== '') return { address: `${textOf(listener)}/${textOf(id)}`, port: '' };
  return { address: textOf(objectAt(value, 'pipe')['path']), port: '' };
}
