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

/** Lists of which every address was looked at and is one. */
const addressed = new WeakSet<readonly Endpoint[]>();

/** Those that can be called as they are: without DNS a name leads nowhere. */
function callable(service: Service, findings: Findings): readonly Endpoint[] {
  if (service.resolution !== 'static' || addressed.has(service.endpoints)) return service.endpoints;
  const endpoints = service.endpoints.filter(({ address, origin }) => {
    if (parseIp(address) !== undefined || address.startsWith('unix:')) return true;
    const message = `${service.hostname} takes IP addresses, and "${address}" is a name: write an IP address, or select it in a ServiceEntry with resolution: DNS`;
    findings.error('TUL115', origin.kind === 'WorkloadEntry' ? { ...origin, field: 'spec.address' } : origin, message);
    return false;
  });
  if (endpoints.length < service.endpoints.length) return endpoints;
  addressed.add(service.endpoints);
  return service.endpoints;
}

/** The last service made of each part or merger, with the addresses and endpoints that it was made with. */
const made = new WeakMap<Service, Service>();

/** `service` with other addresses and endpoints: the same object for the same ones. */
function completed(service: Service, addresses: Service['addresses'], endpoints: readonly Endpoint[]): Service {
  const last = made.get(service);
  const isSame = last?.endpoints === endpoints && last.addresses.join() === addresses.join();
  const next = isSame ? last : { ...service, addresses, endpoints };
  made.set(service, next);
  return next;
}

/** The last service with endpoints of each part, and these. */
const filled = new WeakMap<ServicePart, Service>();

/** A part's service with what serves it; the same object while that is the same. */
function withEndpoints(part: ServicePart, candidates: Candidates, findings: Findings): Service {
  const { service } = part;
  const endpoints = endpointsOf(part, candidates, findings);
  const last = filled.get(part);
  const isSame = last?.endpoints.length === endpoints.length && endpoints.every((each, i) => each === last.endpoints[i]);
  const next = isSame ? last : { ...service, endpoints };
  filled.set(part, next);
  return next;
}

/** The service of a part that no other adds to, with these addresses. */
export function serviceOf(part: ServicePart, candidates: Candidates, addresses: Service['addresses'], findings: Findings): Service {
  const service = withEndpoints(part, candidates, findings);
  return completed(service, addresses, callable(service, findings));
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
    const service = withEndpoints(part, candidates, findings);
    const older = services.get(key);
    services.set(key, older === undefined ? service : merge(older, service, findings));
    if (part.wantsAddress) wanting.set(key, service);
  }
  for (const [key, { addresses }] of services) if (addresses.length > 0) wanting.delete(key);
  const given = [...services.values()].flatMap(({ addresses }) => addresses);
  const allocated = allocateAddresses([...wanting.values()], given, previous, findings);
  return [...services].map(([key, service]) => completed(service, allocated.get(key) ?? service.addresses, callable(service, findings)));
}
