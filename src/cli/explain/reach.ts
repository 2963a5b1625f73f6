/** From one proxy to the next: TLS, and what the server's proxy makes of what comes. */
import { formatAddress, internalListenerOf, type NetAddress, parseAddress } from '../../net/address.ts';
import type { Host } from '../../proxy/cluster/cluster.ts';
import { isObject } from '../json.ts';
import { acceptsIdentity, type Arrival, enter, type Refused } from './arrival.ts';
import { type Explanation, type Note, Trail, verdict } from './explanation.ts';
import type { Journey, Stop, Traffic } from './journey.ts';
import type { ListedListener, ProxyConfig } from './proxy-config.ts';
import { mtlsOf } from './rules.ts';
import type { UpstreamWay } from './upstream-tls.ts';
import { type Member, memberAt, nameOf } from './world.ts';

export interface Reach {
  /** Who connects. */
  readonly from: Pick<Stop, 'journey' | 'member' | 'identity'>;
  readonly host: Pick<Host, 'address' | 'metadata'>;
  readonly way: UpstreamWay;
  readonly traffic: Traffic;
}

const TUNNEL_KEY = 'envoy.filters.listener.original_dst';
const MAIN_INTERNAL = 'main_internal';
/** A port that no server listens on: a client's. */
const CLIENT_PORT = 40_000;
const LOOPBACK = '127.0.0.1';
/** Stands for the address of somebody outside (RFC 5737). */
const UNKNOWN_HOST = '203.0.113.9';

/** Where an endpoint really is: behind a tunnel its own address, not the proxy's listener that begins it. */
export function addressOf({ address, metadata }: Pick<Host, 'address' | 'metadata'>): NetAddress {
  if (internalListenerOf(address) === undefined) return address;
  const tunnel = metadata[TUNNEL_KEY];
  const local = isObject(tunnel) && typeof tunnel['local'] === 'string' ? parseAddress(tunnel['local']) : undefined;
  return local ?? address;
}

/** What came of it for the client, where the server's end did not take the connection. */
function failed({ from, traffic }: Reach, flag: 'UC' | 'UF', why: string, notes: { readonly source?: Note['source'] } = {}) {
  const by = nameOf(from.member);
  const source = notes.source === undefined ? {} : { source: notes.source };
  if (traffic.kind === 'bytes' || from.member.proxy === undefined)
    return verdict({ outcome: 'closed', flag, by, text: `closed: ${why}`, ...source });
  return verdict({ outcome: 'answered', status: 503, flag, by, text: `503 ${flag} by the proxy of ${by}: ${why}`, ...source });
}

/** How a connection is made, in words. */
export function wayText(reach: Omit<Reach, 'host'>): string {
  const { proxyProtocol } = reach.way;
  return proxyProtocol === undefined ? securityText(reach) : `${securityText(reach)}, behind a PROXY protocol header (${proxyProtocol})`;
}

function securityText({ way, traffic, from: { identity } }: Omit<Reach, 'host'>): string {
  switch (way.kind) {
    case 'plaintext':
      return traffic.kind === 'bytes' && traffic.serverName !== undefined ? "the application's own TLS, as it comes" : 'plaintext';
    case 'tunnel':
      return `mTLS, in a tunnel (HBONE), as ${identity}`;
    case 'tls':
      return way.showsIdentity
        ? `mTLS as ${identity}, offering ${way.alpn.join(', ')}`
        : `TLS to ${way.sni === '' ? 'the endpoint' : way.sni}`;
  }
}

function helloOf({ way, traffic, from }: Reach): Arrival['hello'] {
  if (way.kind === 'tls') return { serverName: way.sni, alpn: way.alpn, identity: way.showsIdentity ? from.identity : '' };
  if (way.kind === 'plaintext' && traffic.kind === 'bytes' && traffic.serverName !== undefined)
    return { serverName: traffic.serverName, alpn: ['h2', 'http/1.1'], identity: '' };
  return undefined;
}

