/** `tulle proxy` under an xDS server that is not ours: obeys both variants, and refuses what it would not obey, by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { ask } from '../../src/cli/demo/client.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { freePort } from '../interop/envoy-process.ts';
import { adsResources, FROM_ADS, routesAll, type Said, said, startForeignServer } from './foreign-xds.ts';
import { cluster, httpListener, loopback } from './static-proxy.ts';
import { folderFor, startApp, startProxy, until } from './two-planes.ts';

interface World {
  readonly listen: number;
  readonly app: number;
  /** Value of the header that the route adds. */
  readonly mark: string;
  /** More of the route. */
  readonly route?: JsonObject;
}

function world({ listen, app, mark, route = {} }: World): Said {
  const rds = { config_source: FROM_ADS, route_config_name: 'all' };
  const response_headers_to_add = [{ header: { key: 'x-mark', value: mark } }];
  return said(
    [ListenerSchema, httpListener('front', '', { manager: { rds }, listener: { address: loopback(listen) } })],
    [RouteConfigurationSchema, routesAll({ route: { cluster: 'app' }, response_headers_to_add, ...route })],
    [ClusterSchema, { name: 'app', type: 'EDS', connect_timeout: '1s', eds_cluster_config: { eds_config: FROM_ADS } }],
    [ClusterLoadAssignmentSchema, { cluster_name: 'app', endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(app) } }] }] }],
  );
}

for (const apiType of ['DELTA_GRPC', 'GRPC']) {
  test(`a foreign server's configuration is obeyed, changed and refused over ${apiType}`, async (t) => {
    const folder = folderFor(t);
    const app = await startApp(t, 'hello');
    const [listen, adminPort] = [await freePort(), await freePort()];
    const server = await startForeignServer(t, world({ listen, app, mark: 'one' }));
    const proxy = await startProxy(t, folder, 'proxy', {
      node: { id: 'anything', cluster: 'at all' },
      admin: { address: loopback(adminPort) },
      dynamic_resources: adsResources(apiType),
      static_resources: { clusters: [cluster('xds', server.port)] },
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
