/** Places in network namespaces: an address of its own, and rules that send its TCP and DNS through its proxy. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Workload } from '../../model/workload.ts';
import { DNS_PORT, HBONE_PORT, iptablesInterception, nftInterception, PROXY_GID } from '../../net/intercept-rules.ts';
import type { NetworkNamespace } from '../../net/netns.ts';
import { createNetworkNamespace } from '../../net/netns.ts';
import { CliError } from '../errors.ts';
import type { MeshNetwork } from './network.ts';
import { BRIDGE_HOST, bridgeOf, hasTool, ipv4Of, ipv6Of, removeLink, runTool } from './network.ts';
import type { Ground, Place } from './place.ts';
import { processId } from './process-group.ts';
import { machineResolvers } from './resolvers.ts';

const LOOPBACK = '127.0.0.1';
const FIRST_HOST = 2;
const LAST_HOST = 254;
/** IPv6 that the mesh may give to services: unique local addresses, and Istio's range for allocated ones. */
const SERVICE_IPV6 = ['fc00::/7', '2001:2::/48'];

/** Takes a host number that no supervisor of this mesh uses: a file that only one can create. */
function takeHost(folder: string): { host: number; release: () => void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let host = FIRST_HOST; host <= LAST_HOST; host++) {
    const file = path.join(folder, String(host));
    if (isStale(file)) rmSync(file, { force: true });
    try {
      const fd = openSync(file, 'wx', 0o600);
      writeFileSync(fd, String(process.pid));
      closeSync(fd);
      return { host, release: () => rmSync(file, { force: true }) };
    } catch {
      continue; // taken
    }
  }
  throw new CliError(`all ${LAST_HOST - FIRST_HOST + 1} addresses of the mesh's network are in use`, 'run fewer replicas on this machine');
}

function isStale(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return pid > 0 && processId(pid) === undefined;
  } catch {
    return false;
  }
}

/**
 * The link-layer address of a host, always the same: neighbours that still know the one who had its IP address before would
 * send into the void for some ten seconds, until they ask anew (RFC 4861 section 7.3, which Linux holds IPv4 to as well).
 */
