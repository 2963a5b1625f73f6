/** Which of Envoy's objects an EnvoyFilter's patch is about. */
import {
  type ApplyTo,
  type ClusterMatch,
  type ConfigPatch,
  type FilterChainMatch,
  type ListenerMatch,
  type ProxyMatch,
  type RouteConfigurationMatch,
  VERSION_LENGTH_MAX,
} from '../../../model/envoy-filter.ts';
import { presentName } from '../../envoy/instead.ts';
import { type Located, PLACE } from '../../schema/located.ts';
import { defaulted, int, map, object, oneOf, optional, string, unsupported, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

const HCM = 'envoy.filters.network.http_connection_manager';

const portNumber = defaulted(int(0, 65_535), 0, 'Port; any where absent.');
const text = (description: string) => defaulted(string({ mayBeEmpty: true }), '', `${description}; any where absent.`);

const subFilterSchema = object({ name: text('Name of the HTTP filter') });

const filterSchema = object({
  name: text('Name of the network filter'),
  subFilter: optional(subFilterSchema, 'A filter within it: with applyTo HTTP_FILTER, in the HTTP connection manager.'),
});

const filterChainSchema = object({
  name: text('Name of the chain'),
  sni: text('A server name that it is for'),
  transportProtocol: text('Its transport protocol (raw_buffer, tls)'),
  applicationProtocols: text('Its application protocols, all of those written, between commas'),
  destinationPort: portNumber,
  filter: optional(filterSchema, 'A network filter in it.'),
});

const listenerSchema = object({
  portNumber,
  portName: unsupported('warning', 'Istio does not obey it; use portNumber.'),
  filterChain: optional(filterChainSchema, 'Filter chains of the listener; all of them where absent.'),
  listenerFilter: text('Name of a listener filter'),
  name: text('Name of the listener'),
});

const routeSchema = object({
  name: text('Name of the route'),
  action: defaulted(oneOf(['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE']), 'ANY', 'What the route does.'),
});

const virtualHostSchema = object({
  name: text('Name of the virtual host, host:port'),
  domainName: text('One of its domains'),
  route: optional(routeSchema, 'A route in it.'),
});

const routeConfigurationSchema = object({
  portNumber,
  portName: text("Name of the Gateway's port, on gateways"),
  gateway: text('Gateway, as namespace/name, on gateways'),
  vhost: optional(virtualHostSchema, 'A virtual host in it; all of them where absent.'),
  name: text('Name of the route configuration'),
});

const clusterSchema = object({
  portNumber,
  service: text("Host of the service; for a proxy's own ports, of a service that leads to them"),
  subset: text('Subset of the service'),
  name: text('Name of the cluster, where nothing else of the match counts'),
});

const proxySchema = object({
  proxyVersion: defaulted(
    string({ mayBeEmpty: true, format: 'regex' }),
    '',
    "RE2 that is found in the proxy's version of Istio; Tulle's own proxies have none, and are not meant.",
  ),
  metadata: defaulted(map(string({ mayBeEmpty: true })), {}, "Fields of the proxy's node metadata that have these values."),
});

export const matchSchema = object(
  {
    context: defaulted(
      oneOf(['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY'], { unsupported: { WAYPOINT: 'there are no waypoints' } }),
      'ANY',
      'Which side of which kind of proxy.',
    ),
    proxy: optional(proxySchema, 'Which proxies; all of them where absent.'),
    listener: optional(listenerSchema, 'Which listeners, and what in them.'),
    routeConfiguration: optional(routeConfigurationSchema, 'Which route configurations, and what in them.'),
    cluster: optional(clusterSchema, 'Which clusters.'),
    waypoint: unsupported('error', 'Parts of waypoints.'),
  },
  [{ kind: 'at-most-one', fields: ['listener', 'routeConfiguration', 'cluster'] }],
);

type Match = Infer<typeof matchSchema>;
type ObjectKind = 'listener' | 'routeConfiguration' | 'cluster';

/** The part of a match that goes with what is patched; EXTENSION_CONFIG has none. */
const OBJECTS: Readonly<Record<ApplyTo, ObjectKind | undefined>> = {
  LISTENER: 'listener',
  LISTENER_FILTER: 'listener',
  FILTER_CHAIN: 'listener',
  NETWORK_FILTER: 'listener',
  HTTP_FILTER: 'listener',
  ROUTE_CONFIGURATION: 'routeConfiguration',
  VIRTUAL_HOST: 'routeConfiguration',
  HTTP_ROUTE: 'routeConfiguration',
  CLUSTER: 'cluster',
  EXTENSION_CONFIG: undefined,
};

function checkObject(written: Match, applyTo: ApplyTo, lowering: Lowering): void {
  const wanted = OBJECTS[applyTo];
  for (const kind of ['listener', 'routeConfiguration', 'cluster'] as const) {
    if (written[kind] === undefined || kind === wanted) continue;
    const help = wanted === undefined ? 'has no objects to match' : `wants match.${wanted}`;
    if (wanted === undefined) lowering.warning('TUL020', written, kind, `applyTo ${applyTo} ${help}: ${kind} says nothing`);
    else lowering.error('TUL015', written, kind, `applyTo ${applyTo} ${help}, not match.${kind}`);
  }
}

function checkName(owner: Located, name: string, lowering: Lowering): void {
  const present = presentName(name);
  if (present !== undefined) lowering.warning('TUL020', owner, 'name', `no filter is called ${name} any more: write ${present}`);
}

function checkFilter(written: Infer<typeof filterSchema>, applyTo: ApplyTo, lowering: Lowering): void {
  const { name, subFilter } = written;
  if (name === '') lowering.error('TUL011', written, 'name', 'a filter is matched by its name, which is missing');
  checkName(written, name, lowering);
  if (applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN')
    lowering.warning('TUL020', written, '', `applyTo ${applyTo} does not look at filters: the patch is for every one`);
  if (subFilter === undefined) return;
  if (applyTo !== 'HTTP_FILTER') lowering.error('TUL015', written, 'subFilter', `subFilter goes with applyTo HTTP_FILTER, not ${applyTo}`);
  else if (name !== HCM && presentName(name) !== HCM) lowering.error('TUL014', written, 'name', `subFilter goes with the filter ${HCM}`);
  if (subFilter.name === '') lowering.error('TUL011', subFilter, 'name', 'a filter is matched by its name, which is missing');
  checkName(subFilter, subFilter.name, lowering);
}

function lowerChain(written: Infer<typeof filterChainSchema>): FilterChainMatch {
  const { name, sni, transportProtocol, applicationProtocols, destinationPort, filter } = written;
  return {
    name,
    sni,
    transportProtocol,
    applicationProtocols: applicationProtocols === '' ? [] : applicationProtocols.split(','),
    destinationPort,
    filter: filter?.name,
    subFilter: filter?.subFilter?.name,
  };
}

function lowerListener(written: Infer<typeof listenerSchema>, applyTo: ApplyTo, lowering: Lowering): ListenerMatch {
  const { name, portNumber: port, listenerFilter, filterChain } = written;
  if (filterChain?.filter !== undefined) checkFilter(filterChain.filter, applyTo, lowering);
  return { name, portNumber: port, listenerFilter, filterChain: filterChain === undefined ? undefined : lowerChain(filterChain) };
}

function lowerRoutes(written: Infer<typeof routeConfigurationSchema>): RouteConfigurationMatch {
  const { name, portNumber: port, portName, gateway, vhost } = written;
  const { route } = vhost ?? {};
  return {
    name,
    portNumber: port,
    portName,
    gateway,
    virtualHost: vhost && {
      name: vhost.name,
      domainName: vhost.domainName,
      route: route && { name: route.name, action: route.action },
    },
  };
}

function lowerCluster({ name, service, subset, portNumber: port }: Infer<typeof clusterSchema>): ClusterMatch {
  return { name, service, subset, portNumber: port };
}

function lowerProxy(written: Infer<typeof proxySchema>, lowering: Lowering): ProxyMatch {
  const { proxyVersion, metadata } = written;
  if (proxyVersion.length > VERSION_LENGTH_MAX)
    lowering.warning('TUL020', written, 'proxyVersion', `longer than ${VERSION_LENGTH_MAX} characters: it matches no proxy`);
  return { version: proxyVersion, metadata };
}

/** Names of ports and gateways are in names of gateways' route configurations only. */
function checkGatewayOnly(written: Infer<typeof routeConfigurationSchema>, lowering: Lowering): void {
  if (written.portName === '' && written.gateway === '') return;
  const field = written[PLACE].fields.has('gateway') ? 'gateway' : 'portName';
  lowering.warning('TUL020', written, field, `${field} is looked at on gateways only (context GATEWAY)`);
}

/** What a patch matches; everything where nothing is written. */
export function lowerMatch(
  written: Match | undefined,
  applyTo: ApplyTo,
  lowering: Lowering,
): Pick<ConfigPatch, 'context' | 'proxy' | 'listener' | 'route' | 'cluster'> {
  if (written === undefined) return { context: 'ANY', proxy: undefined, listener: undefined, route: undefined, cluster: undefined };
  checkObject(written, applyTo, lowering);
  const { context, proxy, listener, routeConfiguration, cluster } = written;
  if (context !== 'GATEWAY' && routeConfiguration !== undefined) checkGatewayOnly(routeConfiguration, lowering);
  return {
    context,
    proxy: proxy === undefined ? undefined : lowerProxy(proxy, lowering),
    listener: listener === undefined ? undefined : lowerListener(listener, applyTo, lowering),
    route: routeConfiguration === undefined ? undefined : lowerRoutes(routeConfiguration),
    cluster: cluster === undefined ? undefined : lowerCluster(cluster),
  };
}
