import { toBinary } from '@bufbuild/protobuf';
import { messageOf } from '../../core/errors.ts';
import type { LeveledLog } from '../../core/log.ts';
import { type Bootstrap, BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { HostCounts } from '../admin/view.ts';
import type { Assembly, AssemblyOptions } from '../assembly.ts';
import type { SecretValue } from '../config/secrets.ts';
import type { DrainOptions } from '../listener/drain-state.ts';
import type { MainSockets } from '../listener/main-sockets.ts';
import { counterReader } from '../restart/counters.ts';
import { SharedWork, sharedWorkMemory } from '../tracing/shared-work.ts';
import type { CountedElsewhere, StatsReader } from '../telemetry/registry.ts';
import { WorkerPool } from './pool.ts';
import type { ToWorker } from './protocol.ts';
import { SharedConfiguration } from './shared-configuration.ts';
import { hostCounts, mergeStats, NO_COUNTS, type StatsSnapshot } from './stats-snapshot.ts';

/** Several event loops. */
export interface LoopOptions {
  /** With the main one. */
  readonly count: number;
  /** URL of the module that has `runWorkerThread`. */
  readonly entry: string;
}

interface Parts {
  readonly bootstrap: Bootstrap;
  readonly version: string;
  readonly drain: DrainOptions;
  readonly sockets: MainSockets;
  readonly log: LeveledLog;
}

/** The event loops of a proxy, for its main part: which is all of them where there is only one. */
export class EventLoops {
  readonly #options: LoopOptions | undefined;
  readonly #parts: Parts;
  #work: SharedArrayBuffer | undefined = undefined;
  #assembly: Assembly | undefined = undefined;
  #pool: WorkerPool | undefined = undefined;
  #configuration: SharedConfiguration | undefined = undefined;
  #snapshots: readonly StatsSnapshot[] = [];
  #otherCounts: (cluster: string, hostKey: string) => HostCounts = () => NO_COUNTS;
  #readCounters: (() => CountedElsewhere[]) | undefined = undefined;
  isLive: boolean;

  constructor(options: LoopOptions | undefined, parts: Parts) {
    this.#options = options !== undefined && options.count > 1 ? options : undefined;
    this.#parts = parts;
    this.isLive = this.#options === undefined;
  }

  /** Made where there are several loops only: V8 has no such memory while a start-up snapshot is made. */
  get #sharedWork(): SharedArrayBuffer {
    return (this.#work ??= sharedWorkMemory(this.#options?.count ?? 0));
  }

  /** What the main loop's parts are built with so that the others learn what comes. */
  get hooks(): Pick<AssemblyOptions, 'share' | 'onResources' | 'work'> {
    if (this.#options === undefined) return {};
    return {
      work: new SharedWork(this.#sharedWork, 0),
      share: (subscriptions) => {
        this.#configuration = new SharedConfiguration({
          subscriptions,
          resources: () => this.#assembly?.resources.all() ?? [],
          useCluster: (name) => this.#assembly?.clusters.request(name, 0, () => {}),
          broadcast: (message) => this.#pool?.broadcast(message),
          deliver: (loop, message) => this.#deliver(loop, message),
        });
        return this.#configuration.subscriptionsOf(0);
      },
      onResources: (typeUrl, resources, removed) => this.#configuration?.received(typeUrl, resources, removed),
    };
  }

  /** Says what the main loop is made of. */
  attach(assembly: Assembly): void {
    this.#assembly = assembly;
    this.#readCounters = counterReader({ forEach: (visit, which) => this.stats.forEach(visit, which) });
    assembly.stats.gauge('server.concurrency').value = this.#options?.count ?? 1;
  }

  /** Begins the other loops. */
  start(): void {
    const assembly = this.#assembly;
    if (this.#options === undefined || assembly === undefined) return;
    const { bootstrap, version, drain, sockets, log } = this.#parts;
    const { count, entry } = this.#options;
    this.#pool = new WorkerPool({
      start: { loops: count, bootstrap: toBinary(BootstrapSchema, bootstrap), version, logLevel: log.level, work: this.#sharedWork, drain },
      entry,
      sockets,
      configuration: () => this.#configuration,
      stats: assembly.stats,
      logSink: assembly.logSink,
      log,
    });
    this.#pool.start();
  }

  /** Resolves when all serve; rejects where one cannot. */
  async whenLive(): Promise<void> {
    await this.#pool?.whenLive();
    this.isLive = true;
  }

  /** Gives an own secret to all. */
  setSecret(name: string, value: SecretValue): void {
    this.#assembly?.secrets.set(name, value);
    this.#configuration?.setSecret(name, value);
  }

  /** Tells the others what holds from now on, for those too that begin later. */
  tell(message: ToWorker): void {
    this.#pool?.tell(message);
  }

  /** Tells the others once. */
  broadcast(message: ToWorker): void {
    this.#pool?.broadcast(message);
  }

  /** The statistics of all together, as far as `refresh` has asked for them. */
  get stats(): StatsReader {
    const own = this.#assembly?.stats ?? { forEach() {} };
    return this.#snapshots.length === 0 ? own : mergeStats(own, this.#snapshots);
  }

  /** Learns what the others count; undefined where there are none. */
  get refresh(): (() => Promise<void>) | undefined {
    if (this.#options === undefined) return undefined;
    return async () => {
      this.#snapshots = (await this.#pool?.snapshots()) ?? [];
      this.#otherCounts = hostCounts(this.#snapshots);
    };
  }

  otherCounts(cluster: string, hostKey: string): HostCounts {
    return this.#otherCounts(cluster, hostKey);
  }

  /** What all have counted since the call before. */
  async counters(): Promise<readonly CountedElsewhere[]> {
    await this.refresh?.();
    return this.#readCounters?.() ?? [];
  }

  /** Lets one of the others die. */
  crash(loop: number): void {
    this.#pool?.send(loop, { kind: 'crash' });
  }

  drain(): void {
    this.tell({ kind: 'drain' });
  }

  /** The others have no connections any more. */
  get isDrained(): boolean {
    return this.#pool?.isDrained ?? true;
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }

  #deliver(loop: number, message: Extract<ToWorker, { readonly kind: 'resources' }>): void {
    // the main loop's stores ask while they take something over
    if (loop === 0) queueMicrotask(() => this.#receive(message));
    else this.#pool?.send(loop, message);
  }

  #receive({ typeUrl, resources, removed }: Extract<ToWorker, { readonly kind: 'resources' }>): void {
    try {
      this.#assembly?.receive(typeUrl, resources, removed);
    } catch (error) {
      this.#parts.log.warn('configuration that another loop obeys is refused', { typeUrl, error: messageOf(error) });
    }
  }
}
