/** Who is behind an address, an identity or a host, by the mesh as it is: what entries of proxies leave open. */
import { mtlsDecisionOf, type WorkloadIdentity } from '../../compile/emit/peer-authentication.ts';
import { parseSpiffeId } from '../../core/spiffe.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { Provenance } from '../../model/provenance.ts';

/** A workload by its names. */
export interface WorkloadName {
  readonly namespace: string;
  readonly workload: string;
}

/** Finds names by what entries have. */
export interface MeshNames {
  /** The workload at `ip:port`; undefined where nobody, or more than one, can be meant. */
  workloadAt(address: string): WorkloadName | undefined;
  /** The only workload with an identity. */
  workloadOf(principal: string): WorkloadName | undefined;
  /** The service that is called by an authority (a short name in `namespace`), or '' where it is none of the mesh. */
  serviceOf(authority: string, namespace: string): string;
  /** The service at `ip:port`; '' where there is none, or more than one. */
  serviceAt(address: string): string;
  /** Where the rule was written that a policy of RBAC is named after (`ns[shop]-policy[deny-all]-rule[0]`). */
  policyOrigin(name: string): Provenance | undefined;
  /** Where the PeerAuthentication was written that makes a workload's port STRICT; undefined where none does. */
  strictOrigin(workload: WorkloadIdentity, port: number): Provenance | undefined;
}

/** A map in which a key that gets different values is kept as ambiguous. */
class Unambiguous<T> {
  readonly #values = new Map<string, T | undefined>();
  readonly #isSame: (a: T, b: T) => boolean;

  constructor(isSame: (a: T, b: T) => boolean) {
    this.#isSame = isSame;
  }

  put(key: string, value: T): void {
    const before = this.#values.get(key);
    if (before === undefined && this.#values.has(key)) return;
    this.#values.set(key, before === undefined || this.#isSame(before, value) ? value : undefined);
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }
}

function sameWorkload(a: WorkloadName, b: WorkloadName): boolean {
  return a.namespace === b.namespace && a.workload === b.workload;
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

function workloadsByAddress(mesh: Mesh): Unambiguous<WorkloadName> {
  const found = new Unambiguous(sameWorkload);
  for (const { namespace, workload, address, ports } of mesh.instances) {
    const name = { namespace, workload };
    found.put(address, name);
    for (const { number, listen } of ports) {
      found.put(`${address}:${listen}`, name);
      if (number !== listen) found.put(`${address}:${number}`, name);
    }
  }
  for (const { endpoints } of mesh.services) {
    for (const { namespace, workload, address, ports } of endpoints) {
      if (workload === '') continue;
      found.put(address, { namespace, workload });
      for (const port of Object.values(ports)) found.put(`${address}:${port}`, { namespace, workload });
    }
  }
  return found;
}

function servicesByAddress(mesh: Mesh): Unambiguous<string> {
  const found = new Unambiguous<string>((a, b) => a === b);
  for (const { hostname, endpoints } of mesh.services) {
    for (const { address, ports } of endpoints) for (const port of Object.values(ports)) found.put(`${address}:${port}`, hostname);
  }
  return found;
}

function workloadsByIdentity(mesh: Mesh): Unambiguous<WorkloadName> {
  const found = new Unambiguous(sameWorkload);
  for (const { name, namespace, serviceAccount } of mesh.workloads)
    found.put(`${namespace}/${serviceAccount}`, { namespace, workload: name });
  for (const { workload, namespace, serviceAccount } of mesh.instances)
    found.put(`${namespace}/${serviceAccount}`, { namespace, workload });
  return found;
}

const POLICY = /ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\]/;

function policyOrigin(mesh: Mesh, text: string): Provenance | undefined {
  const [, namespace, name, rule] = POLICY.exec(text) ?? [];
  if (namespace === undefined) return undefined;
  const policy = mesh.authorizationPolicies.find((each) => each.name === name && each.namespace === namespace);
  return policy && (policy.rules[Number(rule)]?.origin ?? policy.origin);
}

function createNames(mesh: Mesh): MeshNames {
  const { domainSuffix } = mesh.settings;
  // made when they are first asked for: most entries say themselves who was on the way
  let byAddress: Unambiguous<WorkloadName> | undefined;
  let byIdentity: Unambiguous<WorkloadName> | undefined;
  let services: Unambiguous<string> | undefined;
  let hosts: ReadonlySet<string> | undefined;
  return {
    workloadAt(address) {
      byAddress ??= workloadsByAddress(mesh);
      return byAddress.get(address) ?? byAddress.get(hostOf(address));
    },
    workloadOf(principal) {
      const id = parseSpiffeId(principal);
      if (id === undefined) return undefined;
      byIdentity ??= workloadsByIdentity(mesh);
      return byIdentity.get(`${id.namespace}/${id.serviceAccount}`);
    },
    serviceOf(authority, namespace) {
      hosts ??= new Set(mesh.services.map(({ hostname }) => hostname));
      const host = hostOf(authority);
      const forms = [host, `${host}.${namespace}.svc.${domainSuffix}`, `${host}.svc.${domainSuffix}`, `${host}.${domainSuffix}`];
      return forms.find((each) => hosts?.has(each)) ?? '';
    },
    serviceAt(address) {
      services ??= servicesByAddress(mesh);
      return services.get(address) ?? '';
    },
    policyOrigin: (name) => policyOrigin(mesh, name),
    strictOrigin(workload, port) {
      const { mode, policy } = mtlsDecisionOf(mesh.peerAuthentications, mesh.settings.rootNamespace, workload, port);
      return mode === 'STRICT' ? policy?.origin : undefined;
    },
  };
}

const known = new WeakMap<Mesh, MeshNames>();

/** The names of a mesh: made once for each. */
export function meshNames(mesh: Mesh): MeshNames {
  const names = known.get(mesh) ?? createNames(mesh);
  known.set(mesh, names);
  return names;
}
