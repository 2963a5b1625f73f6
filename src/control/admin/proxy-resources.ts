/** What one proxy should have now, as it goes over the wire: `tulle proxy-status <proxy>` holds the proxy's own dump to it. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ProtocolError } from '../../core/errors.ts';
import { proxyNameOf } from '../../model/node-id.ts';
import { VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '../../xds/types.ts';
import type { Compiled, CompiledResource } from '../compiler.ts';
import { decodedPart, type Exchange } from './exchange.ts';

const TYPES = [
  [LISTENER_TYPE, 'listeners'],
  [ROUTE_TYPE, 'routes'],
  [CLUSTER_TYPE, 'clusters'],
  [ENDPOINT_TYPE, 'endpoints'],
] as const satisfies readonly (readonly [string, keyof Compiled])[];

type Encoded = Pick<CompiledResource, 'name' | 'version' | 'bytes'>;

/** A route configuration with those of its virtual hosts that the proxy has asked for, in order of name. */
function withHosts(table: Encoded, asked: readonly CompiledResource[]): Encoded {
  const own = asked.filter(({ name }) => name.slice(0, Math.max(0, name.lastIndexOf('/'))) === table.name);
  if (own.length === 0) return table;
  const byVersion = new Map(own.map(({ version, bytes }) => [version, bytes]));
  const hosts = [...byVersion.values()].map((bytes) => fromBinary(VirtualHostSchema, bytes));
  const message = fromBinary(RouteConfigurationSchema, table.bytes);
  message.virtualHosts.push(...hosts.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
  return { name: table.name, version: table.version, bytes: toBinary(RouteConfigurationSchema, message) };
}

/** `GET /api/proxies/<name>/resources`: listeners, routes, clusters and endpoints, encoded, in base64. Throws 404. */
export function proxyResources({ pathname, state }: Exchange): object {
  const [, , , encoded = ''] = pathname.split('/');
  const name = decodedPart(encoded);
  const found = [...state.connections].find(({ proxy }) => proxy.id === name || proxyNameOf(proxy.id) === name);
  if (found === undefined) throw new ProtocolError('no_proxy', 404, `no proxy ${name} is connected`);
  const config = state.compiler.compile(state.pusher.stateFor(found.proxy).mesh, found.proxy);
  const asked = found.asked(VIRTUAL_HOST_TYPE).flatMap((host) => config.virtualHosts.get(host) ?? []);
  const routes = [...config.routes.values()].map((table) => withHosts(table, asked));
  const resources = TYPES.flatMap(([typeUrl, key]) =>
    (key === 'routes' ? routes : [...config[key].values()]).map(({ name: own, version, bytes }) => ({
      kind: key,
      typeUrl,
      name: own,
      version,
      bytes: Buffer.from(bytes).toString('base64'),
    })),
  );
  return { id: found.proxy.id, isOnDemand: found.proxy.isOnDemand, resources };
}
