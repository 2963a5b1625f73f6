/**
 * The name servers that instances in namespaces can ask. A stub on the machine's own loopback (systemd-resolved's
 * without its list of servers, dnsmasq's, Docker's) is out of their reach: then `tulle up` passes names on to it from
 * its bridge.
 */
import { readFileSync } from 'node:fs';
import type { Log } from '../../core/log.ts';
import { type DnsServer, startDnsServer } from '../../net/dns-server.ts';
import type { ResolvConf } from '../../wire/dns/resolv-conf.ts';
import { parseResolvConf } from '../../wire/dns/resolv-conf.ts';

const DNS_PORT = 53;
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'] as const;

export interface Resolvers extends ResolvConf {
  /** Servers on the machine's loopback, where there are no others: to be asked on behalf of the namespaces. */
  readonly stubs: readonly string[];
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Chooses by the machine's files, the first that names servers on other machines; undefined stands for one that is not there. */
export function chooseResolvers(texts: readonly (string | undefined)[]): Resolvers {
  const confs = texts.flatMap((text) => (text === undefined ? [] : [parseResolvConf(text)]));
  for (const conf of confs) {
    const nameservers = conf.nameservers.filter((address) => !isLoopback(address));
    if (nameservers.length > 0) return { ...conf, nameservers, stubs: [] };
  }
  const [first] = confs;
  return { nameservers: [], searchDomains: first?.searchDomains ?? [], stubs: first?.nameservers ?? [] };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // not on this system
  }
}

/** What this machine's files say. */
export function machineResolvers(): Resolvers {
  return chooseResolvers(FILES.map(textOf));
}

/** Answers names on `address` by asking `stubs`; undefined where something of the machine answers there already. */
export async function passOnNames(address: string, stubs: readonly string[], log: Log, port = DNS_PORT): Promise<DnsServer | undefined> {
  const upstreams = stubs.map((stub) => ({ address: stub, port: DNS_PORT }));
  try {
    return await startDnsServer({ address, port, upstreams, resolve: () => undefined, log });
  } catch (error) {
    // a server on every address of the machine is on this one too
    if (Reflect.get(Object(error), 'code') === 'EADDRINUSE') return undefined;
    throw error;
  }
}
