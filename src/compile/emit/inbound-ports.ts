/** Which ports a proxy's own workload has, what they speak, and which services lead to them. */
import type { Protocol, Service } from '../../model/service.ts';
import type { Provenance } from '../../model/provenance.ts';
import { patchedMap } from '../../core/patched-map.ts';
import { type ChangedServices, followed } from './changed-services.ts';
import { endpointPort } from './endpoints.ts';
import { lastOfEach, memoised } from './memo.ts';
import type { ProxyNode } from './proxy-node.ts';
import type { IngressListener, Sidecar } from '../../model/sidecar.ts';
import type { ConnectionPool } from '../../model/traffic-policy.ts';

export interface InboundPort {
  /** The application's port. */
  readonly number: number;
  /** Where peers reach it; equal to `number` where traffic is intercepted. */
  readonly listen: number;
  /** Where the application listens; differs from `number` only in explicit mode, where the declared port was taken. */
  readonly appPort: number;
  readonly protocol: Protocol;
  readonly service:
    | { readonly host: string; readonly name: string; readonly namespace: string; readonly port: number; readonly portName: string }
    | undefined;
  readonly origin: Provenance | undefined;
  /** Where a Sidecar says that the application listens; `unix://` with port 0. Undefined: at the address that was dialled. */
  readonly endpoint?: { readonly address: string; readonly port: number };
  /** Limits before the application. */
  readonly pool?: ConnectionPool;
  /** Address of a listener of its own, beside the one for intercepted connections. */
  readonly bind?: string;
}

/** A service that leads to an address. */
export interface Served {
  readonly service: Service;
  readonly namespace: string;
  readonly workload: string;
  /** The service's ports by the endpoint's: of several that lead to one, the first that is written. */
  readonly ports: ReadonlyMap<number, Service['ports'][number]>;
}

interface Leading {
  readonly address: string;
  readonly served: Served;
}

const leadingOf = memoised((service: Service): readonly Leading[] =>
  service.endpoints.map((endpoint) => {
    // of entries with one key the last one stays
    const ports = new Map(service.ports.toReversed().map((port) => [endpointPort(endpoint, port), port]));
    return { address: endpoint.address, served: { service, namespace: endpoint.namespace, workload: endpoint.workload, ports } };
  }),
);

type ServedByAddress = ReadonlyMap<string, readonly Served[]>;

function indexOf(services: readonly Service[]): ServedByAddress {
  const index = new Map<string, Served[]>();
  for (const { address, served } of services.flatMap((service) => leadingOf(service))) {
    const known = index.get(address);
    if (known === undefined) index.set(address, [served]);
    else known.push(served);
  }
  return index;
}

/** The former index, with other entries for addresses that a changed service has or had. */
function followIndex(former: ServedByAddress, changed: ChangedServices, services: readonly Service[]): ServedByAddress {
  const addresses = new Set([...changed.former, ...changed.now].flatMap((service) => leadingOf(service)).map(({ address }) => address));
  // an address may be that of other services too, in the mesh's order
  const others = [...addresses].flatMap((address) => (former.get(address) ?? []).map(({ service }) => service));
  const concerned = new Set([...others, ...changed.now]);
  const found = indexOf(services.filter((service) => concerned.has(service)));
  return patchedMap(
    former,
    [...addresses].map((address) => [address, found.get(address)]),
  );
}

/** Services by the addresses of their endpoints. */
const servedByAddress = followed(indexOf, followIndex);

const NOBODY: readonly Served[] = [];

const ownOf = lastOfEach((proxy: ProxyNode, ...lists: readonly (readonly Served[])[]): readonly Served[] => {
  const isOwn = ({ namespace, workload }: Served) =>
    namespace === proxy.namespace && (workload === '' || proxy.workload === '' || workload === proxy.workload);
  return lists.flat().filter(isOwn);
});

/** The services that lead to a proxy's own workload: the same list while none of them changes. */
export function servedBy(services: readonly Service[], proxy: ProxyNode): readonly Served[] {
  const index = servedByAddress(services);
  return ownOf(proxy, ...proxy.addresses.map((address) => index.get(address) ?? NOBODY));
}

