/** What one proxy should have now, as it goes over the wire: `tulle proxy-status <proxy>` holds the proxy's own dump to it. */
import { ProtocolError } from '../../core/errors.ts';
import { proxyNameOf } from '../../core/node-id.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '../../xds/types.ts';
import type { CompiledConfig } from '../compiler.ts';
import type { Exchange } from './exchange.ts';

const TYPES = [
  [LISTENER_TYPE, 'listeners'],
  [ROUTE_TYPE, 'routes'],
  [CLUSTER_TYPE, 'clusters'],
  [ENDPOINT_TYPE, 'endpoints'],
] as const satisfies readonly (readonly [string, keyof CompiledConfig])[];

/** `GET /api/proxies/<name>/resources`: listeners, routes, clusters and endpoints, encoded, in base64. Throws 404. */
export function proxyResources({ pathname, state }: Exchange): object {
  const [, , , encoded = ''] = pathname.split('/');
  const name = decodeURIComponent(encoded);
  const found = [...state.connections].find(({ proxy }) => proxy.id === name || proxyNameOf(proxy.id) === name);
  if (found === undefined) throw new ProtocolError('no_proxy', 404, `no proxy ${name} is connected`);
  const config = state.compiler.compile(state.pusher.stateFor(found.proxy).mesh, found.proxy);
  const resources = TYPES.flatMap(([typeUrl, key]) =>
    [...config[key].values()].map(({ name: own, version, bytes }) => ({
      kind: key,
      typeUrl,
      name: own,
      version,
      bytes: Buffer.from(bytes).toString('base64'),
    })),
  );
  return { id: found.proxy.id, isOnDemand: found.proxy.isOnDemand, resources };
}
