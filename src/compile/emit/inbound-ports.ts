/** Which ports a proxy's own workload has, what they speak, and which services lead to them. */
import type { Protocol, Service } from '../../model/service.ts';
import type { Provenance } from '../../model/provenance.ts';
import { endpointPort } from './endpoints.ts';
import { memoised } from './memo.ts';
import type { ProxyNode } from './proxy-node.ts';

export interface InboundPort {
  /** The application's port. */
  readonly number: number;
  /** Where peers reach it; equal to `number` where traffic is intercepted. */
  readonly listen: number;
  /** Where the application listens; differs from `number` only in explicit mode, where the declared port was taken. */
  readonly appPort: number;
  readonly protocol: Protocol;
  readonly service: { readonly host: string; readonly name: string; readonly namespace: string; readonly port: number } | undefined;
  readonly origin: Provenance | undefined;
}

interface Served {
  readonly service: Service;
  readonly namespace: string;
  readonly workload: string;
  /** The service's ports by the endpoint's. */
  readonly ports: ReadonlyMap<number, Service['ports'][number]>;
}

/** Services by the addresses of their endpoints. */
const servedByAddress = memoised((services: readonly Service[]): ReadonlyMap<string, readonly Served[]> => {
  const index = new Map<string, Served[]>();
  for (const service of services) {
    for (const endpoint of service.endpoints) {
      const ports = new Map(service.ports.map((port) => [endpointPort(endpoint, port), port]));
      const served = { service, namespace: endpoint.namespace, workload: endpoint.workload, ports };
      const known = index.get(endpoint.address);
      if (known === undefined) index.set(endpoint.address, [served]);
      else known.push(served);
    }
  }
  return index;
});

function servedBy(services: readonly Service[], proxy: ProxyNode): Served[] {
  const index = servedByAddress(services);
  const isOwn = ({ namespace, workload }: Served) =>
    namespace === proxy.namespace && (workload === '' || proxy.workload === '' || workload === proxy.workload);
  return proxy.addresses.flatMap((address) => index.get(address) ?? []).filter(isOwn);
}

/** Ports of the workload: as the proxy registered them, else as services' endpoints say, in order of number. */
export function inboundPorts(services: readonly Service[], proxy: ProxyNode): InboundPort[] {
  const served = servedBy(services, proxy);
  const registered = proxy.ports.map(({ number, listen, appPort, protocol }) => ({ number, listen, appPort, protocol }));
  const known = [...new Set(served.flatMap(({ ports }) => [...ports.keys()]))].filter((number) => number > 0);
  const ports =
    registered.length > 0 ? registered : known.map((number) => ({ number, listen: number, appPort: number, protocol: 'auto' as const }));
  return ports
    .map(({ number, listen, appPort, protocol }) => {
      const owner = served.find((entry) => entry.ports.has(listen));
      const port = owner?.ports.get(listen);
      if (owner === undefined || port === undefined) return { number, listen, appPort, protocol, service: undefined, origin: undefined };
      const { hostname: host, name, namespace, origin } = owner.service;
      return { number, listen, appPort, protocol: port.protocol, service: { host, name, namespace, port: port.number }, origin };
    })
    .toSorted((a, b) => a.number - b.number);
}

/** Where a gateway proxy opens the ports that Gateways name: as registered, or as its own services lead to it. */
export function gatewayPorts(services: readonly Service[], proxy: ProxyNode): Record<number, number> {
  const ports: Record<number, number> = {};
  for (const { ports: served } of servedBy(services, proxy)) {
    for (const [target, { number }] of served) if (target !== number && target > 0) ports[number] ??= target;
  }
  for (const { number, listen } of proxy.ports) if (listen !== number) ports[number] = listen;
  return ports;
}
