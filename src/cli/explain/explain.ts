/** Explains a request from its client to whoever gets it. */
import { formatSpiffeId } from '../../core/spiffe.ts';
import type { NetAddress } from '../../net/address.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingRequest } from '../../wire/http/message.ts';
import { CliError } from '../errors.ts';
import { type Arrival, enter } from './arrival.ts';
import type { Asked, Target } from './asked.ts';
import { explainChain } from './chain.ts';
import { type Destination, destinationOf, serviceCalled } from './destination.ts';
import { type Explanation, Trail, verdict } from './explanation.ts';
import { hiddenFrom, hiderText } from './hidden.ts';
import type { Journey, Stop, Traffic } from './journey.ts';
import { type ListedListener, type ProxyConfig, proxyConfigOf } from './proxy-config.ts';
import { reach } from './reach.ts';
import { hintOf, type Member, memberNamed, nameOf, type World } from './world.ts';

const LOOPBACK = '127.0.0.1';
const CLIENT_PORT = 40_000;
/** Stands for a client outside the mesh (RFC 5737). */
const OUTSIDER = '198.51.100.7';

function requestOf({ to, method, headers }: Asked, authority: string, isAbsolute: boolean): IncomingRequest {
  const block = new HeaderBlock();
  for (const [name, value] of headers) if (name !== 'host' && name !== 'content-length') block.add(name, value);
  const host = headers.find(([name]) => name === 'host')?.[1] ?? authority;
  const isGrpc = to.scheme === 'grpc';
  if (isGrpc && !block.has('content-type')) block.add('content-type', 'application/grpc');
  return {
    method,
    path: to.path,
    authority: host,
    scheme: to.scheme === 'https' ? 'https' : 'http',
    protocol: isGrpc ? 'HTTP/2' : 'HTTP/1.1',
    headers: block,
    contentLength: 0,
    upgrade: '',
    expectsContinue: false,
    isAbsolute,
  };
}

/** What a client's proxy sees: TLS of an application is bytes to it. */
function trafficOf(asked: Asked, authority: string, isAbsolute = false): Traffic {
  const { scheme, host } = asked.to;
  if (scheme === 'tcp') return { kind: 'bytes', serverName: undefined };
  if (scheme === 'https') return { kind: 'bytes', serverName: host };
  return { kind: 'http', request: requestOf(asked, authority, isAbsolute) };
}

function arrivalOf(traffic: Traffic, source: string, destination: NetAddress, isRedirected: boolean): Arrival {
  const isTls = traffic.kind === 'bytes' && traffic.serverName !== undefined;
  return {
    source: { host: source, port: CLIENT_PORT },
    destination,
    isRedirected,
    hello: isTls ? { serverName: traffic.serverName ?? '', alpn: ['h2', 'http/1.1'], identity: '' } : undefined,
    speaks: traffic.kind === 'bytes' ? undefined : traffic.request.protocol === 'HTTP/2' ? 'h2c' : 'http/1.1',
  };
}

async function enterAndGo(stop: Stop, accepting: ListedListener, arrival: Arrival, traffic: Traffic, trail: Trail): Promise<Explanation> {
  const entered = enter(stop.config, accepting, arrival, stop.identity, trail);
  if ('refused' in entered) {
    trail.add('filter-chain', `none: ${entered.refused}`, { notes: entered.notes });
    const by = nameOf(stop.member);
    return trail.end(verdict({ outcome: 'closed', flag: 'NR', by, text: `closed by the proxy of ${by}: ${entered.refused}` }));
  }
  return explainChain(stop, entered, traffic, trail);
}

