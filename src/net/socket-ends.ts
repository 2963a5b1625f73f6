import type { Socket } from 'node:net';
import type { NetAddress } from './address.ts';

/** Our end of a socket; '' and 0 where it has none, as on a Unix socket. */
export function localOf({ localAddress = '', localPort = 0 }: Socket): NetAddress {
  return { host: localAddress, port: localPort };
}

/** The peer's end. */
export function remoteOf({ remoteAddress = '', remotePort = 0 }: Socket): NetAddress {
  return { host: remoteAddress, port: remotePort };
}
