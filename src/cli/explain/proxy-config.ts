/** What one proxy has: its resources as the proxy itself reads them off the wire. */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { compile, type ProxyNode, type ResourceMap } from '../../compile/compile.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { NetAddress } from '../../net/address.ts';
import { readAddress } from '../../proxy/cluster/endpoints.ts';
import { decodeResource } from '../../proxy/config/typed-config.ts';
import { ListenerDirectory } from '../../proxy/listener/listener-directory.ts';
import { isOpenTable } from '../../proxy/router/open-route-table.ts';
import { type Cluster, ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { NameTableSchema } from '../../xds/gen/istio/networking/nds/v1/nds_pb.ts';
import type { NameInfo } from '../../wire/dns/name-table.ts';

/** A listener where the proxy's directory would have it. */
export interface ListedListener {
  readonly name: string;
  readonly addresses: readonly NetAddress[];
  readonly isInternal: boolean;
  readonly message: Listener;
}

export interface ProxyConfig {
  readonly node: ProxyNode;
  readonly listeners: readonly ListedListener[];
  /** As the proxy finds listeners for original destinations and internal addresses. */
  readonly directory: ListenerDirectory<ListedListener>;
  /** With all of its virtual hosts, also where the proxy asks for each when it is first called. */
  routes(name: string): RouteConfiguration | undefined;
  /** True where the proxy asks for the table's virtual hosts one by one. */
  asksForHosts(table: string): boolean;
  cluster(name: string): Cluster | undefined;
  endpoints(name: string): ClusterLoadAssignment | undefined;
  /** Names that the proxy's DNS answers. */
  readonly names: Readonly<Record<string, NameInfo>>;
}

function read<S extends DescMessage>(map: ResourceMap, schema: S, name: string): MessageShape<S> | undefined {
  const resource = map.get(name);
  return resource === undefined ? undefined : decodeResource(resource.bytes, schema, name);
}

function listed(message: Listener): ListedListener {
  const isInternal = message.listenerSpecifier.case === 'internalListener';
  const all = [message.address, ...message.additionalAddresses.map((each) => each.address)];
  const addresses = isInternal ? [] : all.map((address) => readAddress(address, message.name));
  return { name: message.name, addresses, isInternal, message };
}

/** Compiles what `node` gets of `mesh`. Throws ConfigError for what no proxy would take. */
export function proxyConfigOf(mesh: Mesh, node: ProxyNode): ProxyConfig {
  const compiled = compile(mesh, { ...node, hasHostsOnDemand: false });
  const open = node.hasHostsOnDemand ? compile(mesh, node).routes : undefined;
  const listeners = [...compiled.listeners.values()].map(({ name, bytes }) => listed(decodeResource(bytes, ListenerSchema, name)));
  const directory = new ListenerDirectory<ListedListener>();
  for (const listener of listeners) directory.add(listener);
  return {
    node,
    listeners,
    directory,
    routes: (name) => read(compiled.routes, RouteConfigurationSchema, name),
    asksForHosts(table) {
      const config = open && read(open, RouteConfigurationSchema, table);
      return config !== undefined && isOpenTable(config);
    },
    cluster: (name) => read(compiled.clusters, ClusterSchema, name),
    endpoints: (name) => read(compiled.endpoints, ClusterLoadAssignmentSchema, name),
    names: read(compiled.names, NameTableSchema, '')?.table ?? {},
  };
}