/** The loopback port of explicit mode that stands for a destination. */
function explicitListener(
  { config, journey, member }: Stop,
  to: Target,
  { host, port }: Destination,
): { listener: ListedListener; isProxy: boolean } {
  const { explicit } = config.node;
  const find = (localPort: number): ListedListener | undefined => config.directory.find({ host: LOOPBACK, port: localPort });
  const { mesh } = journey.world;
  const wanted = serviceCalled(mesh, host, member.namespace)?.hostname;
  const upstream = explicit?.upstreams.find(
    (each) => each.port === port && serviceCalled(mesh, each.host, member.namespace)?.hostname === wanted,
  );
  const own = upstream === undefined || wanted === undefined ? undefined : find(upstream.localPort);
  if (to.scheme === 'http') {
    const listener = explicit === undefined ? undefined : find(explicit.httpProxyPort);
    if (listener !== undefined) return { listener, isProxy: true };
  }
  if (own !== undefined) return { listener: own, isProxy: false };
  const called = serviceCalled(mesh, host, member.namespace);
  const hidden = called && hiddenFrom(mesh, config.node, called, port);
  if (hidden !== undefined)
    throw new CliError(
      `in explicit mode ${nameOf(member)} has no way to ${to.scheme}://${host}:${port}: ${hiderText(hidden)} hides it`,
      `add ${called?.namespace}/${called?.hostname} to the egress hosts at ${hidden.by.origin.file}:${hidden.by.origin.line}`,
    );
  throw new CliError(
    `in explicit mode ${nameOf(member)} has no way to ${to.scheme}://${host}:${port} through its proxy`,
    'give its Workload an upstream for it, or explain an http:// URL, which goes through HTTP_PROXY',
  );
}

async function fromSidecar(stop: Stop, asked: Asked): Promise<Explanation> {
  const { journey, member, config } = stop;
  const trail = new Trail('client');
  const destination = destinationOf(journey.world.mesh, config, member.namespace, asked.to, trail);
  if (config.node.interception === 'NONE') {
    const { listener, isProxy } = explicitListener(stop, asked.to, destination);
    const traffic = trafficOf(asked, destination.authority, isProxy);
    const [address = { host: LOOPBACK, port: 0 }] = listener.addresses;
    return enterAndGo(stop, listener, arrivalOf(traffic, LOOPBACK, address, false), traffic, trail);
  }
  const accepting = config.listeners.find(({ name }) => name === 'virtualOutbound');
  if (accepting === undefined) throw new CliError(`the proxy of ${nameOf(member)} has no listener for its application's traffic`);
  const traffic = trafficOf(asked, destination.authority);
  const source = config.node.addresses[0] ?? LOOPBACK;
  const { address: host, port } = destination;
  return enterAndGo(stop, accepting, arrivalOf(traffic, source, { host, port }, true), traffic, trail);
}

/** The listener of a gateway for a URL; where it names no port, and the usual one is not open, the only one that is. */
function gatewayListener(config: ProxyConfig, { scheme, port }: Target): ListedListener | undefined {
  const wanted = port ?? (scheme === 'https' ? 443 : 80);
  const outer = config.listeners.filter(({ isInternal }) => !isInternal);
  const open = outer.find(({ addresses }) => addresses.some((address) => address.port === wanted));
  return open ?? (port === undefined && outer.length === 1 ? outer[0] : undefined);
}

function gatewayFor(journey: Journey, { via, to }: Asked): { member: Member; listener: ListedListener } {
  const { world } = journey;
  const routers = via === undefined ? world.members.filter(({ proxy }) => proxy?.role === 'router') : [memberNamed(world, via, 'gateway')];
  const open = routers.flatMap((member) => {
    const listener = gatewayListener(journey.configOf(member), to);
    return listener === undefined ? [] : [{ member, listener }];
  });
  const [first] = open;
  const names = [...new Set(open.map(({ member }) => nameOf(member)))];
  if (names.length > 1) throw new CliError(`${names.join(' and ')} have that port`, `name one: --gateway ${names[0]}`);
  if (first !== undefined) return first;
  const ports = routers.flatMap((member) =>
    journey.configOf(member).listeners.flatMap(({ addresses }) => addresses.map(({ port }) => `${nameOf(member)}:${port}`)),
  );
  if (routers.length === 0)
    throw new CliError('the mesh has no gateway', 'say who calls: --from shop/frontend, or --from outside for somebody without a proxy');
  throw new CliError(
    `no gateway listens on port ${to.port ?? (to.scheme === 'https' ? 443 : 80)}`,
    `open: ${[...new Set(ports)].join(', ') || 'none'}`,
  );
}

