/** The mesh as the dashboard draws it: a pure view of the model. */
import { selects } from '../../model/match.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { RouteSet, WeightedDestination } from '../../model/route.ts';
import type { Endpoint, Service } from '../../model/service.ts';
import type { Split, SplitPart, Topology, TopologyService, TopologyWorkload } from '../../model/topology.ts';

function workloadOf({ namespace, workload }: Endpoint): string {
  return `${namespace}/${workload}`;
}

function workloadsOf(endpoints: readonly Endpoint[]): string[] {
  return [...new Set(endpoints.filter(({ workload }) => workload !== '').map(workloadOf))].toSorted();
}

function serviceOf(service: Service): TopologyService {
  const { hostname, name, namespace, isExternal, endpoints, origin } = service;
  return {
    hostname,
    name,
    namespace,
    isExternal,
    ports: service.ports.map((port) => ({ name: port.name, number: port.number, protocol: port.protocol })),
    workloads: workloadsOf(endpoints),
    endpoints: endpoints.length,
    ready: endpoints.filter(({ isReady }) => isReady).length,
    origin,
  };
}

/** What is declared, with how much of it runs, and what runs without a declaration. */
function workloadList({ workloads, instances }: Mesh): TopologyWorkload[] {
  const found = new Map<string, TopologyWorkload>();
  for (const { name, namespace, labels, serviceAccount, role, isMeshed, origin } of workloads) {
    found.set(`${namespace}/${name}`, { name, namespace, labels, serviceAccount, role, isMeshed, instances: 0, ready: 0, origin });
  }
  for (const { workload: name, namespace, labels, serviceAccount, isMeshed, isReady } of instances) {
    const key = `${namespace}/${name}`;
    const known = found.get(key) ?? { name, namespace, labels, serviceAccount, role: 'sidecar', isMeshed, instances: 0, ready: 0 };
    found.set(key, { ...known, instances: known.instances + 1, ready: known.ready + (isReady ? 1 : 0) });
  }
  return [...found.values()].toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

function selectedBy(mesh: Mesh, host: string, subset: string | undefined, services: ReadonlyMap<string, Service>): string[] {
  const endpoints = services.get(host)?.endpoints ?? [];
  if (subset === undefined) return workloadsOf(endpoints);
  const labels = mesh.destinationPolicies.find((policy) => policy.host === host)?.subsets.find(({ name }) => name === subset)?.labels;
  return labels === undefined ? [] : workloadsOf(endpoints.filter((endpoint) => selects(labels, endpoint.labels)));
}

/** Destinations of a rule with their shares in percent. */
function partsOf(mesh: Mesh, destinations: readonly WeightedDestination[], services: ReadonlyMap<string, Service>): SplitPart[] {
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  return destinations.map(({ destination: { host, subset }, weight }) => ({
    host,
    subset: subset ?? '',
    percent: total === 0 ? 0 : (weight / total) * 100,
    workloads: selectedBy(mesh, host, subset, services),
  }));
}

function splitsOf(mesh: Mesh, set: RouteSet, services: ReadonlyMap<string, Service>): Split[] {
  const http = set.http.flatMap((rule) => {
    const destinations = rule.action.kind === 'forward' ? rule.action.destinations : [];
    return [{ name: rule.name, isDefault: rule.matches.length === 0, destinations, origin: rule.origin }];
  });
  const bytes = [...set.tls, ...set.tcp].map(({ matches, destinations, origin }) => {
    return { name: '', isDefault: matches.length === 0, destinations, origin };
  });
  const divided = [...http, ...bytes].filter(({ destinations }) => destinations.length > 1);
  return divided.flatMap(({ name, isDefault, destinations, origin }) => {
    const parts = partsOf(mesh, destinations, services);
    return set.hosts.map((host): Split => ({ host, rule: name, isDefault, parts, origin }));
  });
}

/** What of a mesh a graph of it shows. */
export function topologyOf(mesh: Mesh, generation: number): Topology {
  const services = new Map(mesh.services.map((service) => [service.hostname, service]));
  return {
    generation,
    rootNamespace: mesh.settings.rootNamespace,
    services: mesh.services.map(serviceOf),
    workloads: workloadList(mesh),
    splits: mesh.routes.flatMap((set) => splitsOf(mesh, set, services)),
  };
}
