import { lookup, Resolver } from 'node:dns/promises';
import net from 'node:net';
import { Cluster_DnsLookupFamily as Family } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';

interface Resolution {
  /** IP addresses, in the resolver's order. */
  readonly addresses: readonly string[];
  /** How long the answer holds; undefined where the resolver does not say. */
  readonly ttlMs: number | undefined;
}

/** Resolves names. Rejects where the name cannot be resolved now. */
export interface NameResolver {
  resolve(name: string, family: Family, wantsTtl: boolean): Promise<Resolution>;
}

/** One family's addresses by DNS alone: unlike `lookup`, it tells the TTL, but does not read /etc/hosts. */
async function query(name: string, isIpv6: boolean): Promise<Resolution> {
  const resolver = new Resolver();
  const records = isIpv6 ? await resolver.resolve6(name, { ttl: true }) : await resolver.resolve4(name, { ttl: true });
  return { addresses: records.map((record) => record.address), ttlMs: Math.min(...records.map((record) => record.ttl)) * 1000 };
}

function choose(addresses: readonly string[], family: Family): readonly string[] {
  const v4 = addresses.filter((address) => net.isIPv4(address));
  const v6 = addresses.filter((address) => net.isIPv6(address));
  switch (family) {
    case Family.V4_ONLY:
      return v4;
    case Family.V6_ONLY:
      return v6;
    case Family.ALL:
      return addresses;
    case Family.AUTO:
      return v6.length > 0 ? v6 : v4;
    default:
      return v4.length > 0 ? v4 : v6;
  }
}

async function withTtl(name: string, family: Family): Promise<Resolution> {
  const answers = await Promise.allSettled([query(name, false), query(name, true)]);
  const found = answers.filter((answer) => answer.status === 'fulfilled').map((answer) => answer.value);
  const addresses = choose(
    found.flatMap((answer) => answer.addresses),
    family,
  );
  if (addresses.length === 0) throw new Error(`no address for ${name}`);
  return { addresses, ttlMs: Math.min(...found.map((answer) => answer.ttlMs ?? Infinity)) };
}

async function withSystem(name: string, family: Family): Promise<Resolution> {
  const records = await lookup(name, { all: true, order: 'verbatim' });
  const addresses = choose(
    records.map((record) => record.address),
    family,
  );
  if (addresses.length === 0) throw new Error(`no address of the wanted family for ${name}`);
  return { addresses, ttlMs: undefined };
}

/** The system's resolver: /etc/hosts and DNS; DNS alone first where the TTL is wanted. */
export const systemResolver: NameResolver = {
  async resolve(name, family, wantsTtl) {
    if (net.isIP(name) !== 0) return { addresses: [name], ttlMs: undefined };
    if (wantsTtl && name !== 'localhost') {
      try {
        return await withTtl(name, family);
      } catch {
        // not in DNS: /etc/hosts may know it
      }
    }
    return await withSystem(name, family);
  },
};