function speaksOf({ traffic }: Reach): Arrival['speaks'] {
  if (traffic.kind === 'bytes') return undefined;
  return traffic.request.protocol === 'HTTP/2' ? 'h2c' : 'http/1.1';
}

/** The listener that takes a connection to `address` first. */
function acceptingListener(config: ProxyConfig, address: NetAddress, isTunnel: boolean): ListedListener | undefined {
  if (isTunnel) return config.directory.findInternal(MAIN_INTERNAL);
  if (config.node.interception === 'NONE') return config.directory.find(address);
  return config.listeners.find(({ name }) => name === 'virtualInbound');
}

/** The gateway that opens the port of an address; of several at one address (they share it under `tulle up`) the one that has it. */
function gatewayAt({ world, configOf }: Journey, address: NetAddress): Member | undefined {
  return world.members.find(
    (member) =>
      member.proxy?.role === 'router' &&
      member.proxy.addresses.includes(address.host) &&
      configOf(member).directory.find(address) !== undefined,
  );
}

/** Who is at an address. A gateway under `tulle up` has the machine's loopback address, and not all ports of it. */
function memberOf(journey: Journey, address: NetAddress): Member | undefined {
  const gateway = gatewayAt(journey, address);
  if (gateway !== undefined) return gateway;
  const member = memberAt(journey.world, address.host, address.port);
  return member?.proxy?.role === 'router' && address.host === LOOPBACK ? undefined : member;
}

/** Through a gateway that a proxy of the mesh calls, as one does to leave the mesh. */
async function throughGateway(reach: Reach, member: Member, address: NetAddress, before: Trail): Promise<Explanation> {
  const { journey } = reach.from;
  const name = nameOf(member);
  if (member === reach.from.member) {
    const why = `the gateway ${name} leads back to itself, and the request goes in circles`;
    return before.leadingTo(new Trail('gateway').end(failed(reach, 'UF', why)));
  }
  const trail = new Trail('gateway');
  const config = journey.configOf(member);
  const identity = journey.identityOf(member);
  const accepting = config.directory.find(address);
  const hello = helloOf(reach);
  if (accepting === undefined)
    return before.leadingTo(trail.end(failed(reach, 'UF', `the gateway ${name} does not listen on ${formatAddress(address)}`)));
  const source = { host: reach.from.member.proxy?.addresses[0] ?? UNKNOWN_HOST, port: CLIENT_PORT };
  const entered = enter(
    config,
    accepting,
    { source, destination: address, isRedirected: false, hello, speaks: speaksOf(reach) },
    identity,
    trail,
  );
  if ('refused' in entered) {
    trail.add('filter-chain', `none: ${entered.refused}`, { notes: entered.notes });
    return before.leadingTo(
      trail.end(failed(reach, hello === undefined ? 'UC' : 'UF', `the gateway ${name} refuses it: ${entered.refused}`)),
    );
  }
  if (reach.way.kind === 'tls' && entered.connection.tls === undefined)
    return before.leadingTo(trail.end(failed(reach, 'UF', `the gateway ${name} ends no TLS on this port, and is called with it`)));
  return before.leadingTo(await journey.passChain({ journey, member, config, identity }, entered, reach.traffic, trail));
}

/** Why the server's end refuses, with the PeerAuthentication that makes it so. */
function refusal(reach: Reach, member: Member, port: number, { refused, notes }: Refused, trail: Trail): Explanation {
  const { world } = reach.from.journey;
  const labels = member.proxy?.labels ?? {};
  const number = member.instance?.ports.find(({ listen }) => listen === port)?.number ?? port;
  const { mode, origin } = mtlsOf(world.mesh, { namespace: member.namespace, labels }, number);
  const isPlain = helloOf(reach) === undefined;
  const isStrict = isPlain && mode === 'STRICT';
  const why = isStrict
    ? `plaintext is refused: ${nameOf(member)} takes mTLS only (STRICT)`
    : `${nameOf(member)} refuses the connection: ${refused}`;
  trail.add('tls', `${mode}: ${refused}`, { source: origin, notes });
  return trail.end(failed(reach, isPlain ? 'UC' : 'UF', why, origin === undefined ? {} : { source: origin }));
}

