/** All that analysers look at: the mesh, the documents it was read from, and indexes of both. */
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { selects, type LabelSelector } from '../../model/match.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { Protocol, Service } from '../../model/service.ts';
import { hostSpecificity } from '../emit/hosts.ts';
import type { Documents } from './document.ts';
import type { Runner } from './runners.ts';

/** A workload with the ports that it is known to have. */
export interface Target extends Runner {
  /** Protocols by the workload's own port, as Services and the workload itself declare them. */
  readonly known: ReadonlyMap<number, readonly Protocol[]>;
}

/** What Tulle's proxy says of a message: where in it something stands that the proxy does not do, and what. */
export type RefusedByProxy = (desc: DescMessage, message: Message) => readonly { readonly path: string; readonly reason: string }[];

export interface World {
  readonly mesh: Mesh;
  readonly documents: Documents;
  readonly targets: readonly Target[];
  /** Every namespace that something is in. */
  readonly namespaces: ReadonlySet<string>;
  /** `namespace/account` of whatever runs or is declared. */
  readonly accounts: ReadonlySet<string>;
  /** Resources that are refused: what they would have held is not reported as missing. */
  readonly refused: ReadonlySet<string>;
  /** Undefined where nobody asks the proxy. */
  readonly refusedByProxy: RefusedByProxy | undefined;
  /** Services that a host calls: of that name, or with a wildcard that covers it. */
  servicesOf(host: string): readonly Service[];
  /** Workloads that a policy of `namespace` is for; in the root namespace those of the mesh. */
  targetsOf(namespace: string, selector: LabelSelector | undefined): readonly Target[];
}

function knownPorts(runner: Runner, services: readonly Service[]): ReadonlyMap<number, readonly Protocol[]> {
  const known = new Map<number, Protocol[]>();
  const add = (number: number, protocol: Protocol): void => {
    const protocols = known.get(number) ?? [];
    if (!protocols.includes(protocol)) known.set(number, [...protocols, protocol]);
  };
  for (const service of services) {
    for (const endpoint of service.endpoints) {
      if (!runner.addresses.includes(endpoint.address)) continue;
      for (const port of service.ports) {
        const number = endpoint.ports[port.name] ?? endpoint.ports[''] ?? port.number;
        if (number !== 0) add(runner.appPorts.get(number) ?? number, port.protocol);
      }
    }
  }
  for (const { number, protocol } of runner.ports) if (!known.has(number)) add(number, protocol);
  return known;
}

function accountsOf(mesh: Mesh, documents: Documents, runners: readonly Runner[]): ReadonlySet<string> {
  const endpoints = mesh.services.flatMap((service) => service.endpoints);
  const running = [...runners, ...endpoints].map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount || 'default'}`);
  const declared = documents.ofKinds('ServiceAccount').map(({ namespace, name }) => `${namespace}/${name}`);
  return new Set([...running, ...declared]);
}

function namespacesOf(mesh: Mesh, documents: Documents, runners: readonly Runner[]): ReadonlySet<string> {
  const declared = documents.ofKinds('Namespace').map(({ name }) => name);
  const named = [...mesh.namespaces.map(({ name }) => name), ...declared];
  return new Set([...named, ...[...runners, ...mesh.services].map(({ namespace }) => namespace), mesh.settings.rootNamespace]);
}

function byAddress(services: readonly Service[]): ReadonlyMap<string, readonly Service[]> {
  const index = new Map<string, Service[]>();
  for (const service of services) {
    for (const address of new Set(service.endpoints.map((endpoint) => endpoint.address))) {
      const known = index.get(address);
      if (known === undefined) index.set(address, [service]);
      else known.push(service);
    }
  }
  return index;
}

/** The world of a mesh. `runners` are all workloads, and what stands for them. */
export function createWorld(
  mesh: Mesh,
  documents: Documents,
  runners: readonly Runner[],
  refused: ReadonlySet<string>,
  refusedByProxy?: RefusedByProxy,
): World {
  const byHost = Map.groupBy(mesh.services, ({ hostname }) => hostname);
  const wildcards = mesh.services.filter(({ hostname }) => hostname.startsWith('*'));
  const served = byAddress(mesh.services);
  const targets = runners.map((runner) => {
    const services = new Set(runner.addresses.flatMap((address) => served.get(address) ?? []));
    return { ...runner, known: knownPorts(runner, [...services]) };
  });
  const byNamespace = Map.groupBy(targets, ({ namespace }) => namespace);
  return {
    mesh,
    documents,
    targets,
    refused,
    refusedByProxy,
    namespaces: namespacesOf(mesh, documents, runners),
    accounts: accountsOf(mesh, documents, runners),
    servicesOf: (host) => byHost.get(host) ?? wildcards.filter(({ hostname }) => hostSpecificity(hostname, host) >= 0),
    targetsOf(namespace, selector) {
      const all = namespace === mesh.settings.rootNamespace ? targets : (byNamespace.get(namespace) ?? []);
      return selector === undefined ? all : all.filter(({ labels }) => selects(selector, labels));
    },
  };
}
