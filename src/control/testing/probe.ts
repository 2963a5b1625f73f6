/** A proxy that only listens to what the control plane says, for tests over real sockets. */
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type GrpcTarget, openStream } from '../../net/grpc-client.ts';
import { AdsClient, type AdsHandler, type AdsResource } from '../../xds/client.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { AggregatedDiscoveryService } from '../../xds/gen/envoy/service/discovery/v3/ads_pb.ts';
import { ConfigError } from '../../core/errors.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, resourceType, SECRET_TYPE } from '../../xds/types.ts';

export interface ProbeOptions {
  readonly token?: string;
  /** `TULLE.register.address`; absent: does not register. */
  readonly address?: string;
  readonly instance?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly secrets?: readonly string[];
  /** Rejects a resource whose bytes contain this text. */
  readonly rejects?: string;
}

export interface Probe {
  /** `CDS a` to the resource's text, of everything held now. */
  readonly held: ReadonlyMap<string, string>;
  /** Resolves when `condition` holds; rejects when the stream failed before. */
  until(condition: (held: ReadonlyMap<string, string>) => boolean): Promise<void>;
  /** Why the stream ended, once it has. */
  readonly ended: Promise<string>;
  health(isHealthy: boolean): void;
  /** Ends the stream in order. */
  goodbye(): void;
  /** Drops the connection. */
  drop(): void;
  /** Opens a new stream with what is known. */
  reconnect(): void;
}

function nodeOf(options: ProbeOptions): ReturnType<typeof create<typeof NodeSchema>> {
  const { instance = 'web-0', namespace = 'shop', serviceAccount = 'web' } = options;
  const port = { name: 'http', number: 8080, protocol: 'http', listen: 8080 };
  const register: JsonObject = { address: options.address ?? '', locality: '', ports: [port] };
  return create(NodeSchema, {
    id: `sidecar~10.0.0.1~${instance}.${namespace}~${namespace}.svc.cluster.local`,
    userAgentName: 'tulle',
    metadata: {
      NAMESPACE: namespace,
      WORKLOAD_NAME: 'web',
      SERVICE_ACCOUNT: serviceAccount,
      TULLE: options.address === undefined ? {} : { register },
    },
  });
}

class Holder implements AdsHandler {
  readonly held = new Map<string, string>();
  readonly events = new EventEmitter();
  readonly #rejects: string | undefined;

  constructor(rejects: string | undefined) {
    this.#rejects = rejects;
  }

  onResources(typeUrl: string, resources: readonly AdsResource[], removed: readonly string[]): void {
    const type = resourceType(typeUrl)?.name ?? typeUrl;
    const texts = resources.map(({ name, any }) => [`${type} ${name}`, Buffer.from(any).toString('latin1')] as const);
    for (const [name, text] of texts) {
      if (this.#rejects !== undefined && text.includes(this.#rejects)) throw new ConfigError(name, 'the probe does not like it');
    }
    for (const [name, text] of texts) this.held.set(name, text);
    for (const name of removed) this.held.delete(`${type} ${name}`);
    this.events.emit('change');
  }
}

/** Connects with delta xDS; asks for every cluster, endpoint, and the named secrets. */
export function probe(target: GrpcTarget, options: ProbeOptions = {}): Probe {
  const holder = new Holder(options.rejects);
  const client = new AdsClient(nodeOf(options), holder);
  client.subscribe(CLUSTER_TYPE, '*');
  client.subscribe(ENDPOINT_TYPE, '*');
  client.subscribe(SECRET_TYPE, options.secrets ?? []);
  const open = () => openStream(target, AggregatedDiscoveryService.method.deltaAggregatedResources, { token: () => options.token });
  let stream = open();
  const run = async (): Promise<string> => {
    const mine = stream;
    for (const request of client.connected()) mine.send(request);
    try {
      for await (const response of mine.responses) {
        client.received(response);
        for (const request of client.drain()) mine.send(request);
      }
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  let ended = run();
  return {
    held: holder.held,
    async until(condition) {
      const failed = ended.then((why) => Promise.reject(new Error(`the stream ended: ${why}`)));
      failed.catch(() => undefined);
      while (!condition(holder.held)) await Promise.race([once(holder.events, 'change'), failed]);
    },
    get ended() {
      return ended;
    },
    health(isHealthy) {
      client.health(isHealthy, 'said so');
      for (const request of client.drain()) stream.send(request);
    },
    goodbye: () => stream.end(),
    drop: () => stream.abort(),
    reconnect() {
      stream = open();
      ended = run();
    },
  };
}