/**
 * Ports of the workload: as the proxy registered them, else as services' endpoints say, in order of number. In explicit mode
 * the latter may be anybody's, since all share the loopback address.
 */
function ownPorts(served: readonly Served[], proxy: ProxyNode): InboundPort[] {
  const registered = proxy.ports.map(({ number, listen, appPort, protocol }) => ({ number, listen, appPort, protocol }));
  const known = [...new Set(served.flatMap(({ ports }) => [...ports.keys()]))].filter((number) => number > 0);
  const ports =
    registered.length > 0 || proxy.explicit !== undefined
      ? registered
      : known.map((number) => ({ number, listen: number, appPort: number, protocol: 'auto' as const }));
  return ports
    .map(({ number, listen, appPort, protocol }) => {
      const owner = served.find((entry) => entry.ports.has(listen));
      const port = owner?.ports.get(listen);
      if (owner === undefined || port === undefined) return { number, listen, appPort, protocol, service: undefined, origin: undefined };
      const { hostname: host, name, namespace, origin } = owner.service;
      const service = { host, name, namespace, port: port.number, portName: port.name };
      return { number, listen, appPort, protocol: port.protocol, service, origin };
    })
    .toSorted((a, b) => a.number - b.number);
}

/** The address that a Sidecar's endpoint stands for: the proxy's own for the unspecified one, which interception leaves alone. */
function endpointOf({ endpoint }: IngressListener, { addresses }: ProxyNode): InboundPort['endpoint'] {
  if (endpoint === undefined) return undefined;
  const { address, port } = endpoint;
  const first = (isIpv6: boolean) => addresses.find((own) => own.includes(':') === isIpv6);
  if (address === '0.0.0.0') return { address: first(false) ?? '127.0.0.1', port };
  return { address: address === '::' ? (first(true) ?? '::1') : address || '127.0.0.1', port };
}

/** A port that a Sidecar opens, for whatever service leads to it. */
function ingressPort(ingress: IngressListener, own: readonly InboundPort[], sidecar: Sidecar, proxy: ProxyNode): InboundPort {
  const { number, protocol } = ingress.port;
  const known = own.find((port) => port.number === number);
  const endpoint = endpointOf(ingress, proxy);
  // in explicit mode the application may have been given another port than it declares
  const moved = own.find((port) => port.number === endpoint?.port)?.appPort;
  const pool = ingress.connectionPool ?? sidecar.inboundConnectionPool;
  return {
    number,
    listen: known?.listen ?? number,
    appPort: known?.appPort ?? number,
    protocol,
    service: known?.service,
    origin: ingress.origin,
    ...(endpoint !== undefined && { endpoint: { ...endpoint, port: moved ?? endpoint.port } }),
    ...(pool !== undefined && { pool }),
    ...(ingress.isBound && { bind: ingress.bind || (proxy.addresses[0] ?? '0.0.0.0') }),
  };
}

/** The ports of a proxy's workload in order of number: those that its Sidecar opens, else its own. */
export function inboundPorts(served: readonly Served[], proxy: ProxyNode, sidecar: Sidecar | undefined): InboundPort[] {
  const own = ownPorts(served, proxy);
  if (sidecar === undefined) return own;
  const { ingress, inboundConnectionPool: pool } = sidecar;
  if (ingress.length === 0) return pool === undefined ? own : own.map((port) => ({ ...port, pool }));
  return ingress.map((each) => ingressPort(each, own, sidecar, proxy)).toSorted((a, b) => a.number - b.number);
}

/** Where a gateway proxy opens the ports that Gateways name: as registered, or as its own services lead to it. */
export function gatewayPorts(services: readonly Served[], proxy: ProxyNode): Record<number, number> {
  const ports: Record<number, number> = {};
  for (const { ports: served } of services) {
    for (const [target, { number }] of served) if (target !== number && target > 0) ports[number] ??= target;
  }
  for (const { number, listen } of proxy.ports) if (listen !== number) ports[number] = listen;
  return ports;
}
