import type { Socket } from 'node:net';
import type { NetAddress } from './address.ts';
import { originalDestination } from './sys.ts';

/** An IPv4 address that a dual-stack socket gives in IPv6 form (`::ffff:10.0.0.1`), as plain IPv4; others as they are. */
export function plainHost(host: string): string {
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host;
}

function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/**
 * Where the client of an accepted socket wanted to go before the kernel redirected it; undefined where it was not
 * redirected. Throws where the system has no such call (not Linux).
 */
export function restoreDestination(socket: Socket): NetAddress | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  const host = plainHost(socket.localAddress ?? '');
  const original = originalDestination(fd, host.includes(':'));
  if (original === undefined) return undefined;
  return { host: plainHost(original.host), port: original.port };
}
