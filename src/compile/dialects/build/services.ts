import { parseIp } from '../../../core/cidr.ts';
import type { Endpoint, Service, ServicePort } from '../../../model/service.ts';
import type { ServicePart } from '../part.ts';
import { endpointsOf, type Candidates } from './endpoints.ts';
import { nameOf, type Findings } from './findings.ts';
import { allocateAddresses, serviceKey } from './virtual-addresses.ts';

/** Ports of both; of two with the same number the older's counts. */
function mergePorts(older: Service, younger: Service, findings: Findings): readonly ServicePort[] {
  const numbers = new Map(older.ports.map((port) => [port.number, port]));
  const added = younger.ports.filter(({ number }) => !numbers.has(number));
  for (const port of younger.ports) {
    const other = numbers.get(port.number);
    if (other === undefined || other.protocol === port.protocol) continue;
    const message = `port ${port.number} of ${younger.hostname} is ${port.protocol} here and ${other.protocol} in ${nameOf(other.origin)}: that one is the older and counts`;
    findings.warning('TUL111', port.origin, message);
  }
  return added.length === 0 ? older.ports : [...older.ports, ...added];
}

/** An endpoint of `owner` under the names of `ports`, of which it serves those that `owner` has by number. */
function renamePorts(endpoint: Endpoint, owner: Service, ports: readonly ServicePort[]): Endpoint {
  const portOf = ({ number }: ServicePort): number => {
    const own = owner.ports.find((candidate) => candidate.number === number);
    return own === undefined ? 0 : (endpoint.ports[own.name] ?? number);
  };
  return { ...endpoint, ports: Object.fromEntries(ports.map((port) => [port.name, portOf(port)])) };
}

/** Two resources that declare one host in one namespace are one service with the endpoints of both. */
function merge(older: Service, younger: Service, findings: Findings): Service {
  const ports = mergePorts(older, younger, findings);
  const endpoints = [older, younger].flatMap((owner) => owner.endpoints.map((endpoint) => renamePorts(endpoint, owner, ports)));
  return { ...older, ports, addresses: older.addresses.length > 0 ? older.addresses : younger.addresses, endpoints };
}

/** Those that can be called as they are: without DNS a name leads nowhere. */
function callable(service: Service, findings: Findings): readonly Endpoint[] {
  if (service.resolution !== 'static') return service.endpoints;
  return service.endpoints.filter(({ address, origin }) => {
    if (parseIp(address) !== undefined || address.startsWith('unix:')) return true;
    const message = `${service.hostname} takes IP addresses, and "${address}" is a name: write an IP address, or select it in a ServiceEntry with resolution: DNS`;
    findings.error('TUL115', origin.kind === 'WorkloadEntry' ? { ...origin, field: 'spec.address' } : origin, message);
    return false;
  });
}

/** Every service with its endpoints and addresses, in order of age. */
export function buildServices(
  parts: readonly ServicePart[],
  candidates: Candidates,
  previous: readonly Service[],
  findings: Findings,
): readonly Service[] {
  const services = new Map<string, Service>();
  const wanting = new Map<string, Service>();
  for (const part of parts) {
    const key = serviceKey(part.service);
    const service = { ...part.service, endpoints: endpointsOf(part, candidates, findings) };
    const older = services.get(key);
    services.set(key, older === undefined ? service : merge(older, service, findings));
    if (part.wantsAddress) wanting.set(key, service);
  }
  for (const [key, { addresses }] of services) if (addresses.length > 0) wanting.delete(key);
  const given = [...services.values()].flatMap(({ addresses }) => addresses);
  const allocated = allocateAddresses([...wanting.values()], given, previous, findings);
  return [...services].map(([key, service]) => ({
    ...service,
    addresses: allocated.get(key) ?? service.addresses,
    endpoints: callable(service, findings),
  }));
}
