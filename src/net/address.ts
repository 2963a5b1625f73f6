/** An IP address and port, or a Unix socket's path (port 0). */
export interface NetAddress {
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.1:80`, `[::1]:80`, or a path. */
export function formatAddress(address: NetAddress): string {
  if (address.host.startsWith('/')) return address.host;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
