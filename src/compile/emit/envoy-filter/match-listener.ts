/** Whether a patch is for a listener, a filter chain, a filter: Istio's rules. */
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import type { FilterChain } from '../../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import type { Listener } from '../../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { MAIN_INTERNAL } from '../hbone.ts';
import type { Site } from './site.ts';

const VIRTUAL_INBOUND = 'virtualInbound';
const VIRTUAL_OUTBOUND = 'virtualOutbound';

/**
 * What a listener is in Istio's terms: explicit listeners of the proxy's own ports, and the one that takes what comes
 * through tunnels, are `virtualInbound` to a patch.
 */
function standsFor({ name }: Listener, { isExplicit, context }: Site): string {
  if (context === 'SIDECAR_INBOUND' && (isExplicit || name === MAIN_INTERNAL)) return VIRTUAL_INBOUND;
  return name;
}

function isVirtual(listener: Listener, site: Site): boolean {
  const name = standsFor(listener, site);
  return name === VIRTUAL_INBOUND || name === VIRTUAL_OUTBOUND;
}

/** The port that the listener is for; undefined where it has none. */
function portOf({ address }: Listener, { declared }: Site): number | undefined {
  const socket = address?.address;
  if (socket?.case !== 'socketAddress' || socket.value.portSpecifier.case !== 'portValue') return undefined;
  const port = socket.value.portSpecifier.value;
  return declared[port] ?? port;
}

/** True where `patch` is for the listener. Ports of a listener that takes those of many are its chains'. */
export function isForListener(listener: Listener, patch: ConfigPatch, site: Site): boolean {
  const match = patch.listener;
  if (match === undefined) return true;
  if (match.name !== '' && match.name !== listener.name && match.name !== standsFor(listener, site)) return false;
  if (patch.applyTo !== 'LISTENER' && isVirtual(listener, site)) return true;
  return match.portNumber === 0 || portOf(listener, site) === match.portNumber;
}

/** The port that a chain is for; 0 where it is for any. */
function chainPort(listener: Listener, chain: FilterChain, site: Site): number {
  const port = chain.filterChainMatch?.destinationPort;
  if (port !== undefined) return site.declared[port] ?? port;
  // an explicit listener has one port, which its chains do not repeat
  return site.isExplicit && site.context === 'SIDECAR_INBOUND' ? (portOf(listener, site) ?? 0) : 0;
}

/** True where `patch`, which is for the listener, is for its chain. */
export function isForChain(listener: Listener, chain: FilterChain, patch: ConfigPatch, site: Site): boolean {
  const { portNumber = 0, filterChain: match } = patch.listener ?? {};
  const port = chainPort(listener, chain, site);
  if (portNumber !== 0 && isVirtual(listener, site) && port !== portNumber) return false;
  if (match === undefined) return true;
  const { name, sni, transportProtocol, applicationProtocols, destinationPort } = match;
  const { serverNames = [], transportProtocol: transport = '', applicationProtocols: protocols = [] } = chain.filterChainMatch ?? {};
  return (
    (name === '' || name === chain.name) &&
    (sni === '' || serverNames.includes(sni)) &&
    (transportProtocol === '' || transportProtocol === transport) &&
    applicationProtocols.every((wanted) => protocols.includes(wanted)) &&
    (destinationPort === 0 || destinationPort === port)
  );
}

/** True where `patch`, which is for its chain, is for the network filter `name`. */
export function isForFilter(name: string, { listener }: ConfigPatch): boolean {
  const wanted = listener?.filterChain?.filter;
  return wanted === undefined || wanted === name;
}

/** True where `patch`, which is for the HTTP connection manager, is for its filter `name`. */
export function isForHttpFilter(name: string, { listener }: ConfigPatch): boolean {
  const wanted = listener?.filterChain?.subFilter;
  return wanted === undefined || wanted === name;
}
