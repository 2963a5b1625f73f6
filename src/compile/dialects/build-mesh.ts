/** Resources and instances to one Mesh. Pure; unchanged parts are those of the previous mesh. */
import type { KeySet } from '../../model/key-set.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { Diagnostic } from '../../model/provenance.ts';
import type { WorkloadInstance } from '../../model/workload.ts';
import { isSameList } from './build/changed-positions.ts';
import { checkPolicies } from './build/check-policies.ts';
import { checkProviders } from './build/check-providers.ts';
import { checkRoutes } from './build/check-routes.ts';
import { checkSelectors } from './build/check-selectors.ts';
import { checkTokenKeys } from './build/check-token-keys.ts';
import { collect, type InForce, withoutCopies } from './build/collect.ts';
import { createCandidates } from './build/endpoints.ts';
import { createFindings } from './build/findings.ts';
import { type Basis, patchMesh } from './build/patch.ts';
import { buildServices } from './build/services.ts';
import { share, shareFields, shareKeyed } from './build/share.ts';
import { checkSplits } from './build/splits.ts';
import { serviceKey } from './build/virtual-addresses.ts';
import { withProxySettings } from './build/workload-proxies.ts';
import type { Resource } from './dialect.ts';

export interface BuiltMesh {
  readonly mesh: Mesh;
  /** What is wrong between resources. */
  readonly diagnostics: readonly Diagnostic[];
  /** The resources that the mesh is made of: one copy of each, none that an error names. */
  readonly counted: readonly Resource[];
}

const NO_KEY_SETS: readonly KeySet[] = [];

/** Names a part of the mesh among its kind. */
function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

interface Whole {
  readonly built: BuiltMesh;
  /** Undefined where its successors cannot be made of it. */
  readonly basis: Basis | undefined;
}

function buildWhole(
  resources: readonly Resource[],
  instances: readonly WorkloadInstance[],
  previous: Mesh | undefined,
  inForce: InForce,
  keySets: readonly KeySet[],
): Whole {
  const copies = createFindings();
  const findings = createFindings();
  const unique = withoutCopies(resources, inForce, copies);
  const collected = collect(unique, findings);
  const candidates = createCandidates(collected, instances);
  const services = buildServices(collected.services, candidates, previous?.services ?? [], findings);
  const next: Mesh = {
    settings: share(previous?.settings, collected.settings),
    namespaces: shareKeyed(previous?.namespaces, collected.namespaces, ({ name }) => name),
    services: shareKeyed(previous?.services, services, serviceKey),
    workloads: shareKeyed(previous?.workloads, withProxySettings(collected.workloads, collected), nameOf),
    instances: shareKeyed(previous?.instances, instances, ({ namespace, id }) => `${namespace}/${id}`),
    routes: shareKeyed(previous?.routes, collected.routes, (route) => `${route.origin.kind} ${nameOf(route)}`),
    destinationPolicies: shareKeyed(previous?.destinationPolicies, collected.destinationPolicies, nameOf),
    gateways: shareKeyed(previous?.gateways, collected.gateways, nameOf),
    envoyFilters: shareKeyed(previous?.envoyFilters, collected.envoyFilters, nameOf),
    sidecars: shareKeyed(previous?.sidecars, collected.sidecars, nameOf),
    telemetries: shareKeyed(previous?.telemetries, collected.telemetries, nameOf),
    proxyConfigs: shareKeyed(previous?.proxyConfigs, collected.proxyConfigs, nameOf),
    secrets: shareKeyed(previous?.secrets, collected.secrets, nameOf),
    peerAuthentications: shareKeyed(previous?.peerAuthentications, collected.peerAuthentications, nameOf),
    requestAuthentications: shareKeyed(previous?.requestAuthentications, collected.requestAuthentications, nameOf),
    keySets: shareKeyed(previous?.keySets, keySets, ({ url }) => url),
    authorizationPolicies: shareKeyed(previous?.authorizationPolicies, collected.authorizationPolicies, nameOf),
  };
  const mesh = shareFields(previous, next);
  checkRoutes(mesh, findings);
  checkSplits(collected.splits, collected.matchGroups, mesh.services, findings);
  const labelled = [...collected.workloads, ...instances, ...collected.workloadEntries];
  checkPolicies(mesh, labelled, findings);
  checkProviders(mesh, labelled, findings);
  checkTokenKeys(mesh, findings);
  checkSelectors(collected.services, mesh.services, mesh.gateways, labelled, findings);
  const refused = new Set(findings.diagnostics.flatMap(({ severity, resource }) => (severity === 'error' ? [resource] : [])));
  const counted = unique.filter(({ key }) => !refused.has(key));
  const built = { mesh, diagnostics: [...copies.diagnostics, ...findings.diagnostics], counted };
  const isPlain = copies.diagnostics.length === 0 && refused.size === 0;
  return { built, basis: isPlain ? { resources, collected, candidates, built, index: {} } : undefined };
}

/** What each mesh was built of besides; `basis` undefined: its successors are built as wholes. */
const bases = new WeakMap<
  Mesh,
  { readonly basis: Basis; readonly instances: readonly WorkloadInstance[]; readonly keySets: readonly KeySet[] }
>();

/** The mesh before with a small edit; undefined where there is none, or more has changed. */
function patchedFrom(
  previous: Mesh | undefined,
  resources: readonly Resource[],
  instances: readonly WorkloadInstance[],
  keySets: readonly KeySet[],
): Basis | undefined {
  const known = previous && bases.get(previous);
  if (known === undefined || !isSameList(known.instances, instances) || !isSameList(known.keySets, keySets)) return undefined;
  return patchMesh(known.basis, resources);
}

/**
 * Joins what was written and what runs.
 *
 * `previous` is the mesh before: whatever equals its counterpart there is that same object, lists and the mesh itself
 * included, and virtual addresses are kept. Of several copies of a resource the one whose file is `inForce` counts.
 * `keySets` are keys of token issuers that were fetched.
 */
export function buildMesh(
  resources: readonly Resource[],
  instances: readonly WorkloadInstance[],
  previous?: Mesh,
  inForce: InForce = new Map(),
  keySets: readonly KeySet[] = NO_KEY_SETS,
): BuiltMesh {
  const patch = patchedFrom(previous, resources, instances, keySets);
  const { built, basis } =
    patch === undefined ? buildWhole(resources, instances, previous, inForce, keySets) : { built: patch.built, basis: patch };
  if (basis === undefined) bases.delete(built.mesh);
  else bases.set(built.mesh, { basis, instances, keySets });
  return built;
}
