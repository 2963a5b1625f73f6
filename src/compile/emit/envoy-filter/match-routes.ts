/** Whether a patch is for a route configuration, a virtual host, a route: Istio's rules. */
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import type { Route, VirtualHost } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { HTTP_PROXY_ROUTE } from '../outbound-routes.ts';
import type { Site } from './site.ts';

/** `http.8080`, or `https.443.<port name>.<gateway>.<namespace>`. */
function gatewayRoute(name: string): { readonly port: number; readonly portName: string; readonly gateway: string } {
  const parts = name.split('.');
  if (parts[0] === 'http' && parts.length === 2) return { port: Number(parts[1]), portName: '', gateway: '' };
  if (parts[0] !== 'https' || parts.length !== 5) return { port: 0, portName: '', gateway: '' };
  const [, port, portName = '', gateway = '', namespace = ''] = parts;
  return { port: Number(port), portName, gateway: `${namespace}/${gateway}` };
}

function isForGatewayRoutes(name: string, { portNumber, portName, gateway }: NonNullable<ConfigPatch['route']>, site: Site): boolean {
  const own = gatewayRoute(name);
  if (portName !== '' && portName !== own.portName) return false;
  if (gateway !== '' && gateway !== own.gateway) return false;
  return portNumber === 0 || (site.servicePorts[own.port] ?? [own.port]).includes(portNumber);
}

/** `80`, `inbound|8080||`; and where nothing is intercepted `<host>:80`. */
function sidecarPort(name: string, { isExplicit }: Site): number {
  if (name.startsWith('inbound|')) return Number(name.split('|')[1]);
  const port = Number(isExplicit ? name.slice(name.lastIndexOf(':') + 1) : name);
  return Number.isInteger(port) ? port : 0;
}

/** One route configuration has all ports there, as virtual hosts. */
function hasAllPorts(name: string, site: Site): boolean {
  return site.isExplicit && name === HTTP_PROXY_ROUTE;
}

/** True where `patch` is for the route configuration `name`. */
export function isForRoutes(name: string, patch: ConfigPatch, site: Site): boolean {
  const match = patch.route;
  if (match === undefined) return true;
  if (match.name !== '' && match.name !== name) return false;
  if (site.context === 'GATEWAY') return isForGatewayRoutes(name, match, site);
  if (match.portNumber === 0 || sidecarPort(name, site) === match.portNumber) return true;
  return patch.applyTo !== 'ROUTE_CONFIGURATION' && hasAllPorts(name, site);
}

/** True where `patch`, which is for the route configuration `name`, is for its virtual host. */
export function isForVirtualHost(name: string, host: VirtualHost, patch: ConfigPatch, site: Site): boolean {
  const { portNumber = 0, virtualHost: match } = patch.route ?? {};
  if (portNumber !== 0 && hasAllPorts(name, site) && !host.name.endsWith(`:${portNumber}`)) return false;
  if (match === undefined) return true;
  return (match.name === '' || match.name === host.name) && (match.domainName === '' || host.domains.includes(match.domainName));
}

const ACTIONS: Readonly<Record<string, string>> = { route: 'ROUTE', redirect: 'REDIRECT', directResponse: 'DIRECT_RESPONSE' };

/** True where `patch`, which is for its virtual host, is for the route. */
export function isForRoute(route: Route, patch: ConfigPatch): boolean {
  const match = patch.route?.virtualHost?.route;
  if (match === undefined) return true;
  if (match.name !== '' && match.name !== route.name) return false;
  const action = ACTIONS[route.action.case ?? ''];
  // Istio asks nothing of actions that it has no word for
  return match.action === 'ANY' || action === undefined || action === match.action;
}
