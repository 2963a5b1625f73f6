/**
 * Clusters, routes and endpoints change together, again and again, under load: no request fails. New clusters warm before
 * routes lead to them, former ones stay until no route does, and requests to endpoints that leave are finished.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { freePort } from '../interop/envoy-process.ts';
import { adsResources, FROM_ADS, routesAll, type Said, said, startForeignServer } from './foreign-xds.ts';
import { cluster, httpListener, loopback, serve } from './static-proxy.ts';
import { folderFor, startProxy, until } from './two-planes.ts';

const CLIENTS = 12;
const CHANGES = 24;

/** An application that takes its time, and says nothing of connections that end. */
async function startOrigin(t: TestContext): Promise<number> {
  let count = 0;
  const server = http.createServer({ keepAliveTimeout: 0 }, (_, response) => {
    setTimeout(() => response.end('ok'), (7 * count++) % 60);
  });
  return await serve(t, server);
}

/** The configuration at one step: other endpoints each time, another cluster every other time, which routes lead to at once. */
function worldAt(step: number, listen: number, origins: readonly number[]): Said {
  const name = `app-${Math.floor(step / 2)}`;
  const rds = { config_source: FROM_ADS, route_config_name: 'all' };
  const response_headers_to_add = [{ header: { key: 'x-step', value: String(step) } }];
  // the same cluster with other settings is built anew, too
  const config = { name, type: 'EDS', connect_timeout: `${1 + (step % 2)}s`, eds_cluster_config: { eds_config: FROM_ADS } };
  const ports = [origins[step % origins.length] ?? 0, origins[(step + 1) % origins.length] ?? 0];
  const lb_endpoints = ports.map((port) => ({ endpoint: { address: loopback(port) } }));
  return said(
    [ListenerSchema, httpListener('front', '', { manager: { rds }, listener: { address: loopback(listen) } })],
    [RouteConfigurationSchema, routesAll({ route: { cluster: name }, response_headers_to_add })],
    [ClusterSchema, config],
    [ClusterLoadAssignmentSchema, { cluster_name: name, endpoints: [{ lb_endpoints }] }],
  );
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
      admin: { address: loopback(adminPort) },
      dynamic_resources: adsResources(apiType),
      static_resources: { clusters: [cluster('xds', server.port)] },
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
