/** An ADS server that shares no code with ours but the generated messages: it says one set of resources, and keeps what it hears. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { TestContext } from 'node:test';
import { create, type DescMessage, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { portOf } from '../../src/net/testing/port-of.ts';
import { typeRegistry } from '../../src/xds/type-registry.ts';
import { AggregatedDiscoveryService } from '../../src/xds/gen/envoy/service/discovery/v3/ads_pb.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryResponseSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  DiscoveryResponseSchema,
  type DiscoveryResponse,
} from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts';

/** Resources by type URL and name. */
export type Said = ReadonlyMap<string, ReadonlyMap<string, Any>>;

export interface ForeignServer {
  readonly port: number;
  /** Messages of refusals, in order. */
  readonly refusals: readonly string[];
  /** Says something else to whoever is connected. */
  say(said: Said): void;
}

/** A ConfigSource: over ADS. */
export const FROM_ADS: JsonObject = { ads: {}, resource_api_version: 'V3' };

/** `dynamic_resources` of a bootstrap whose cluster `xds` leads to the server. */
export function adsResources(api_type: string): JsonObject {
  const services = [{ envoy_grpc: { cluster_name: 'xds' } }];
  return { ads_config: { api_type, transport_api_version: 'V3', grpc_services: services }, lds_config: FROM_ADS, cds_config: FROM_ADS };
}

/** The route table `all`, of one route for everything. */
export function routesAll(route: JsonObject): JsonObject {
  return { name: 'all', virtual_hosts: [{ name: 'any', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }] };
}

/** A resource from its JSON form. */
export function packed(schema: DescMessage, json: JsonObject): Any {
  return anyPack(schema, fromJson(schema, json, { registry: typeRegistry }));
}

/** What is to be said, from the JSON form of each resource. */
export function said(...resources: readonly (readonly [schema: DescMessage, json: JsonObject])[]): Said {
  return new Map(
    resources.map(([schema, json]) => {
      const name = json['name'] ?? json['cluster_name'];
      assert.ok(typeof name === 'string');
      return [`type.googleapis.com/${schema.typeName}`, new Map([[name, packed(schema, json)]])];
    }),
  );
}

/** Wakes every stream when there is something to say. */
export class Bell {
  #waiting: (() => void)[] = [];
  ring(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

interface Heard {
  readonly typeUrl: string;
  readonly names: readonly string[];
}

/** Reads requests into `wanted` until they end. */
async function listen<Request extends { readonly typeUrl: string; readonly errorDetail?: { readonly message: string } | undefined }>(
  requests: AsyncIterable<Request>,
  names: (request: Request) => readonly string[],
  hear: (heard: Heard) => void,
  refusals: string[],
): Promise<void> {
  for await (const request of requests) {
    if (request.errorDetail !== undefined) refusals.push(request.errorDetail.message);
    hear({ typeUrl: request.typeUrl, names: names(request) });
  }
}

/** Serves a stream: whatever type is heard of is said, and said again at each new version. */
async function* speak<
  Request extends { readonly typeUrl: string; readonly errorDetail?: { readonly message: string } | undefined },
  Response,
>(
  requests: AsyncIterable<Request>,
  names: (request: Request) => readonly string[],
  state: { said: Said; version: number; readonly bell: Bell; readonly refusals: string[] },
  answer: (typeUrl: string, resources: ReadonlyMap<string, Any>, version: string) => Response,
): AsyncGenerator<Response> {
  const wanted = new Map<string, Set<string>>();
  const sent = new Map<string, string>();
  const stream = { ended: false };
  const hear = ({ typeUrl, names: more }: Heard): void => {
    const known = wanted.get(typeUrl) ?? new Set<string>();
    wanted.set(typeUrl, known);
    for (const name of more) known.add(name);
    state.bell.ring();
  };
  const reading = listen(requests, names, hear, state.refusals)
    .catch(() => undefined)
    .finally(() => {
      stream.ended = true;
      state.bell.ring();
    });
  while (!stream.ended) {
    for (const [typeUrl, asked] of wanted) {
      const key = `${state.version} ${[...asked].join(' ')}`;
      if (sent.get(typeUrl) === key) continue;
      sent.set(typeUrl, key);
      const all = state.said.get(typeUrl) ?? new Map<string, Any>();
      const chosen = asked.size === 0 ? all : new Map([...all].filter(([name]) => asked.has(name)));
      yield answer(typeUrl, chosen, String(state.version));
    }
    await state.bell.wait();
  }
  await reading;
}

function deltaAnswer(typeUrl: string, resources: ReadonlyMap<string, Any>, version: string): DeltaDiscoveryResponse {
  const list = [...resources].map(([name, resource]) => ({ name, version, resource }));
  return create(DeltaDiscoveryResponseSchema, { typeUrl, nonce: `${typeUrl} ${version}`, systemVersionInfo: version, resources: list });
}

function sotwAnswer(typeUrl: string, resources: ReadonlyMap<string, Any>, version: string): DiscoveryResponse {
  return create(DiscoveryResponseSchema, {
    typeUrl,
    nonce: `${typeUrl} ${version}`,
    versionInfo: version,
    resources: [...resources.values()],
  });
}

/** Serves ADS on a port of loopback, which it returns, until the test ends; `onEnd` is to end the streams then. */
export async function serveAds(
  t: TestContext,
  service: Partial<ServiceImpl<typeof AggregatedDiscoveryService>>,
  onEnd: () => void,
): Promise<number> {
  const server = http2.createServer(connectNodeAdapter({ routes: (router) => router.service(AggregatedDiscoveryService, service) }));
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
    onEnd();
  });
  return portOf(server);
}

/** Starts the server on a port of loopback. */
export async function startForeignServer(t: TestContext, said: Said): Promise<ForeignServer> {
  const state = { said, version: 1, bell: new Bell(), refusals: [] as string[] };
  const port = await serveAds(
    t,
    {
      deltaAggregatedResources: (requests) =>
        speak(requests, (request: DeltaDiscoveryRequest) => request.resourceNamesSubscribe, state, deltaAnswer),
      streamAggregatedResources: (requests) => speak(requests, (request: DiscoveryRequest) => request.resourceNames, state, sotwAnswer),
    },
    () => state.bell.ring(),
  );
  return {
    port,
    refusals: state.refusals,
    say(next) {
      state.said = next;
      state.version++;
      state.bell.ring();
    },
  };
}
