import type { NetAddress } from './address.ts';
import type { Incoming } from './incoming.ts';
import { originalDestination } from './sys.ts';

/** An IPv4 address that a dual-stack socket gives in IPv6 form (`::ffff:10.0.0.1`), as plain IPv4; others as they are. */
export function plainHost(host: string): string {
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host;
}

/**
 * Where the client of an accepted connection wanted to go before the kernel redirected it; undefined where it was not
 * redirected. Throws where the system has no such call (not Linux).
 */
export function restoreDestination(incoming: Incoming): NetAddress | undefined {
  const { fd } = incoming;
  if (fd === undefined) return undefined;
  const host = plainHost(incoming.local.host);
  const original = originalDestination(fd, host.includes(':'));
  if (original === undefined) return undefined;
  return { host: plainHost(original.host), port: original.port };
}
