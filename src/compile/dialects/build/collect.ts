import type { EnvoyFilter } from '../../../model/envoy-filter.ts';
import type { Gateway } from '../../../model/gateway.ts';
import { defaultMeshSettings, type MeshSettings, type Namespace } from '../../../model/mesh.ts';
import type { ProxyConfig } from '../../../model/proxy-settings.ts';
import type { RouteSet } from '../../../model/route.ts';
import type { TlsSecret } from '../../../model/secret.ts';
import type { AuthorizationPolicy, PeerAuthentication, RequestAuthentication } from '../../../model/security.ts';
import type { Sidecar } from '../../../model/sidecar.ts';
import type { Telemetry } from '../../../model/telemetry.ts';
import type { DestinationPolicy } from '../../../model/traffic-policy.ts';
import type { Workload } from '../../../model/workload.ts';
import type { Resource } from '../dialect.ts';
import type { DelegatingPart, EndpointsPart, MatchGroupPart, Part, ServicePart, SplitPart, WorkloadEntryPart } from '../part.ts';
import { expandDelegates } from './delegates.ts';
import { nameOf, type Findings } from './findings.ts';
import { visibilityIn, withinMesh } from './mesh-scope.ts';
import { expandSplit } from './splits.ts';

/** Resources of the mesh before, by key. */
export type InForce = ReadonlyMap<string, Pick<Resource, 'file'>>;

/** All parts by kind, each list in order of age. */
export interface Collected {
  settings: MeshSettings;
  readonly namespaces: Namespace[];
  readonly services: ServicePart[];
  readonly workloadEntries: WorkloadEntryPart[];
  readonly endpoints: EndpointsPart[];
  readonly workloads: Workload[];
  readonly routes: RouteSet[];
  /** Route sets without hosts, which others leave requests to, by namespace/name. */
  readonly delegates: Map<string, DelegatingPart>;
  /** Those of `routes` that are splits, as they were written. */
  readonly splits: SplitPart[];
  /** By namespace/name. */
  readonly matchGroups: Map<string, MatchGroupPart>;
  readonly destinationPolicies: DestinationPolicy[];
  readonly gateways: Gateway[];
  readonly envoyFilters: EnvoyFilter[];
  readonly sidecars: Sidecar[];
  readonly telemetries: Telemetry[];
  readonly proxyConfigs: ProxyConfig[];
  readonly secrets: TlsSecret[];
  readonly peerAuthentications: PeerAuthentication[];
  readonly requestAuthentications: RequestAuthentication[];
  readonly authorizationPolicies: AuthorizationPolicy[];
}

/** Older first, and of one age by name as in Istio; what has no time stands by its place in the sources. */
function compareAge(a: Resource, b: Resource): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.createdAt !== 0 && a.kind === b.kind) {
    const [left, right] = [`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`];
    if (left !== right) return left < right ? -1 : 1;
  }
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.index - b.index;
}

/** One resource a key: that of the file in force, else the older one; the others are reported. */
export function withoutCopies(resources: readonly Resource[], inForce: InForce, findings: Findings): readonly Resource[] {
  const counted: Resource[] = [];
  for (const copies of Map.groupBy(resources.toSorted(compareAge), ({ key }) => key).values()) {
    const first = copies.find(({ key, file }) => inForce.get(key)?.file === file) ?? copies[0];
    if (first === undefined) continue;
    counted.push(first);
    for (const { key, origin } of copies.filter((copy) => copy !== first)) {
      findings.error('TUL100', origin, `${key} stands in ${first.file}:${first.line} already: that one counts, this one is left out`);
    }
  }
  return counted.toSorted(compareAge);
}

function settingsOf(resources: readonly Resource[], findings: Findings): MeshSettings {
  const found = resources.flatMap((resource) => {
    const part = resource.kind === 'MeshConfig' ? resource.part(defaultMeshSettings.domainSuffix) : undefined;
    return part?.kind === 'settings' ? [{ resource, settings: part.value }] : [];
  });
  const [first, ...others] = found;
  for (const { resource } of others) {
    const older = first === undefined ? '' : nameOf(first.resource.origin);
    findings.error('TUL100', resource.origin, `there is one MeshConfig only, and ${older} is the older: this one is left out`);
  }
  return first?.settings ?? defaultMeshSettings;
}

/** Sorts resources of {@link withoutCopies} into lists. */
export function collect(sorted: readonly Resource[], findings: Findings): Collected {
  const collected: Collected = {
    settings: settingsOf(sorted, findings),
    namespaces: [],
    services: [],
    workloadEntries: [],
    endpoints: [],
    workloads: [],
    routes: [],
    splits: [],
    delegates: new Map(),
    matchGroups: new Map(),
    destinationPolicies: [],
    gateways: [],
    envoyFilters: [],
    sidecars: [],
    telemetries: [],
    proxyConfigs: [],
    secrets: [],
    peerAuthentications: [],
    requestAuthentications: [],
    authorizationPolicies: [],
  };
  const { settings } = collected;
  const seen = visibilityIn(settings);
  const parts = withinMesh(sorted, settings).map((resource) => seen(resource.part(settings.domainSuffix)));
  // Splits name groups, which may stand behind them.
  for (const { kind, value } of parts) if (kind === 'match-group') collected.matchGroups.set(`${value.namespace}/${value.name}`, value);
  for (const { kind, value } of parts)
    if (kind === 'delegating-routes' && value.route.hosts.length === 0) collected.delegates.set(nameOfRoute(value), value);
  for (const part of parts) put(collected, part, findings);
  return collected;
}

function nameOfRoute({ route: { namespace, name } }: DelegatingPart): string {
  return `${namespace}/${name}`;
}

function put(collected: Collected, part: Part, findings: Findings): void {
  switch (part.kind) {
    case 'settings':
    case 'match-group':
      return;
    case 'namespace':
      return void collected.namespaces.push(part.value);
    case 'services':
      return void collected.services.push(...part.value);
    case 'workload-entry':
      return void collected.workloadEntries.push(part.value);
    case 'endpoints':
      return void collected.endpoints.push(part.value);
    case 'workload':
      return void collected.workloads.push(part.value);
    case 'routes':
      return void collected.routes.push(part.value);
    case 'delegating-routes':
      if (part.value.route.hosts.length > 0) collected.routes.push(expandDelegates(part.value, collected.delegates, findings));
      return;
    case 'split':
      collected.splits.push(part.value);
      return void collected.routes.push(expandSplit(part.value, collected.matchGroups));
    case 'destination-policy':
      return void collected.destinationPolicies.push(part.value);
    case 'envoy-filter':
      return void collected.envoyFilters.push(part.value);
    case 'gateway':
      return void collected.gateways.push(part.value);
    case 'sidecar':
      return void collected.sidecars.push(part.value);
    case 'secret':
      if (part.value !== undefined) collected.secrets.push(part.value);
      return;
    case 'proxy-config':
      return void collected.proxyConfigs.push(part.value);
    case 'telemetry':
      return void collected.telemetries.push(part.value);
    case 'peer-authentication':
      return void collected.peerAuthentications.push(part.value);
    case 'request-authentication':
      return void collected.requestAuthentications.push(part.value);
    case 'authorization-policy':
      return void collected.authorizationPolicies.push(part.value);
  }
}
