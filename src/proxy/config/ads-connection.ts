/**
 * The stream to a server of xDS, kept alive: whenever it ends a new one is opened after a jittered back-off, which
 * says what is known already. In between the last good configuration stands.
 */
import type { DescMethodBiDiStreaming } from '@bufbuild/protobuf';
import type { Random } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { loadRe2, Re2Missing } from '../../core/re2.ts';
import type { GrpcOptions, GrpcStream, GrpcTarget } from '../../net/grpc-client.ts';
import { type AdsHandler, type AdsSession, AdsClient, SotwAdsClient } from '../../xds/client.ts';
import type { Node } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { AggregatedDiscoveryService } from '../../xds/gen/envoy/service/discovery/v3/ads_pb.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { Subscriptions } from './subscriptions.ts';

/** A discovery service: all types in one stream, or one service's own. */
interface DiscoveryService {
  readonly stream: DescMethodBiDiStreaming<typeof DiscoveryRequestSchema, typeof DiscoveryResponseSchema>;
  readonly delta: DescMethodBiDiStreaming<typeof DeltaDiscoveryRequestSchema, typeof DeltaDiscoveryResponseSchema>;
}

/** Everything in one stream. */
const AGGREGATED: DiscoveryService = {
  stream: AggregatedDiscoveryService.method.streamAggregatedResources,
  delta: AggregatedDiscoveryService.method.deltaAggregatedResources,
};

export interface AdsConnectionOptions {
  /** What is asked; ADS where absent. */
  readonly service?: DiscoveryService;
  /** Who is at the other end, in log lines; `the control plane` where absent. */
  readonly peer?: string;
  readonly isDelta: boolean;
  readonly target: GrpcTarget;
  readonly options: GrpcOptions;
  readonly node: Node;
  readonly handler: AdsHandler;
  readonly random: Random;
  readonly log: Log;
  readonly stats: StatsScope;
}

export interface AdsConnection extends Subscriptions {
  /** Opens the first stream. */
  start(): void;
  /** Tells the server whether the workload is healthy. */
  health(isHealthy: boolean, message?: string): void;
  close(): void;
}

const BACK_OFF_MS = 250;
const BACK_OFF_MS_MAX = 15_000;
/** A server that refuses us, or ends at once, has done so by then: what stands longer is told of. */
const STANDS_MS = 1_000;

/** One variant of ADS: its state machine, and how to open a stream of its messages. */
interface Variant<Request, Response> {
  readonly session: AdsSession<Request, Response>;
  open(onConnected: () => void): Promise<GrpcStream<Request, Response>>;
}

class Connection<Request, Response> implements AdsConnection {
  readonly #variant: Variant<Request, Response>;
  readonly #options: AdsConnectionOptions;
  #stream: GrpcStream<Request, Response> | undefined;
  #failures = 0;
  #isClosed = false;
  #isFlushing = false;
  /** The next attempt, or when the connection has stood for long enough to be told of. */
  #timer: NodeJS.Timeout | undefined;
  /** When the server has taken the connection, monotonic; undefined while there is none. */
  #sinceMs: number | undefined;
  #isTold = false;

  constructor(variant: Variant<Request, Response>, options: AdsConnectionOptions) {
    this.#variant = variant;
    this.#options = options;
  }

  get #peer(): string {
    return this.#options.peer ?? 'the control plane';
  }

  start(): void {
    void this.#run();
  }

  subscribe(typeUrl: string, names: readonly string[] | '*'): void {
    this.#variant.session.subscribe(typeUrl, names);
    this.#flushSoon();
  }

  unsubscribe(typeUrl: string, names: readonly string[] | '*'): void {
    this.#variant.session.unsubscribe(typeUrl, names);
    this.#flushSoon();
  }

  health(isHealthy: boolean, message?: string): void {
    this.#variant.session.health(isHealthy, message);
    this.#flushSoon();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream?.end();
    // an orderly goodbye first: the server takes an abort for a crash
    const stream = this.#stream;
    setTimeout(() => stream?.abort(), 200).unref();
  }

  /** Requests of one turn of the event loop travel together. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#stream === undefined) return;
    for (const request of this.#variant.session.drain()) this.#stream.send(request);
  }

  async #run(): Promise<void> {
    try {
      const stream = await this.#variant.open(() => this.#connected());
      if (this.#isClosed) return stream.abort();
      this.#stream = stream;
      for (const request of this.#variant.session.connected()) stream.send(request);
      for await (const response of stream.responses) {
        this.#connected();
        this.#tell();
        this.#failures = 0;
        await this.#receive(response);
      }
      if (!this.#isClosed) this.#again('the server ended the stream');
    } catch (error) {
      if (!this.#isClosed) this.#again(messageOf(error));
    }
  }

  /** The connection is there, whether or not the server has anything to say. */
  #connected(): void {
    if (this.#isClosed || this.#sinceMs !== undefined) return;
    this.#sinceMs = performance.now();
    this.#options.stats.gauge('connected_state').value = 1;
    this.#timer = setTimeout(() => this.#tell(), STANDS_MS);
    this.#timer.unref();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    if (!this.#isTold) this.#options.log.info(`connected to ${this.#peer}`);
    this.#isTold = true;
  }

  async #receive(response: Response): Promise<void> {
    this.#options.stats.counter('update_attempt').value++;
    try {
      this.#variant.session.received(response);
    } catch (error) {
      if (!(error instanceof Re2Missing)) throw error;
      await loadRe2();
      this.#variant.session.received(response);
    }
    this.#flush();
  }

  #again(why: string): void {
    const { log, stats, random } = this.#options;
    this.#stream?.abort();
    this.#stream = undefined;
    clearTimeout(this.#timer);
    // a server that had nothing to say for so long was none that takes connections to drop them
    if (this.#sinceMs !== undefined && performance.now() - this.#sinceMs > BACK_OFF_MS_MAX) this.#failures = 0;
    this.#sinceMs = undefined;
    this.#isTold = false;
    stats.gauge('connected_state').value = 0;
    stats.counter('disconnects').value++;
    const ceiling = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS * 2 ** this.#failures);
    this.#failures++;
    const delayMs = Math.round(random() * ceiling);
    log.warn(`no connection to ${this.#peer}; the last configuration stands`, { error: why, retryMs: delayMs });
    this.#timer = setTimeout(() => void this.#run(), delayMs);
  }
}

/** Prepares the connection; nothing is sent before `start`. gRPC is loaded with the first stream. */
export function createAdsConnection(options: AdsConnectionOptions): AdsConnection {
  const { node, handler, target, service = AGGREGATED } = options;
  if (options.isDelta) {
    const open = async (onConnected: () => void) =>
      (await import('../../net/grpc-client.ts')).openStream(target, service.delta, { ...options.options, onConnected });
    return new Connection({ session: new AdsClient(node, handler), open }, options);
  }
  const open = async (onConnected: () => void) =>
    (await import('../../net/grpc-client.ts')).openStream(target, service.stream, { ...options.options, onConnected });
  return new Connection({ session: new SotwAdsClient(node, handler), open }, options);
}
