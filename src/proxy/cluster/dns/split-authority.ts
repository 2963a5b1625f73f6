import type { NetAddress } from '../../../net/address.ts';

const AUTHORITY = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/;

/** The name, or the address, and the port of an authority; undefined for what is none. */
export function splitAuthority(authority: string, defaultPort: number): NetAddress | undefined {
  const [, v6, name, digits] = AUTHORITY.exec(authority) ?? [];
  const host = v6 ?? name;
  const port = digits === undefined ? defaultPort : Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