/** From somebody outside through a gateway, which sees requests of https only where one of its chains ends TLS. */
async function throughGateway(journey: Journey, asked: Asked): Promise<Explanation> {
  const { member, listener } = gatewayFor(journey, asked);
  const trail = new Trail('gateway');
  const config = journey.configOf(member);
  const stop: Stop = { journey, member, config, identity: journey.identityOf(member) };
  const [bound] = listener.addresses;
  const port = bound?.port ?? 80;
  const usual = asked.to.scheme === 'https' ? 443 : 80;
  const authority = (asked.to.port ?? usual) === usual ? asked.to.host : `${asked.to.host}:${asked.to.port}`;
  const traffic = trafficOf(asked, authority);
  const arrival = arrivalOf(traffic, OUTSIDER, { host: config.node.addresses[0] ?? LOOPBACK, port }, false);
  const entered = enter(config, listener, arrival, stop.identity, trail);
  if ('refused' in entered) {
    trail.add('filter-chain', `none: ${entered.refused}`, { notes: entered.notes });
    return trail.end(
      verdict({ outcome: 'closed', flag: 'NR', by: nameOf(member), text: `closed by the gateway ${nameOf(member)}: ${entered.refused}` }),
    );
  }
  const isEnded = asked.to.scheme === 'https' && entered.connection.tls !== undefined;
  const inner: Traffic = isEnded ? { kind: 'http', request: requestOf(asked, authority, false) } : traffic;
  return explainChain(stop, entered, inner, trail);
}

/** A client without a proxy goes straight to the endpoints, in plaintext or with TLS of its own. */
async function withoutProxy(journey: Journey, member: Member, asked: Asked): Promise<Explanation> {
  const trail = new Trail('client');
  const { mesh } = journey.world;
  const service = serviceCalled(mesh, asked.to.host, member.namespace);
  if (service === undefined) {
    const known = mesh.services.map(({ name, namespace }) => `${name}.${namespace}`);
    throw new CliError(`there is no service ${asked.to.host} for clients in namespace ${member.namespace}`, hintOf(asked.to.host, known));
  }
  const destination = destinationOf(mesh, undefined, member.namespace, asked.to, new Trail('client'));
  const port = service.ports.find(({ number }) => number === destination.port);
  const ends = service.endpoints.flatMap(({ address, ports, isReady }) => {
    const number = port === undefined ? 0 : (ports[port.name] ?? port.number);
    return isReady && number !== 0 ? [{ host: address, port: number }] : [];
  });
  trail.add('name', `${asked.to.host} is ${service.hostname}; the client has no proxy`, { source: service.origin });
  const [first] = ends;
  if (first === undefined)
    return trail.end(verdict({ outcome: 'closed', text: `no endpoint of ${service.hostname} serves port ${destination.port}` }));
  trail.add('endpoints', `${ends.length}, of which ${first.host}:${first.port} stands for all`);
  const traffic = trafficOf(asked, destination.authority);
  const way = { kind: 'plaintext', name: 'plaintext' } as const;
  return reach({ from: { journey, member, identity: '' }, host: { address: first, metadata: {} }, way, traffic }, trail);
}

function journeyOf(world: World): Journey {
  const configs = new Map<Member, ProxyConfig>();
  const { trustDomain } = world.mesh.settings;
  return {
    world,
    configOf(member) {
      const known = configs.get(member);
      if (known !== undefined) return known;
      if (member.proxy === undefined) throw new CliError(`${nameOf(member)} has no proxy`);
      const config = proxyConfigOf(world.mesh, member.proxy);
      configs.set(member, config);
      return config;
    },
    passChain: explainChain,
    identityOf({ namespace, proxy, instance }) {
      return formatSpiffeId({ trustDomain, namespace, serviceAccount: proxy?.serviceAccount ?? instance?.serviceAccount ?? 'default' });
    },
  };
}

/** Explains `asked` in `world`. Throws CliError for names that are not there. */
export async function explain(world: World, asked: Asked): Promise<Explanation> {
  const journey = journeyOf(world);
  if (asked.from === undefined) return throughGateway(journey, asked);
  if (asked.from === 'outside') {
    const nobody: Member = { namespace: 'default', workload: 'outside', proxy: undefined, instance: undefined };
    return withoutProxy(journey, nobody, asked);
  }
  const member = memberNamed(world, asked.from, 'client');
  if (member.proxy === undefined) return withoutProxy(journey, member, asked);
  return fromSidecar({ journey, member, config: journey.configOf(member), identity: journey.identityOf(member) }, asked);
}