/** What the server's proxy demands, before it is asked. */
function tellMode({ from }: Reach, member: Member, port: number, trail: Trail): void {
  const number = member.instance?.ports.find(({ listen }) => listen === port)?.number ?? port;
  const { mode, origin } = mtlsOf(from.journey.world.mesh, { namespace: member.namespace, labels: member.proxy?.labels ?? {} }, number);
  trail.add('tls', `the server's mTLS mode is ${mode}${origin === undefined ? ' (the default)' : ''}`, { source: origin });
}

async function atServer(reach: Reach, member: Member, address: NetAddress, before: Trail): Promise<Explanation> {
  const { from, way, traffic } = reach;
  const { journey } = from;
  const trail = new Trail('server');
  const config = journey.configOf(member);
  const isTunnel = way.kind === 'tunnel';
  const accepting = acceptingListener(config, address, isTunnel);
  const identity = journey.identityOf(member);
  if (accepting === undefined) {
    const why = `the proxy of ${nameOf(member)} does not listen on ${formatAddress(address)}`;
    return before.leadingTo(trail.end(failed(reach, 'UF', why)));
  }
  tellMode(reach, member, address.port, trail);
  const arrival: Arrival = {
    source: { host: from.member.proxy?.addresses[0] ?? from.member.instance?.address ?? UNKNOWN_HOST, port: CLIENT_PORT },
    destination: address,
    isRedirected: config.node.interception === 'REDIRECT' || isTunnel,
    hello: isTunnel ? undefined : helloOf(reach),
    speaks: speaksOf(reach),
    ...(isTunnel ? { tunnelOf: from.identity } : {}),
  };
  const entered = enter(config, accepting, arrival, identity, trail);
  if ('refused' in entered) return before.leadingTo(refusal(reach, member, address.port, entered, trail));
  return before.leadingTo(await journey.passChain({ journey, member, config, identity }, entered, traffic, trail));
}

/** Goes on to an endpoint, and through the proxy in front of it where there is one. */
export async function reach(to: Reach, trail: Trail): Promise<Explanation> {
  const { from, host, way } = to;
  const address = addressOf(host);
  const member = memberOf(from.journey, address);
  trail.add('tls', `${wayText(to)}, to ${formatAddress(address)}`);
  if (member === undefined) {
    const service = from.journey.world.mesh.services.find(({ addresses }) => addresses.includes(address.host));
    if (service !== undefined)
      return trail.end(
        failed(to, 'UF', `${address.host} is the virtual address of ${service.hostname}, which nobody has`, { source: service.origin }),
      );
    const text = `delivered to ${formatAddress(address)}, outside the mesh`;
    return trail.end(verdict({ outcome: 'delivered', text }));
  }
  const identity = from.journey.identityOf(member);
  if (way.kind === 'tls' && way.showsIdentity && !acceptsIdentity(way.validation, identity)) {
    return trail.end(failed(to, 'UF', `${nameOf(member)} is ${identity}, which the cluster does not accept`));
  }
  if (member.proxy?.role === 'router') return throughGateway(to, member, address, trail);
  if (member.proxy !== undefined) return atServer(to, member, address, trail);
  const by = nameOf(member);
  if (way.kind === 'tunnel' || (way.kind === 'tls' && way.showsIdentity))
    return trail.end(failed(to, 'UF', `${by} has no proxy that takes mTLS`));
  trail.add('application', way.kind === 'tls' ? `${by}, without a proxy: it ends the TLS itself` : `${by}, without a proxy`);
  return trail.end(verdict({ outcome: 'delivered', by, text: `delivered to ${by}, whose application answers` }));
}
