/** Servers of all Gateways that select a proxy, merged by the port they open. */
import type { Gateway, GatewayServer } from '../../model/gateway.ts';
import { selects } from '../../model/match.ts';
import type { RouteSet } from '../../model/route.ts';
import { hostSpecificity, isExported } from './hosts.ts';

/** What a listener speaks first; servers of different families cannot share a port. */
type ServerFamily = 'http' | 'tls' | 'tcp';

export interface BoundServer {
  readonly server: GatewayServer;
  readonly gateway: Gateway;
  /** `namespace/name`, as route sets name it. */
  readonly gatewayName: string;
}

export interface MergedPort {
  readonly number: number;
  readonly bind: string;
  readonly family: ServerFamily;
  readonly servers: readonly BoundServer[];
}

const PLAIN_HTTP = new Set(['HTTP', 'GRPC', 'GRPC-WEB', 'HTTP2']);

/** The family of a server: TLS of any kind is told apart by SNI. */
function familyOf({ port, tls }: GatewayServer): ServerFamily {
  if (tls !== undefined && !tls.httpsRedirect) return 'tls';
  if (PLAIN_HTTP.has(port.protocol)) return 'http';
  return port.protocol === 'TCP' || port.protocol === 'MONGO' ? 'tcp' : 'tls';
}

/** The host of a server's `namespace/dns`. */
export function serverHost(written: string): string {
  return written.slice(written.indexOf('/') + 1);
}

function hostsOf({ hosts }: GatewayServer): string[] {
  return hosts.map(serverHost);
}

/** Ports in order of number. The oldest server decides a port's family; of two for one TLS host the older stays. */
export function mergePorts(gateways: readonly Gateway[], labels: Readonly<Record<string, string>>): MergedPort[] {
  const ports = new Map<string, { number: number; bind: string; family: ServerFamily; servers: BoundServer[]; tlsHosts: Set<string> }>();
  for (const gateway of gateways) {
    if (!selects(gateway.selector, labels)) continue;
    for (const server of gateway.servers) {
      const { number } = server.port;
      const key = `${server.bind}|${number}`;
      const family = familyOf(server);
      const merged = ports.get(key) ?? { number, bind: server.bind, family, servers: [], tlsHosts: new Set<string>() };
      ports.set(key, merged);
      if (merged.family !== family) continue;
      if (family === 'tls' && hostsOf(server).some((host) => merged.tlsHosts.has(host))) continue;
      hostsOf(server).forEach((host) => merged.tlsHosts.add(host));
      merged.servers.push({ server, gateway, gatewayName: `${gateway.namespace}/${gateway.name}` });
    }
  }
  return [...ports.values()].toSorted((a, b) => a.number - b.number || (a.bind < b.bind ? -1 : 1));
}

/** The narrower of two hosts of which one covers the other; undefined where neither does. */
function intersection(a: string, b: string): string | undefined {
  if (hostSpecificity(a, b) >= 0) return b;
  return hostSpecificity(b, a) >= 0 ? a : undefined;
}

/** Hosts of `set` that `server` serves: narrowed to the server's, and only of namespaces that it lets in. */
export function servedHosts({ server, gateway, gatewayName }: BoundServer, set: RouteSet): string[] {
  if (!set.gateways.includes(gatewayName) || !isExported(set.exportTo, set.namespace, gateway.namespace)) return [];
  const served = new Set<string>();
  for (const written of server.hosts) {
    const namespace = written.slice(0, written.indexOf('/'));
    const isLetIn = namespace === '*' || set.namespace === (namespace === '.' ? gateway.namespace : namespace);
    if (!isLetIn) continue;
    for (const host of set.hosts) {
      const narrowed = intersection(serverHost(written), host);
      if (narrowed !== undefined) served.add(narrowed);
    }
  }
  return [...served];
}
