/** What a proxy can see. Proxies with equal scopes share one compile. */
import type { Gateway } from '../../model/gateway.ts';
import type { Mesh, MeshSettings } from '../../model/mesh.ts';
import type { RouteSet } from '../../model/route.ts';
import type { Locality } from '../../model/service.ts';
import type { DestinationPolicy, LocalityPreference } from '../../model/traffic-policy.ts';
import { memoised } from './memo.ts';
import { preferenceLabels } from './nearness.ts';
import { hasIpv6Address, type ProxyNode } from './proxy-node.ts';
import type { ServiceShape } from './shape.ts';

/** The part of a proxy that decides what it gets for its outgoing traffic. */
export interface Client {
  readonly namespace: string;
  /** Only labels that some selector of the mesh asks for. */
  readonly labels: Readonly<Record<string, string>>;
  readonly userAgent: ProxyNode['userAgent'];
  readonly isOnDemand: boolean;
  readonly role: ProxyNode['role'];
  /** True where its connections keep the address that the application dialled. */
  readonly isIntercepted: boolean;
  /** Its own, where some policy asks how near endpoints are; else ''. */
  readonly locality: Locality;
  /** True where intercepted connections may be IPv6. */
  readonly hasIpv6: boolean;
}

export interface Scope {
  readonly client: Client;
  readonly settings: MeshSettings;
  /** Visible services, one a host, in the mesh's order. */
  readonly services: ReadonlyMap<string, ServiceShape>;
  /** Visible route sets, in the mesh's order. */
  readonly routes: readonly RouteSet[];
  readonly destinationPolicies: readonly DestinationPolicy[];
}

/** True where a resource of `namespace` exported to `exportTo` is seen from `viewer`. */
export function isExported(exportTo: readonly string[], namespace: string, viewer: string): boolean {
  if (exportTo.length === 0) return true;
  return exportTo.some((to) => to === '*' || to === viewer || (to === '.' && namespace === viewer));
}

const selectorKeys = memoised(
  (routes: readonly RouteSet[], policies: readonly DestinationPolicy[], gateways: readonly Gateway[]): ReadonlySet<string> => {
    const keys = new Set<string>();
    const add = (selector: Readonly<Record<string, string>>) => Object.keys(selector).forEach((key) => keys.add(key));
    for (const set of routes) {
      for (const rule of [...set.http, ...set.tls, ...set.tcp]) for (const match of rule.matches) add(match.sourceLabels);
    }
    for (const policy of policies) add(policy.workloadSelector);
    for (const gateway of gateways) add(gateway.selector);
    return keys;
  },
);

/** Every preference that may count, the mesh's own included; none where nothing asks how near endpoints are. */
const preferencesOf = memoised((policies: readonly DestinationPolicy[], settings: MeshSettings): readonly LocalityPreference[] => {
  const blocks = policies.flatMap(({ policy, subsets }) => [policy, ...subsets.map((subset) => subset.policy)]);
  const all = blocks.flatMap((block) => (block === undefined ? [] : [block, ...block.ports.values()]));
  const own = all.flatMap(({ loadBalancer }) => (loadBalancer?.locality === undefined ? [] : [loadBalancer.locality]));
  const isAsked = settings.locality.distribute.length > 0 || all.some(({ outlierDetection }) => outlierDetection !== undefined);
  return [...own, ...(isAsked ? [settings.locality] : [])].filter(({ isEnabled }) => isEnabled);
});

/** The key of a proxy's scope: a string, so that equal clients are one. */
export function clientKey(mesh: Mesh, proxy: ProxyNode): string {
  const gateways = proxy.role === 'router' ? mesh.gateways : NO_GATEWAYS;
  const preferences = preferencesOf(mesh.destinationPolicies, mesh.settings);
  const keys = new Set([...selectorKeys(mesh.routes, mesh.destinationPolicies, gateways), ...preferences.flatMap(preferenceLabels)]);
  const labels = Object.fromEntries(
    Object.entries(proxy.labels)
      .filter(([key]) => keys.has(key))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const { namespace, userAgent, isOnDemand, role } = proxy;
  const locality = preferences.length > 0 ? proxy.locality : '';
  const isIntercepted = role === 'sidecar' && proxy.interception === 'REDIRECT';
  const hasIpv6 = isIntercepted && hasIpv6Address(proxy);
  return JSON.stringify({ namespace, labels, userAgent, isOnDemand, role, isIntercepted, locality, hasIpv6 } satisfies Client);
}

const NO_GATEWAYS: readonly Gateway[] = [];

/** Prefers the client's own namespace, then Kubernetes' services over others; else the former, older one stays. */
function isPreferred(next: ServiceShape, former: ServiceShape, namespace: string): boolean {
  const rank = (service: ServiceShape) => (service.namespace === namespace ? 2 : 0) + (service.origin.kind === 'Service' ? 1 : 0);
  return rank(next) > rank(former);
}

function visibleServices(shapes: readonly ServiceShape[], namespace: string): ReadonlyMap<string, ServiceShape> {
  const services = new Map<string, ServiceShape>();
  for (const shape of shapes) {
    if (!isExported(shape.exportTo, shape.namespace, namespace)) continue;
    const former = services.get(shape.hostname);
    if (former === undefined || isPreferred(shape, former, namespace)) services.set(shape.hostname, shape);
  }
  return services;
}

/** The scope of `client` in these parts of a mesh. */
export const scopeOf = memoised(
  (
    shapes: readonly ServiceShape[],
    routes: readonly RouteSet[],
    destinationPolicies: readonly DestinationPolicy[],
    settings: MeshSettings,
    key: string,
  ): Scope => {
    const client: Client = JSON.parse(key);
    return {
      client,
      settings,
      services: visibleServices(shapes, client.namespace),
      routes: routes.filter((set) => isExported(set.exportTo, set.namespace, client.namespace)),
      destinationPolicies,
    };
  },
);

/**
 * How well `pattern` (a host, `*`, or `*.suffix`) names `host`: Infinity where equal, the suffix' length for a
 * wildcard, -1 where not at all.
 */
export function hostSpecificity(pattern: string, host: string): number {
  if (pattern === host) return Infinity;
  if (pattern === '*') return 0;
  return pattern.startsWith('*') && host.endsWith(pattern.slice(1)) ? pattern.length : -1;
}
