/** Virtual hosts that came one by one (VHDS), where a dump has them: in their route configurations, as Envoy shows them. */
import { create, isMessage } from '@bufbuild/protobuf';
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { ROUTE_TYPE } from '../../xds/types.ts';
import type { ConfigResource } from './view.ts';

/** The route configuration that a virtual host's resource name begins with. */
function tableOf({ name }: ConfigResource): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

/** Each once, whatever names lead to it, in order of name. */
function messagesOf(hosts: readonly ConfigResource[]): VirtualHost[] {
  const byName = new Map<string, VirtualHost>();
  for (const { message } of hosts) if (isMessage(message, VirtualHostSchema)) byName.set(message.name, message);
  return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** A refused virtual host stands alone, in a route configuration of its name. */
function refusedTable(host: ConfigResource): ConfigResource {
  const message = create(RouteConfigurationSchema, { name: host.name, virtualHosts: messagesOf([host]) });
  return { ...host, typeUrl: ROUTE_TYPE, schema: RouteConfigurationSchema, message };
}

/** Route configurations with the virtual hosts that belong to them. */
export function withVirtualHosts(routes: readonly ConfigResource[], hosts: readonly ConfigResource[]): ConfigResource[] {
  if (hosts.length === 0) return [...routes];
  const active = Map.groupBy(
    hosts.filter(({ state }) => state === 'active'),
    tableOf,
  );
  const whole = routes.map((route) => {
    const own = active.get(route.name);
    if (own === undefined || route.state === 'refused' || !isMessage(route.message, RouteConfigurationSchema)) return route;
    const message = create(RouteConfigurationSchema, {
      ...route.message,
      virtualHosts: [...route.message.virtualHosts, ...messagesOf(own)],
    });
    return { ...route, message };
  });
  return [...whole, ...hosts.filter(({ state }) => state === 'refused').map(refusedTable)];
}
