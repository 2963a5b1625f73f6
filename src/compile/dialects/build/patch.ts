/**
 * A mesh after a small edit, made of the one before: the commonest edits (other endpoints of a service, other rules of a
 * route set) touch one part of the mesh and nothing that is checked between its parts. Whatever may touch more, or has
 * anything to be said about it, is built as a whole; `incremental.test.ts` holds the two against each other.
 */
import type { Mesh } from '../../../model/mesh.ts';
import type { RouteSet } from '../../../model/route.ts';
import type { Service } from '../../../model/service.ts';
import type { Resource } from '../dialect.ts';
import type { Part, ServicePart } from '../part.ts';
import type { BuiltMesh } from '../build-mesh.ts';
import { changedPositions, withElements } from './changed-positions.ts';
import { checkRoute, knownIn, type KnownParts } from './check-routes.ts';
import type { Collected } from './collect.ts';
import type { Candidates } from './endpoints.ts';
import { createFindings, type Findings } from './findings.ts';
import { visibilityIn } from './mesh-scope.ts';
import { serviceOf } from './services.ts';
import { share } from './share.ts';
import { serviceKey } from './virtual-addresses.ts';

/** What a mesh was built of, and what its successors can go by. */
export interface Basis {
  readonly resources: readonly Resource[];
  readonly collected: Collected;
  readonly candidates: Candidates;
  readonly built: BuiltMesh;
  readonly index: Index;
}

/** Made when it is first wanted; the same for all meshes that were patched since the last one that was built as a whole. */
interface Index {
  services?: ReadonlyMap<string, number>;
  routes?: ReadonlyMap<string, number>;
  known?: KnownParts;
  diagnosed?: ReadonlySet<string | undefined>;
}

/** Changes to be made to the mesh's lists, by position. */
interface Patch {
  readonly services: Map<number, Service>;
  readonly routes: Map<number, RouteSet>;
  readonly findings: Findings;
}

function routeKey({ origin, namespace, name }: RouteSet): string {
  return `${origin.kind} ${namespace}/${name}`;
}

/** Positions of services that one part alone is behind. */
function servicePositions({ collected, built, index }: Basis): ReadonlyMap<string, number> {
  if (index.services !== undefined) return index.services;
  const positions = new Map(built.mesh.services.map((service, i) => [serviceKey(service), i]));
  const seen = new Set<string>();
  for (const { service } of collected.services) {
    const key = serviceKey(service);
    if (seen.has(key)) positions.delete(key);
    seen.add(key);
  }
  return (index.services = positions);
}

function routePositions({ built, index }: Basis): ReadonlyMap<string, number> {
  return (index.routes ??= new Map(built.mesh.routes.map((route, i) => [routeKey(route), i])));
}

function isDiagnosed({ built, index }: Basis, key: string): boolean {
  index.diagnosed ??= new Set(built.diagnostics.map(({ resource }) => resource));
  return index.diagnosed.has(key);
}

function areEqual(a: object, b: object): boolean {
  return share(a, b) === a;
}

/** True where a service differs in nothing but the endpoints that are written in it. */
function hasOtherEndpoints(before: ServicePart, after: ServicePart): boolean {
  if (before.selector !== undefined || after.selector !== undefined || before.wantsAddress !== after.wantsAddress) return false;
  return areEqual({ ...before.service, endpoints: [] }, { ...after.service, endpoints: [] });
}

function patchServices(basis: Basis, before: readonly ServicePart[], after: readonly ServicePart[], patch: Patch): boolean {
  if (before.length !== after.length) return false;
  return after.every((part, i) => {
    const former = before[i];
    const position = servicePositions(basis).get(serviceKey(part.service));
    const last = position === undefined ? undefined : basis.built.mesh.services[position];
    if (former === undefined || position === undefined || last === undefined || !hasOtherEndpoints(former, part)) return false;
    patch.services.set(position, share(last, serviceOf(part, basis.candidates, last.addresses, patch.findings)));
    return true;
  });
}

/** The route set that a part is by itself; undefined where other parts have a say in it. */
function routeOf(part: Part): RouteSet | undefined {
  if (part.kind === 'routes') return part.value;
  if (part.kind !== 'delegating-routes' || part.value.delegates.size > 0 || part.value.route.hosts.length === 0) return undefined;
  return part.value.route;
}

function patchRoute(basis: Basis, before: RouteSet, after: RouteSet, patch: Patch): boolean {
  const withoutRules = (route: RouteSet): RouteSet => ({ ...route, http: [], tls: [], tcp: [] });
  const position = routePositions(basis).get(routeKey(after));
  const last = position === undefined ? undefined : basis.built.mesh.routes[position];
  if (position === undefined || last === undefined || !areEqual(withoutRules(before), withoutRules(after))) return false;
  checkRoute(after, (basis.index.known ??= knownIn(basis.built.mesh)), patch.findings);
  patch.routes.set(position, share(last, after));
  return true;
}

/** Takes a resource's new content up; false where that has to be built as a whole. */
function patchResource(basis: Basis, before: Resource, after: Resource, patch: Patch): boolean {
  if (before.key !== after.key || before.file !== after.file || before.index !== after.index || before.createdAt !== after.createdAt)
    return false;
  if (isDiagnosed(basis, after.key)) return false;
  const { settings } = basis.collected;
  const seen = visibilityIn(settings);
  const [former, next] = [before, after].map((resource) => seen(resource.part(settings.domainSuffix)));
  if (former === undefined || next === undefined) return false;
  if (former.kind === 'services' && next.kind === 'services') return patchServices(basis, former.value, next.value, patch);
  const [was, is] = [routeOf(former), routeOf(next)];
  return was !== undefined && is !== undefined && patchRoute(basis, was, is, patch);
}

function countedWith({ counted }: BuiltMesh, replaced: ReadonlyMap<Resource, Resource>): readonly Resource[] {
  const places = [...replaced].map(([before, after]): [number, Resource] => [counted.indexOf(before), after]);
  return withElements(counted, new Map(places.filter(([place]) => place >= 0)));
}

function patched({ mesh }: BuiltMesh, { services, routes }: Patch): Mesh {
  if (services.size === 0 && routes.size === 0) return mesh;
  const next = { services: withElements(mesh.services, services), routes: withElements(mesh.routes, routes) };
  return next.services === mesh.services && next.routes === mesh.routes ? mesh : { ...mesh, ...next };
}

/** What `resources` give, beside those of `basis`; undefined where that has to be built as a whole. */
export function patchMesh(basis: Basis, resources: readonly Resource[]): Basis | undefined {
  // which namespaces are of the mesh may depend on any resource
  if (basis.collected.settings.discoverySelectors.length > 0) return undefined;
  const positions = changedPositions(basis.resources, resources);
  if (positions === undefined) return undefined;
  const patch: Patch = { services: new Map(), routes: new Map(), findings: createFindings() };
  const replaced = new Map<Resource, Resource>();
  for (const position of positions) {
    const [before, after] = [basis.resources[position], resources[position]];
    if (before === undefined || after === undefined || !patchResource(basis, before, after, patch)) return undefined;
    replaced.set(before, after);
  }
  if (patch.findings.diagnostics.length > 0) return undefined;
  const { built } = basis;
  return { ...basis, resources, built: { ...built, mesh: patched(built, patch), counted: countedWith(built, replaced) } };
}