function macOf(network: MeshNetwork, host: number): string {
  return [0x02, 0x54, 0x75, 0, network.number & 0xff, host].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function linkUp(namespace: NetworkNamespace, network: MeshNetwork, host: number): string {
  const link = `tv${network.number}-${host}`;
  runTool(
    ['ip', '-batch', '-'],
    `link add ${link} type veth peer name eth0 address ${macOf(network, host)} netns ${namespace.path}\nlink set ${link} master ${bridgeOf(network)}\nlink set ${link} up\n`,
  );
  const lines = [
    'link set lo up',
    `addr add ${ipv4Of(network, host)}/24 dev eth0`,
    ...(network.hasIpv6 ? ['addr add ::6/128 dev lo nodad', `addr add ${ipv6Of(network, host)}/64 dev eth0 nodad`] : []),
    'link set eth0 up',
    `route add default via ${ipv4Of(network, BRIDGE_HOST)}`,
    ...(network.hasIpv6 ? SERVICE_IPV6.map((range) => `route add ${range} via ${ipv6Of(network, BRIDGE_HOST)}`) : []),
  ];
  namespace.run(() => runTool(['ip', '-batch', '-'], `${lines.join('\n')}\n`));
  // there is nobody to protect low ports from, and applications need not be root for them
  namespace.run(() => writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0'));
  return link;
}

function intercept(namespace: NetworkNamespace, network: MeshNetwork): void {
  namespace.run(() => {
    if (hasTool('nft')) return runTool(['nft', '-f', '-'], nftInterception(network.hasIpv6));
    runTool(['iptables-restore', '-w'], iptablesInterception('ipv4'));
    return network.hasIpv6 ? runTool(['ip6tables-restore', '-w'], iptablesInterception('ipv6')) : '';
  });
}

function dnsMetadata(network: MeshNetwork): JsonObject {
  const { nameservers, searchDomains, stubs } = machineResolvers();
  const reachable = stubs.length > 0 ? [ipv4Of(network, BRIDGE_HOST)] : nameservers;
  return {
    addresses: network.hasIpv6 ? [LOOPBACK, '::1'] : [LOOPBACK],
    port: DNS_PORT,
    upstreams: reachable.map((address) => ({ address, port: 53 })),
    searchDomains: [...searchDomains],
  };
}

/**
 * A gateway is where the world comes in, and where workloads go out by: it stands in the root namespace, for the machine
 * on the loopback address, for workloads on that of the bridge.
 */
function gatewayPlace(workload: Workload, network: MeshNetwork): Place {
  return {
    addresses: [ipv4Of(network, BRIDGE_HOST), LOOPBACK],
    ports: workload.ports.map((port) => ({ ...port, listen: port.number })),
    hbonePort: undefined,
    metadata: { INTERCEPTION_MODE: 'REDIRECT' },
    tulleMetadata: {},
    env: {},
    proxyGid: undefined,
    start: (action) => action(),
    connect: async (port) => connect(port, LOOPBACK),
    release: () => undefined,
  };
}

/** PORT, as explicit mode sets it, so that one application serves in both. */
function environment(workload: Workload): Record<string, string> {
  const [first] = workload.ports;
  return first === undefined ? {} : { PORT: String(first.number) };
}

function sidecarPlace(workload: Workload, network: MeshNetwork, hostsFolder: string): Place {
  const { host, release } = takeHost(hostsFolder);
  const namespace = createNetworkNamespace();
  let link: string | undefined;
  const undo = (): void => {
    if (link !== undefined) removeLink(link);
    namespace.close();
    release();
  };
  try {
    link = linkUp(namespace, network, host);
    if (workload.isMeshed) intercept(namespace, network);
  } catch (error) {
    undo();
    throw error;
  }
  const address = ipv4Of(network, host);
  return {
    addresses: network.hasIpv6 ? [address, ipv6Of(network, host)] : [address],
    ports: workload.ports.map((port) => ({ ...port, listen: port.number })),
    hbonePort: workload.isMeshed ? HBONE_PORT : undefined,
    metadata: { INTERCEPTION_MODE: 'REDIRECT', DNS_CAPTURE: 'true' },
    tulleMetadata: { dns: dnsMetadata(network) },
    // a stub on the machine's loopback is out of the proxy's own reach, too
    ...(machineResolvers().stubs.length > 0 && { nameServers: [ipv4Of(network, BRIDGE_HOST)] }),
    env: environment(workload),
    proxyGid: PROXY_GID,
    start: (action) => namespace.run(action),
    connect: (port, timeoutMs) => namespace.connect(address, port, timeoutMs),
    release: undo,
  };
}

/** The ground of transparent mode: places on `network`, whose host numbers are kept in `hostsFolder`. */
export function transparentGround(network: MeshNetwork, hostsFolder: string): Ground {
  return {
    mode: 'transparent',
    place: async (workload) =>
      workload.role === 'router' ? gatewayPlace(workload, network) : sidecarPlace(workload, network, hostsFolder),
  };
}

/** Why transparent mode cannot be had here; undefined where it can. */
export function transparentObstacle(): CliError | undefined {
  if (process.platform !== 'linux') return new CliError(`transparent mode needs Linux, this is ${process.platform}`);
  if (process.getuid?.() !== 0) return new CliError('transparent mode needs root', 'start it with sudo');
  if (!hasTool('ip')) return new CliError('transparent mode needs the program ip', 'apt-get install iproute2');
  if (!hasTool('nft') && !hasTool('iptables-restore'))
    return new CliError('transparent mode needs the program nft or iptables', 'apt-get install nftables');
  try {
    createNetworkNamespace().close();
  } catch (error) {
    return new CliError(
      'transparent mode needs the right to make network namespaces',
      'in a container, give it CAP_SYS_ADMIN and CAP_NET_ADMIN',
      { cause: error },
    );
  }
  return undefined;
}
