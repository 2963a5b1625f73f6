/** `tulle proxy` under an xDS server that is not ours: obeys both variants, and refuses what it would not obey, by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { ask } from '../../src/cli/demo/client.ts';
import { typeRegistry } from '../../src/proxy/admin/type-registry.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { freePort } from '../interop/envoy-process.ts';
import { packed, type Said, startForeignServer } from './foreign-xds.ts';
import { folderFor, startApp, startProxy, until } from './two-planes.ts';

const ADS = { ads: {}, resource_api_version: 'V3' };
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';

interface World {
  readonly listen: number;
  readonly app: number;
  /** Value of the header that the route adds. */
  readonly mark: string;
  /** More of the route. */
  readonly route?: JsonObject;
}

function world({ listen, app, mark, route = {} }: World): Said {
  const socketAddress = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const listener = {
    name: 'front',
    address: socketAddress(listen),
    filter_chains: [
      {
        filters: [
          {
            name: 'hcm',
            typed_config: {
              '@type': HCM,
              stat_prefix: 'front',
              rds: { config_source: ADS, route_config_name: 'all' },
              http_filters: [{ name: 'router', typed_config: { '@type': ROUTER } }],
            },
          },
        ],
      },
    ],
  };
  const routes = {
    name: 'all',
    virtual_hosts: [
      {
        name: 'any',
        domains: ['*'],
        routes: [
          {
            match: { prefix: '/' },
            route: { cluster: 'app' },
            response_headers_to_add: [{ header: { key: 'x-mark', value: mark } }],
            ...route,
          },
        ],
      },
    ],
  };
  const cluster = { name: 'app', type: 'EDS', connect_timeout: '1s', eds_cluster_config: { eds_config: ADS } };
  const endpoints = { cluster_name: 'app', endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(app) } }] }] };
  const entry = (url: string, name: string, any: ReturnType<typeof packed>) =>
    [`type.googleapis.com/${url}`, new Map([[name, any]])] as const;
  return new Map([
    entry(ListenerSchema.typeName, 'front', packed(ListenerSchema, listener, typeRegistry)),
    entry(RouteConfigurationSchema.typeName, 'all', packed(RouteConfigurationSchema, routes, typeRegistry)),
    entry(ClusterSchema.typeName, 'app', packed(ClusterSchema, cluster, typeRegistry)),
    entry(ClusterLoadAssignmentSchema.typeName, 'app', packed(ClusterLoadAssignmentSchema, endpoints, typeRegistry)),
  ]);
}

for (const apiType of ['DELTA_GRPC', 'GRPC']) {
  test(`a foreign server's configuration is obeyed, changed and refused over ${apiType}`, async (t) => {
    const folder = folderFor(t);
    const app = await startApp(t, 'hello');
    const [listen, adminPort] = [await freePort(), await freePort()];
    const server = await startForeignServer(t, world({ listen, app, mark: 'one' }));
    const proxy = await startProxy(t, folder, 'proxy', {
      node: { id: 'anything', cluster: 'at all' },
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
      dynamic_resources: {
        ads_config: { api_type: apiType, transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] },
        lds_config: ADS,
        cds_config: ADS,
      },
      static_resources: {
        clusters: [
          {
            name: 'xds',
            type: 'STATIC',
            connect_timeout: '1s',
            load_assignment: {
              cluster_name: 'xds',
              endpoints: [
                { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: server.port } } } }] },
              ],
            },
          },
        ],
      },
    });
    const mark = async (): Promise<unknown> => (await ask({ port: listen }, '/')).headers['x-mark'];
    assert.equal(await mark(), 'one');

    server.say(world({ listen, app, mark: 'two' }));
    await until('the change is in force', async () => (await mark()) === 'two', proxy.output);

    server.say(world({ listen, app, mark: 'three', route: { route: { cluster_specifier_plugin: 'x' } } }));
    await until('it is refused', async () => server.refusals.length > 0, proxy.output);
    assert.match(
      server.refusals[0] ?? '',
      /all: virtual_hosts\[0\]\.routes\[0\]\.route\.cluster_specifier_plugin: field is not supported by Tulle/,
    );
    assert.equal(await mark(), 'two', 'the former version stays in force');

    server.say(world({ listen, app, mark: 'four' }));
    await until('it goes on after a refusal', async () => (await mark()) === 'four', proxy.output);
  });
}
