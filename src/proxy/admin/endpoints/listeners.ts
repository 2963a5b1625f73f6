import type { NetAddress } from '../../../net/address.ts';
import { formatAddress, internalListenerOf } from '../../../net/address.ts';
import { type AdminEndpoint, json, text } from '../endpoint.ts';

function addressJson(address: NetAddress): object {
  const { host, port } = address;
  const listener = internalListenerOf(address);
  if (listener !== undefined) return { envoy_internal_address: { server_listener_name: listener } };
  return host.startsWith('/') ? { pipe: { path: host } } : { socket_address: { address: host, port_value: port } };
}

/** `/listeners`: names and bound addresses; `?format=json` in the shape of envoy.admin.v3.Listeners. */
export const listeners: AdminEndpoint = {
  path: '/listeners',
  method: 'GET',
  help: 'print listener info (?format=text|json)',
  handle(query, proxy) {
    const all = proxy.listeners();
    if (query.get('format') === 'json') {
      return json({
        listener_statuses: all.map(({ name, addresses: [first, ...others] }) => ({
          name,
          ...(first === undefined ? {} : { local_address: addressJson(first) }),
          ...(others.length === 0 ? {} : { additional_local_addresses: others.map(addressJson) }),
        })),
      });
    }
    return text(all.flatMap(({ name, addresses }) => addresses.map((address) => `${name}::${formatAddress(address)}\n`)).join(''));
  },
};
