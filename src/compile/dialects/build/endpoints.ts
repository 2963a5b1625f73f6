/** Finds who serves a service: registered instances, WorkloadEntries, Endpoints, and what a ServiceEntry says itself. */
import { selects } from '../../../model/match.ts';
import type { Provenance } from '../../../model/provenance.ts';
import type { Endpoint, ServicePort } from '../../../model/service.ts';
import type { WorkloadInstance } from '../../../model/workload.ts';
import type { EndpointsPart, ServicePart, WorkloadEntryPart } from '../part.ts';
import type { Collected } from './collect.ts';
import type { Findings } from './findings.ts';
import { share } from './share.ts';

/** What may serve, by namespace. */
export interface Candidates {
  readonly instances: ReadonlyMap<string, readonly WorkloadInstance[]>;
  readonly entries: ReadonlyMap<string, readonly WorkloadEntryPart[]>;
  /** By namespace/service. */
  readonly endpoints: ReadonlyMap<string, readonly EndpointsPart[]>;
  /** Where a workload was declared, by namespace/name. */
  readonly workloadOrigins: ReadonlyMap<string, Provenance>;
}

/** Sorts candidates once for all services. */
export function createCandidates(collected: Collected, instances: readonly WorkloadInstance[]): Candidates {
  return {
    instances: Map.groupBy(instances, ({ namespace }) => namespace),
    entries: Map.groupBy(collected.workloadEntries, ({ namespace }) => namespace),
    endpoints: Map.groupBy(collected.endpoints, ({ namespace, service }) => `${namespace}/${service}`),
    workloadOrigins: new Map(collected.workloads.map(({ namespace, name, origin }) => [`${namespace}/${name}`, origin])),
  };
}

/** The port of an instance that a service's port means; 0 where the instance does not serve it. */
function instancePort(instance: WorkloadInstance, { targetPort }: ServicePort): number {
  const declared = instance.ports.find(({ name, number }) =>
    typeof targetPort === 'number' ? number === targetPort : name === targetPort,
  );
  if (declared !== undefined) return declared.listen;
  // Where traffic is not intercepted, a port that the proxy does not open leads past it.
  const isExplicit = instance.ports.some(({ number, listen }) => number !== listen);
  return typeof targetPort === 'number' && !isExplicit ? targetPort : 0;
}

/** The port of an address outside; its own word counts before the service's. */
function entryPort(entry: WorkloadEntryPart, { name, number, targetPort }: ServicePort): number {
  const own = entry.ports[name] ?? (typeof targetPort === 'string' ? entry.ports[targetPort] : targetPort);
  return own ?? number;
}

function ofInstance(instance: WorkloadInstance, part: ServicePart, candidates: Candidates): Endpoint {
  const { service } = part;
  return {
    address: instance.address,
    ports: Object.fromEntries(service.ports.map((port) => [port.name, instancePort(instance, port)])),
    labels: instance.labels,
    namespace: instance.namespace,
    serviceAccount: instance.serviceAccount,
    workload: instance.workload,
    locality: instance.locality,
    weight: 1,
    isReady: instance.isReady,
    isMeshed: instance.isMeshed && !service.isExternal,
    ...(service.isHeadless ? { hostname: instance.id } : {}),
    ...(instance.isGateway === true ? { isGateway: true } : {}),
    ...(instance.hbonePort === undefined ? {} : { hbonePort: instance.hbonePort }),
    origin: candidates.workloadOrigins.get(`${instance.namespace}/${instance.workload}`) ?? service.origin,
  };
}

function ofEntry(entry: WorkloadEntryPart, part: ServicePart): Endpoint {
  const { service } = part;
  return {
    address: entry.address,
    ports: Object.fromEntries(service.ports.map((port) => [port.name, entryPort(entry, port)])),
    labels: entry.labels,
    namespace: entry.namespace,
    serviceAccount: entry.serviceAccount,
    workload: entry.name,
    locality: entry.locality,
    weight: entry.weight,
    isReady: true,
    isMeshed: entry.isMeshed && !service.isExternal,
    origin: entry.origin,
  };
}

