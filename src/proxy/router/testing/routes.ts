/** Requests and route tables for tests. */
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { HeaderBlock } from '../../../wire/http/headers.ts';
import type { RequestHead } from '../../../wire/http/message.ts';
import { RouteConfigurationSchema } from '../../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { buildRouteTable, type BuiltRouteTable } from '../route-table.ts';
import type { RouteAction, RouteEntry } from '../route.ts';
import { fakeInfo } from '../../telemetry/testing/fake-stream.ts';
import { typeRegistry } from '../../../xds/type-registry.ts';

export interface Given {
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  readonly scheme?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** A request's head. */
export function headOf(given: Given): RequestHead {
  const headers = new HeaderBlock();
  for (const [name, values] of Object.entries(given.headers ?? {})) for (const value of [values].flat()) headers.add(name, value);
  const { method = 'GET', path = '/', authority = 'a.com', scheme = 'http' } = given;
  return { method, path, authority, scheme, protocol: 'HTTP/1.1', headers, contentLength: 0 };
}

/** A compiled RouteConfiguration. */
export function tableOf(config: JsonObject): BuiltRouteTable {
  return buildRouteTable(fromJson(RouteConfigurationSchema, config, { registry: typeRegistry }), '', []);
}

/** The action of a route of cluster `c` with these fields. `host` are fields of its virtual host. */
export function forwardOf(action: JsonObject, host: JsonObject = {}): Extract<RouteAction, { kind: 'cluster' }> {
  const isChosen = 'weighted_clusters' in action || 'cluster_header' in action;
  const route: JsonObject = { ...(isChosen ? {} : { cluster: 'c' }), ...action };
  const table = tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route }], ...host }] });
  const found = table.match(headOf({}), 0, fakeInfo())?.action;
  if (found?.kind !== 'cluster') throw new Error('no cluster');
  return found;
}

/** A route that answers by itself, of virtual host `v`. */
export function fakeRoute(more: Partial<RouteEntry> = {}): RouteEntry {
  return {
    name: '',
    virtualHostName: 'v',
    action: { kind: 'direct', status: 200, body: '' },
    headers: undefined,
    perFilter: new Map(),
    metadata: {},
    retryBufferBytes: 0,
    ...more,
  };
}
