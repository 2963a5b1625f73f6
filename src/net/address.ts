/** An IP address and port, a Unix socket's path (port 0), or a listener within the process (port 0; see `internalAddress`). */
export interface NetAddress {
  readonly host: string;
  readonly port: number;
}

/** Of what has no address, or none yet. */
export const NOWHERE: NetAddress = { host: '', port: 0 };

/** Envoy's text of the address of a listener within the process. */
const INTERNAL = 'envoy://';

/** The address of the internal listener of this name; `endpointId` tells endpoints of one listener apart, and may be ''. */
export function internalAddress(listener: string, endpointId: string): NetAddress {
  return { host: `${INTERNAL}${listener}/${endpointId}`, port: 0 };
}

/** The name of the internal listener that an address is of; undefined for addresses of sockets. */
export function internalListenerOf({ host }: NetAddress): string | undefined {
  if (!host.startsWith(INTERNAL)) return undefined;
  const end = host.indexOf('/', INTERNAL.length);
  return host.slice(INTERNAL.length, end < 0 ? undefined : end);
}

/** `10.0.0.1:80`, `[::1]:80`, a path, or `envoy://listener/endpoint`. */
export function formatAddress(address: NetAddress): string {
  const { host, port } = address;
  if (host.startsWith('/') || host.startsWith(INTERNAL)) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const ADDRESS = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;

/** Reads `10.0.0.1:80` or `[::1]:80`, of an IP address or a name; undefined for anything else. */
export function parseAddress(text: string): NetAddress | undefined {
  const [, v6, v4, digits] = ADDRESS.exec(text) ?? [];
  const host = v6 ?? v4;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