function reportUnserved(instances: readonly WorkloadInstance[], part: ServicePart, findings: Findings): void {
  const seen = new Set<string>();
  for (const instance of instances) {
    if (seen.has(instance.workload)) continue;
    seen.add(instance.workload);
    for (const port of part.service.ports) {
      if (instancePort(instance, port) !== 0) continue;
      const message = `workload ${instance.namespace}/${instance.workload} has no port ${port.targetPort}: it does not serve port ${port.number}`;
      findings.warning('TUL110', port.origin, message);
    }
  }
}

/** Addresses of Endpoints and EndpointSlices; slices count where there are both, as Kubernetes copies the one to the other. */
function ofObjects(part: ServicePart, candidates: Candidates): readonly Endpoint[] {
  const { namespace, name } = part.service;
  const objects = candidates.endpoints.get(`${namespace}/${name}`) ?? [];
  const slices = objects.filter(({ isSlice }) => isSlice);
  return (slices.length > 0 ? slices : objects).flatMap(({ endpoints }) => endpoints);
}

function servesAny({ service }: ServicePart): (endpoint: Endpoint) => boolean {
  return ({ ports }) => service.ports.length === 0 || Object.values(ports).some((port) => port !== 0);
}

/** Endpoints of parts that nobody else adds to. */
const written = new WeakMap<ServicePart, readonly Endpoint[]>();

function writtenIn(part: ServicePart): readonly Endpoint[] {
  const known = written.get(part);
  if (known !== undefined) return known;
  const own = part.service.endpoints.filter(servesAny(part));
  written.set(part, own);
  return own;
}

/** The endpoints that each candidate was for a part, which are the same objects as long as nothing else counts. */
const kept = new WeakMap<ServicePart, WeakMap<object, Endpoint>>();

function keptEndpoint(part: ServicePart, candidate: object, make: () => Endpoint): Endpoint {
  const own = kept.get(part) ?? new WeakMap<object, Endpoint>();
  kept.set(part, own);
  const next = share(own.get(candidate), make());
  own.set(candidate, next);
  return next;
}

/** All endpoints of a service in stable order, without those that serve none of its ports. */
export function endpointsOf(part: ServicePart, candidates: Candidates, findings: Findings): readonly Endpoint[] {
  const { service, selector } = part;
  if (selector === undefined && !candidates.endpoints.has(`${service.namespace}/${service.name}`)) return writtenIn(part);
  const selected = <T extends { readonly labels: Readonly<Record<string, string>> }>(all: readonly T[] | undefined): readonly T[] =>
    selector === undefined ? [] : (all ?? []).filter(({ labels }) => selects(selector, labels));
  const instances = selected(candidates.instances.get(service.namespace)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  reportUnserved(instances, part, findings);
  const found = [
    ...service.endpoints,
    ...instances.map((instance) => keptEndpoint(part, instance, () => ofInstance(instance, part, candidates))),
    ...selected(candidates.entries.get(service.namespace)).map((entry) => keptEndpoint(part, entry, () => ofEntry(entry, part))),
  ].filter(servesAny(part));
  // What an Endpoints object says of a registered instance's address is known better already.
  const known = new Set(found.map(({ address }) => address));
  const objects = ofObjects(part, candidates).filter(({ address }) => !known.has(address));
  return [...found, ...objects.map((endpoint) => keptEndpoint(part, endpoint, () => completePorts(endpoint, service.ports)))];
}

/** An Endpoints object lists the ports that it serves; the others it does not. */
function completePorts(endpoint: Endpoint, ports: readonly ServicePort[]): Endpoint {
  return { ...endpoint, ports: Object.fromEntries(ports.map(({ name }) => [name, endpoint.ports[name] ?? 0])) };
}
