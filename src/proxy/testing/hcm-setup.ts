/** An origin, a cluster `c` of it, and a connection manager in front: what most tests of the HTTP path start from. */
import type net from 'node:net';
import type { TestContext } from 'node:test';
import { create } from '@bufbuild/protobuf';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { PeerTls } from '../listener/connection.ts';
import { createStats } from '../telemetry/registry.ts';
import {
  answering,
  ask,
  type ClusterChanges,
  connectClient,
  type HcmInit,
  type Proxy,
  response,
  routesOf,
  routeTo,
  startOrigin,
  startProxy,
  type TestClient,
  type TestCluster,
  testCluster,
  testClusters,
} from './http-harness.ts';

export interface Setup {
  readonly proxy: Proxy;
  readonly cluster: TestCluster;
  /** Heads (and bodies) that the origin has received. */
  readonly seen: string[];
  readonly dial: () => Promise<TestClient>;
  readonly ask: (request: string) => Promise<string>;
}

export interface Options {
  readonly hcm?: HcmInit;
  readonly routes?: HttpConnectionManager;
  readonly serve?: (socket: net.Socket) => void;
  readonly answer?: (head: string, count: number, socket: net.Socket) => string;
  readonly limits?: ClusterChanges;
  readonly tls?: PeerTls;
}

/** Starts all of it; the test's end stops it. */
export async function setUp(t: TestContext, options: Options = {}): Promise<Setup> {
  const seen: string[] = [];
  const { answer = () => response(200, 'hello') } = options;
  const serve =
    options.serve ??
    answering((head, socket) => {
      seen.push(head);
      return answer(head, seen.length, socket);
    });
  const origin = await startOrigin(serve);
  const stats = createStats();
  const cluster = testCluster('c', [origin.port], stats, options.limits);
  const routes = options.routes ?? routesOf([routeTo('c')]);
  const message = Object.assign(routes, create(HttpConnectionManagerSchema, options.hcm), { routeSpecifier: routes.routeSpecifier });
  const proxy = await startProxy(message, testClusters([cluster]), stats, options.tls);
  const clients: TestClient[] = [];
  t.after(async () => {
    for (const client of clients) client.socket.destroy();
    await origin.close();
    await proxy.close();
  });
  const dial = async (): Promise<TestClient> => {
    const client = await connectClient(proxy.port);
    clients.push(client);
    return client;
  };
  return { proxy, cluster, seen, dial, ask: (request) => ask(proxy.port, request) };
}

/** The simplest request. */
export const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

/** A counter's value. */
export function counter(proxy: Proxy, scope: string, name: string): number {
  return proxy.stats.scope(scope).counter(name).value;
}
