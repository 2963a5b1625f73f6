/** What a proxy can see. Proxies with equal scopes share one compile. */
import type { Gateway } from '../../model/gateway.ts';
import type { Mesh, MeshSettings } from '../../model/mesh.ts';
import type { RouteSet } from '../../model/route.ts';
import type { Locality } from '../../model/service.ts';
import type { DestinationPolicy, LocalityPreference } from '../../model/traffic-policy.ts';
import type { OutboundTrafficPolicy } from '../../model/sidecar.ts';
import type { Imports, PortView, View } from './imports.ts';
import { lastOfEach, memoised } from './memo.ts';
import { preferenceLabels } from './nearness.ts';
import { hasIpv6Address, type ProxyNode } from './proxy-node.ts';
import { following } from './route-lists.ts';
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
  /** Services that need clusters, one a host, in the mesh's order: those that may be called, and those that routes lead to. */
  readonly services: ReadonlyMap<string, ServiceShape>;
  /** Services that the application may call, on every port but those of `ports`. */
  readonly called: ReadonlyMap<string, ServiceShape>;
  /** Route sets for `called`; where several are for a host the first counts. */
  readonly routes: readonly RouteSet[];
  /** Ports at which a Sidecar lets call something else. */
  readonly ports: readonly PortScope[];
  /** What may be called on any port. */
  readonly visible: View;
  readonly destinationPolicies: readonly DestinationPolicy[];
  /** What becomes of calls to hosts that are not seen. */
  readonly outbound: OutboundTrafficPolicy;
}

/** One port, and what may be called there: `scope` without ports of its own. */
export interface PortScope {
  readonly listener: PortView['listener'];
  readonly scope: Scope;
}

function keysOfRoutes(routes: readonly RouteSet[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { http, tls, tcp } of routes) {
    for (const rules of [http, tls, tcp]) {
      for (const { matches } of rules) for (const { sourceLabels } of matches) for (const key of Object.keys(sourceLabels)) keys.add(key);
    }
  }
  return keys;
}

/** Labels that rules ask for: the same set while an edit adds none, and takes none away. */
const routeKeys = following(keysOfRoutes, (former, replaced) => {
  const [was, is] = [keysOfRoutes(replaced.map((each) => each.was)), keysOfRoutes(replaced.map((each) => each.is))];
  return was.size === is.size && [...was].every((key) => is.has(key)) ? former : undefined;
});

const selectorKeys = memoised(
  (ofRoutes: ReadonlySet<string>, policies: readonly DestinationPolicy[], gateways: readonly Gateway[]): ReadonlySet<string> => {
    const keys = new Set(ofRoutes);
    const add = (selector: Readonly<Record<string, string>>) => Object.keys(selector).forEach((key) => keys.add(key));
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
export function clientKey(mesh: Omit<Mesh, 'services' | 'instances'>, proxy: ProxyNode): string {
  const gateways = proxy.role === 'router' ? mesh.gateways : NO_GATEWAYS;
  const preferences = preferencesOf(mesh.destinationPolicies, mesh.settings);
  const keys = selectorKeys(routeKeys(mesh.routes), mesh.destinationPolicies, gateways);
  return keyOf(proxy, keys, preferences);
}

/** An edit is compiled for a thousand proxies, and seldom changes a key. */
const keyOf = lastOfEach((proxy: ProxyNode, selected: ReadonlySet<string>, preferences: readonly LocalityPreference[]): string => {
  const keys = new Set([...selected, ...preferences.flatMap(preferenceLabels)]);
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
});

const NO_GATEWAYS: readonly Gateway[] = [];

/** The scope of the client `key` with these imports. `policy` says what becomes of other calls; undefined: the mesh does. */
export const scopeOf = memoised(
  (
    imports: Imports,
    destinationPolicies: readonly DestinationPolicy[],
    settings: MeshSettings,
    key: string,
    policy: OutboundTrafficPolicy | undefined,
  ): Scope => {
    const client: Client = JSON.parse(key);
    const outbound = policy ?? { mode: settings.outboundTrafficPolicy, egressProxy: undefined };
    const { services, called, routes, visible } = imports;
    const rest: Scope = { client, settings, services, called, routes, ports: [], visible, destinationPolicies, outbound };
    const ports = imports.ports.map((view) => ({
      listener: view.listener,
      scope: { ...rest, called: view.called, routes: view.routes },
    }));
    return { ...rest, ports };
  },
);

/** `scope` as if every port showed what any of them shows: for calls by name alone. */
export const wholeScope = memoised((scope: Scope): Scope => (scope.ports.length === 0 ? scope : { ...scope, ...scope.visible, ports: [] }));

const NO_ROUTES: readonly RouteSet[] = [];
const NO_PORTS: readonly PortScope[] = [];

const unroutedOf = memoised(
  (
    client: Client,
    settings: MeshSettings,
    services: Scope['services'],
    called: Scope['called'],
    destinationPolicies: readonly DestinationPolicy[],
    outbound: OutboundTrafficPolicy,
  ): Scope => ({
    client,
    settings,
    services,
    called,
    routes: NO_ROUTES,
    ports: NO_PORTS,
    visible: { called, routes: NO_ROUTES },
    destinationPolicies,
    outbound,
  }),
);

/** `scope` without routes, for what follows services and their policies alone: the same object while only routes change. */
export function unrouted({ client, settings, services, called, destinationPolicies, outbound }: Scope): Scope {
  return unroutedOf(client, settings, services, called, destinationPolicies, outbound);
}
