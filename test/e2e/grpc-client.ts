/**
 * A client of delta ADS on Google's own gRPC library, which shares nothing with our server but the messages. It asks as
 * Envoy does (clusters, their endpoints, listeners, their routes), answers as it is told, and keeps what came in order.
 */
import type { TestContext } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { Cluster_DiscoveryType, ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type Node, NodeSchema } from '../../src/xds/gen/envoy/config/core/v3/base_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from '../../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, resourceType, ROUTE_TYPE } from '../../src/xds/types.ts';

const METHOD = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** One response, by the short name of its type. */
export interface Heard {
  readonly type: string;
  readonly names: readonly string[];
  readonly removed: readonly string[];
}

export interface ClientOptions {
  readonly port: number;
  /** `NAMESPACE` is `shop`. */
  readonly name: string;
  readonly tulle?: Readonly<Record<string, string | boolean>>;
  /** What it has of a former stream: versions by type URL and name. */
  readonly known?: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export class GrpcClient {
  /** Responses since they were last taken. */
  #heard: Heard[] = [];
  /** Versions of what it has, by type URL and name. */
  readonly versions = new Map<string, Map<string, string>>();
  /** Bytes of what it has, by name of the resource. */
  readonly resources = new Map<string, Uint8Array>();
  /** Why it does not take a resource; undefined where it does. */
  refusal: (typeUrl: string, name: string) => string | undefined = () => undefined;
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  readonly #asked = new Map<string, Set<string>>();
  readonly #known: ClientOptions['known'];
  #hasSaidNode = false;
  readonly #node: Node;

  constructor(t: TestContext, { port, name, tulle, known }: ClientOptions) {
    const metadata = { NAMESPACE: 'shop', WORKLOAD_NAME: name, INSTANCE_IPS: '127.0.0.9', ...(tulle && { TULLE: tulle }) };
    this.#node = create(NodeSchema, { id: `sidecar~127.0.0.9~${name}-0.shop~shop.svc.cluster.local`, cluster: `${name}.shop`, metadata });
    this.#known = known;
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    this.#stream = this.#client.makeBidiStreamRequest(
      METHOD,
      (request) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, request)),
      (bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
    );
    this.#stream.on('data', (response: DeltaDiscoveryResponse) => this.#receive(response));
    this.#stream.on('error', () => {});
    t.after(() => this.close());
  }

  /** Begins as a proxy does. */
  begin(): this {
    this.ask(CLUSTER_TYPE, []);
    this.ask(LISTENER_TYPE, []);
    return this;
  }

  /** Asks for names; the first request of a type without any asks for all. */
  ask(typeUrl: string, names: readonly string[]): void {
    const isFirst = !this.#asked.has(typeUrl);
    const asked = this.#asked.get(typeUrl) ?? new Set();
    this.#asked.set(typeUrl, asked);
    for (const name of names) asked.add(name);
    const initialResourceVersions = isFirst ? Object.fromEntries(this.#known?.get(typeUrl) ?? []) : {};
    this.#send({ typeUrl, resourceNamesSubscribe: [...names], initialResourceVersions });
  }

  leave(typeUrl: string, names: readonly string[]): void {
    this.#send({ typeUrl, resourceNamesUnsubscribe: [...names] });
  }

  /** Reads nothing for a while: what is sent stays in the way, and then with the sender. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** What came since this was asked last. */
  take(): Heard[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  get heard(): readonly Heard[] {
    return this.#heard;
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  #send(init: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void {
    this.#stream.write(create(DeltaDiscoveryRequestSchema, { ...init, ...(this.#hasSaidNode ? {} : { node: this.#node }) }));
    this.#hasSaidNode = true;
  }

  #receive({ typeUrl, nonce, resources, removedResources: removed }: DeltaDiscoveryResponse): void {
    this.#heard.push({ type: resourceType(typeUrl)?.name ?? typeUrl, names: resources.map(({ name }) => name), removed });
    const versions = this.versions.get(typeUrl) ?? new Map<string, string>();
    this.versions.set(typeUrl, versions);
    const refusals: string[] = [];
    const wanted = new Set<string>();
    for (const { name, version, resource } of resources) {
      const refusal = this.refusal(typeUrl, name);
      if (refusal !== undefined) {
        refusals.push(`${name}: ${refusal}`);
        continue;
      }
      versions.set(name, version);
      this.resources.set(name, resource?.value ?? new Uint8Array());
      for (const each of referencesOf(typeUrl, resource?.value ?? new Uint8Array())) wanted.add(each);
    }
    for (const name of removed) versions.delete(name);
    this.#send({ typeUrl, responseNonce: nonce, ...(refusals.length > 0 && { errorDetail: { code: 3, message: refusals.join('; ') } }) });
    const to = typeUrl === CLUSTER_TYPE ? ENDPOINT_TYPE : ROUTE_TYPE;
    const fresh = [...wanted].filter((name) => this.#asked.get(to)?.has(name) !== true);
    if (fresh.length > 0) this.ask(to, fresh);
  }
}

/** Names that a cluster or listener leads to. */
function referencesOf(typeUrl: string, bytes: Uint8Array): readonly string[] {
  if (typeUrl === CLUSTER_TYPE) {
    const { name, clusterDiscoveryType: type } = fromBinary(ClusterSchema, bytes);
    return type.case === 'type' && type.value === Cluster_DiscoveryType.EDS ? [name] : [];
  }
  if (typeUrl !== LISTENER_TYPE) return [];
  return fromBinary(ListenerSchema, bytes)
    .filterChains.flatMap(({ filters }) => filters)
    .flatMap(({ configType }) => {
      const manager = configType.case === 'typedConfig' ? anyUnpack(configType.value, HttpConnectionManagerSchema) : undefined;
      return manager?.routeSpecifier.case === 'rds' ? [manager.routeSpecifier.value.routeConfigName] : [];
    });
}
