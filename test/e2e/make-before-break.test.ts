/**
 * Clusters, routes and endpoints change together, again and again, under load: no request fails. New clusters warm before
 * routes lead to them, former ones stay until no route does, and requests to endpoints that leave are finished.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { typeRegistry } from '../../src/proxy/admin/type-registry.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { freePort } from '../interop/envoy-process.ts';
import { packed, type Said, startForeignServer } from './foreign-xds.ts';
import { folderFor, startProxy, until } from './two-planes.ts';

const ADS = { ads: {}, resource_api_version: 'V3' };
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const CLIENTS = 12;
const CHANGES = 24;

const socketAddress = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** An application that takes its time, and says nothing of connections that end. */
async function startOrigin(t: TestContext): Promise<number> {
  let count = 0;
  const server = http.createServer((_, response) => {
    setTimeout(() => response.end('ok'), (7 * count++) % 60);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

/** The configuration at one step: other endpoints each time, another cluster every other time, which routes lead to at once. */
function worldAt(step: number, listen: number, origins: readonly number[]): Said {
  const cluster = `app-${Math.floor(step / 2)}`;
  const hcm = {
    '@type': HCM,
    stat_prefix: 'front',
    rds: { config_source: ADS, route_config_name: 'all' },
    http_filters: [{ name: 'router', typed_config: { '@type': ROUTER } }],
  };
  const listener = { name: 'front', address: socketAddress(listen), filter_chains: [{ filters: [{ name: 'hcm', typed_config: hcm }] }] };
  const headers = [{ header: { key: 'x-step', value: String(step) } }];
  const routes = {
    name: 'all',
    virtual_hosts: [
      { name: 'any', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster }, response_headers_to_add: headers }] },
    ],
  };
  // the same cluster with other settings is built anew, too
  const config = { name: cluster, type: 'EDS', connect_timeout: `${1 + (step % 2)}s`, eds_cluster_config: { eds_config: ADS } };
  const ports = [origins[step % origins.length] ?? 0, origins[(step + 1) % origins.length] ?? 0];
  const endpoints = {
    cluster_name: cluster,
    endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: socketAddress(port) } })) }],
  };
  const entry = (url: string, name: string, any: ReturnType<typeof packed>) =>
    [`type.googleapis.com/${url}`, new Map([[name, any]])] as const;
  return new Map([
    entry(ListenerSchema.typeName, 'front', packed(ListenerSchema, listener, typeRegistry)),
    entry(RouteConfigurationSchema.typeName, 'all', packed(RouteConfigurationSchema, routes, typeRegistry)),
    entry(ClusterSchema.typeName, cluster, packed(ClusterSchema, config, typeRegistry)),
    entry(ClusterLoadAssignmentSchema.typeName, cluster, packed(ClusterLoadAssignmentSchema, endpoints, typeRegistry)),
  ]);
}

/** What came of one request: `200` and the step that it belongs to, or why there is none. */
function get(port: number, agent: http.Agent): Promise<{ outcome: string; step: number }> {
  const { promise, resolve } = Promise.withResolvers<{ outcome: string; step: number }>();
  const request = http.get({ port, host: '127.0.0.1', agent }, (response) => {
    let body = '';
    response.on('data', (bytes: Buffer) => (body += bytes.toString()));
    response.on('error', (error) => resolve({ outcome: error.message, step: -1 }));
    response.on('end', () => {
      const outcome = response.statusCode === 200 && body === 'ok' ? '200' : `${response.statusCode} ${body}`;
      resolve({ outcome, step: Number(response.headers['x-step'] ?? -1) });
    });
  });
  request.on('error', (error) => resolve({ outcome: error.message, step: -1 }));
  return promise;
}

interface Load {
  readonly outcomes: Map<string, number>;
  /** The latest step that an answer belonged to. */
  step(): number;
  stop(): Promise<void>;
}

/** Requests without a break over connections that are kept. */
function startLoad(port: number): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  const outcomes = new Map<string, number>();
  let latest = -1;
  let isOver = false;
  const client = async (): Promise<void> => {
    while (!isOver) {
      // a client waits for its answer
      // oxlint-disable-next-line no-await-in-loop
      const { outcome, step } = await get(port, agent);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      latest = Math.max(latest, step);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    outcomes,
    step: () => latest,
    async stop() {
      isOver = true;
      await Promise.all(clients);
      agent.destroy();
    },
  };
}

for (const apiType of ['DELTA_GRPC', 'GRPC']) {
  test(`clusters, routes and endpoints change under load without a failed request, over ${apiType}`, async (t) => {
    const origins = await Promise.all([startOrigin(t), startOrigin(t), startOrigin(t)]);
    const [listen, adminPort] = [await freePort(), await freePort()];
    const server = await startForeignServer(t, worldAt(0, listen, origins));
    const proxy = await startProxy(t, folderFor(t), 'proxy', {
      node: { id: 'anything', cluster: 'at all' },
      admin: { address: socketAddress(adminPort) },
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
              endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(server.port) } }] }],
            },
          },
        ],
      },
    });
    const load = startLoad(listen);
    for (let step = 1; step <= CHANGES; step++) {
      server.say(worldAt(step, listen, origins));
      // some changes come before the one before is in force
      // oxlint-disable-next-line no-await-in-loop
      if (step % 3 === 0) await until(`step ${step} is in force`, async () => load.step() >= step, proxy.output);
      // oxlint-disable-next-line no-await-in-loop
      else await sleep(40);
    }
    await until('the last step is in force', async () => load.step() === CHANGES, proxy.output);
    await load.stop();
    assert.deepEqual(server.refusals, []);
    assert.deepEqual([...load.outcomes.keys()], ['200'], JSON.stringify([...load.outcomes]));
    assert.ok((load.outcomes.get('200') ?? 0) > 4 * CHANGES);
  });
}
