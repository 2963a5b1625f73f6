/**
 * Names to addresses. A name that does not exist, or has no address of the wanted family, is an answer (without
 * addresses); a server that fails or does not answer is none, and rejects.
 */
import { readFile } from 'node:fs/promises';
import { lookup, Resolver } from 'node:dns/promises';
import net from 'node:net';
import { formatAddress, type NetAddress } from '../../../net/address.ts';
import { parseResolvConf } from '../../../wire/dns/resolv-conf.ts';

/** Which addresses are wanted. Envoy: `dns_lookup_family`. */
export type AddressFamily =
  /** IPv6, and IPv4 where there is none. */
  | 'auto'
  | 'v4'
  | 'v6'
  /** IPv4, and IPv6 where there is none. */
  | 'v4-preferred'
  /** Both. */
  | 'all';

export interface Resolution {
  /** IP addresses, in the resolver's order. */
  readonly addresses: readonly string[];
  /** How long the answer holds; undefined where the resolver does not say. */
  readonly ttlMs: number | undefined;
  /** Why there is no address, by Node's code (`ENOTFOUND`, `ENODATA`). */
  readonly absence?: string;
}

/** Resolves names. Rejects where there is no answer now. */
export interface NameResolver {
  resolve(name: string, family: AddressFamily, wantsTtl: boolean): Promise<Resolution>;
}

/** Who is asked: `CaresDnsResolverConfig`. */
export interface DnsServers {
  /** Empty: the machine's own. */
  readonly servers: readonly NetAddress[];
  /** For one question to one server; undefined: the library's default. */
  readonly queryTimeoutMs: number | undefined;
  /** How often each server is asked; undefined: the library's default. */
  readonly tries: number | undefined;
  readonly usesSearchDomains: boolean;
}

const NOTHING: Resolution = { addresses: [], ttlMs: undefined };
/** What there is no address for, by Node's codes. */
const ABSENT: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

function absentOrThrow(error: unknown): Resolution {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (typeof code === 'string' && ABSENT.has(code)) return { ...NOTHING, absence: code };
  throw error;
}

/** Asks for one family, then for the other where that has nothing; or for both. */
async function byFamily(family: AddressFamily, ask: (isV6: boolean) => Promise<Resolution>): Promise<Resolution> {
  if (family === 'v4' || family === 'v6') return await ask(family === 'v6');
  if (family === 'all') {
    const [v4, v6] = await Promise.all([ask(false), ask(true)]);
    const ttls = [v4.ttlMs, v6.ttlMs].filter((ttl) => ttl !== undefined);
    return { addresses: [...v4.addresses, ...v6.addresses], ttlMs: ttls.length === 0 ? undefined : Math.min(...ttls) };
  }
  const first = await ask(family === 'auto');
  return first.addresses.length > 0 ? first : await ask(family !== 'auto');
}

async function query(resolver: Resolver, name: string, isV6: boolean): Promise<Resolution> {
  try {
    const records = await (isV6 ? resolver.resolve6(name, { ttl: true }) : resolver.resolve4(name, { ttl: true }));
    return { addresses: records.map((record) => record.address), ttlMs: Math.min(...records.map((record) => record.ttl)) * 1000 };
  } catch (error) {
    return absentOrThrow(error);
  }
}

/** The machine's own way, which reads /etc/hosts and knows its search domains, but tells no TTL. */
async function withSystem(name: string, family: AddressFamily): Promise<Resolution> {
  return await byFamily(family, async (isV6) => {
    try {
      const records = await lookup(name, { all: true, family: isV6 ? 6 : 4 });
      return { addresses: records.map((record) => record.address), ttlMs: undefined };
    } catch (error) {
      return absentOrThrow(error);
    }
  });
}

/** Addresses of a name in /etc/hosts (hosts(5)). */
async function inHostsFile(name: string): Promise<readonly string[]> {
  const text = await readFile('/etc/hosts', 'utf8').catch(() => '');
  const wanted = name.toLowerCase();
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/));
  return lines.filter(([, ...names]) => names.includes(wanted)).map(([address = '']) => address);
}

async function searchDomains(): Promise<readonly string[]> {
  return parseResolvConf(await readFile('/etc/resolv.conf', 'utf8').catch(() => '')).searchDomains;
}

/** What to ask for: a name without a dot is one of the search domains' first. */
async function candidates(name: string, usesSearchDomains: boolean): Promise<readonly string[]> {
  if (!usesSearchDomains || name.includes('.')) return [name];
  return [...(await searchDomains()).map((domain) => `${name}.${domain}`), name];
}

function fromHosts(addresses: readonly string[], family: AddressFamily): Promise<Resolution> {
  const of = (isV6: boolean): Resolution => ({ addresses: addresses.filter((each) => net.isIPv6(each) === isV6), ttlMs: undefined });
  return byFamily(family, (isV6) => Promise.resolve(of(isV6)));
}

async function withServers(resolver: Resolver, name: string, family: AddressFamily, usesSearchDomains: boolean): Promise<Resolution> {
  const known = await fromHosts(await inHostsFile(name), family);
  if (known.addresses.length > 0) return known;
  let found = NOTHING;
  for (const each of await candidates(name, usesSearchDomains)) {
    // one after the other: a domain that has the name ends the search
    // oxlint-disable-next-line no-await-in-loop
    found = await byFamily(family, (isV6) => query(resolver, each, isV6));
    if (found.addresses.length > 0) break;
  }
  return found;
}

/** A resolver of its own: /etc/hosts, then these servers. */
export function createResolver({ servers, queryTimeoutMs, tries, usesSearchDomains }: DnsServers): NameResolver {
  const options = { ...(queryTimeoutMs === undefined ? {} : { timeout: queryTimeoutMs }), ...(tries === undefined ? {} : { tries }) };
  const resolver = new Resolver(options);
  if (servers.length > 0) resolver.setServers(servers.map(formatAddress));
  return {
    async resolve(name, family) {
      if (net.isIP(name) !== 0) return { addresses: [name], ttlMs: undefined };
      return await withServers(resolver, name, family, usesSearchDomains);
    },
  };
}

let machineDns: NameResolver | undefined;

/** The machine's name servers. Made when first asked: a handle of Node's has no place in a start-up snapshot. */
function dns(): NameResolver {
  machineDns ??= createResolver({ servers: [], queryTimeoutMs: undefined, tries: undefined, usesSearchDomains: true });
  return machineDns;
}

/** The machine's: as its other programs resolve names, and by DNS alone first where the TTL is wanted. */
export const systemResolver: NameResolver = {
  async resolve(name, family, wantsTtl) {
    if (net.isIP(name) !== 0) return { addresses: [name], ttlMs: undefined };
    if (wantsTtl && name !== 'localhost') {
      // what is in no DNS that answers may still be in other sources of the machine
      const answer = await dns()
        .resolve(name, family, true)
        .catch(() => NOTHING);
      if (answer.addresses.length > 0) return answer;
    }
    return await withSystem(name, family);
  },
};
