/** Filter chains for bytes to a service's port: TLS and TCP rules of route sets, or straight to its cluster. */
import type { L4Match, L4Rule, WeightedDestination } from '../../model/route.ts';
import type { ServicePort } from '../../model/service.ts';
import type { FilterChain } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { cidr } from './any.ts';
import { effectivePolicy, portPolicy } from './destination-policy.ts';
import { dynamicServerNameFilter } from './dynamic-dns.ts';
import { filterChain } from './listener.ts';
import { withMeshDefaults } from './mesh-defaults.ts';
import { opaqueCluster, outboundCluster } from './names.ts';
import { routeSetOf } from './outbound-routes.ts';
import { destinationCluster, destinationPort } from './route-action.ts';
import { concerns, type RouteSite } from './route-match.ts';
import type { Scope } from './scope.ts';
import type { ServiceShape } from './shape.ts';
import { tcpFilters, type WeightedCluster } from './tcp-proxy.ts';

/** The cluster of a destination for bytes: the twin where its port is sniffed. */
function opaqueDestination(scope: Scope, destination: WeightedDestination['destination'], listenerPort: number): string {
  const cluster = destinationCluster(scope, destination, listenerPort);
  const number = destinationPort(scope, destination, listenerPort);
  const port = scope.services.get(destination.host)?.ports.find((own) => own.number === number);
  return port?.protocol === 'auto' ? opaqueCluster(cluster) : cluster;
}

function clustersOf(scope: Scope, { destinations }: L4Rule, listenerPort: number): WeightedCluster[] {
  return destinations.map(({ destination, weight }) => ({
    name: opaqueDestination(scope, destination, listenerPort),
    weight: Math.max(weight, destinations.length === 1 ? 1 : 0),
  }));
}

/** The filters of an L4 rule; connection limits are those of its first destination. */
function ruleFilters(scope: Scope, rule: L4Rule, listenerPort: number, side: 'client' | 'gateway') {
  const [first] = rule.destinations;
  const service = first === undefined ? undefined : scope.services.get(first.destination.host);
  const limits =
    service === undefined || first === undefined
      ? {}
      : poolOf(scope, service, destinationPort(scope, first.destination, listenerPort), first.destination.subset);
  const clusters = clustersOf(scope, rule, listenerPort);
  const { settings, client } = scope;
  return tcpFilters(clusters, { settings, client, side, ...limits, statPrefix: clusters[0]?.name ?? rule.origin.name });
}

function poolOf(scope: Scope, service: ServiceShape, port: number, subsetName: string | undefined) {
  const effective = effectivePolicy(scope, service);
  const subset = effective.subsets.find(({ name }) => name === subsetName);
  const { connectionPool, loadBalancer, tunnel } = withMeshDefaults(portPolicy(effective, subset, port), scope.settings);
  return {
    pool: connectionPool,
    tunnel,
    isHashedBySource: loadBalancer?.kind === 'consistent-hash' && loadBalancer.key.kind === 'source-ip',
  };
}

function ranges(subnets: readonly string[], match: L4Match) {
  return subnets.map((subnet) => cidr(subnet, `${match.origin.field}.destinationSubnets`));
}

/** One chain for each match of a rule that concerns `site`. */
export function ruleChains(scope: Scope, rule: L4Rule, site: RouteSite, isSni: boolean): FilterChain[] {
  const filters = () => ruleFilters(scope, rule, site.port, site.gateway === 'mesh' ? 'client' : 'gateway');
  if (rule.matches.length === 0) return [filterChain({ filters: filters(), origin: rule.origin })];
  return rule.matches
    .filter((match) => concerns(match, site))
    .map((match) => {
      const prefixRanges = ranges(match.destinationSubnets, match);
      // `*` is any name, which Envoy writes as none
      const serverNames = isSni ? match.sniHosts.filter((host) => host !== '*') : [];
      return filterChain({ filters: filters(), origin: match.origin, match: { prefixRanges, serverNames } });
    });
}

function meshSite(scope: Scope, port: number): RouteSite {
  return { namespace: scope.client.namespace, labels: scope.client.labels, gateway: 'mesh', port };
}

/**
 * Chains for bytes to `port` of `service`. Not addressed means that the listener is shared by services: CIDRs, or the
 * SNI of TLS, then tell them apart; a chain without condition takes the rest.
 */
export function opaqueChains(
  scope: Scope,
  service: ServiceShape,
  port: ServicePort,
  { isAddressed }: { isAddressed: boolean },
): FilterChain[] {
  const set = routeSetOf(scope, service.hostname);
  const site = meshSite(scope, port.number);
  const isTls = port.protocol === 'tls' || port.protocol === 'https';
  const chains = set === undefined ? [] : set.tls.flatMap((rule) => (isTls ? ruleChains(scope, rule, site, true) : []));
  const byAddress = isAddressed ? [] : service.addresses;
  const tcp = set?.tcp.find((rule) => rule.matches.length === 0 || rule.matches.some((match) => concerns(match, site)));
  if (tcp !== undefined) return [...chains, ...ruleChains(scope, tcp, site, false)];
  const serverNames = !isAddressed && isTls && byAddress.length === 0 ? [service.hostname] : [];
  const prefixRanges = byAddress.map((range) => cidr(range, `${service.hostname}.addresses`));
  const hasMatch = serverNames.length > 0 || prefixRanges.length > 0;
  const cluster = outboundCluster(port.number, '', service.hostname);
  // a Sidecar's port may say that bytes are spoken to one that others sniff
  const own = scope.services.get(service.hostname)?.ports.find(({ number }) => number === port.number);
  const name = (own ?? port).protocol === 'auto' ? opaqueCluster(cluster) : cluster;
  const { settings, client } = scope;
  const filters = tcpFilters([{ name, weight: 1 }], {
    settings,
    client,
    side: 'client',
    ...poolOf(scope, service, port.number, undefined),
  });
  if (service.resolution === 'dynamic-dns') filters.unshift(dynamicServerNameFilter(port.number));
  return [...chains, filterChain({ filters, origin: service.origin, ...(hasMatch && { match: { serverNames, prefixRanges } }) })];
}
